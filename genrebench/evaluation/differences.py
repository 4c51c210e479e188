"""The difference between two models in a mean over test tracks: interval, p-value, and what carries it.

Three tests look at a difference, and it counts only if all of them find it: random signs of the artists' sums, which is exact
for symmetric differences however unequal the artists; a symmetric bootstrap-t over artists (Hall 1988, "On Symmetric
Bootstrap Confidence Intervals"); and Student's t with the variance and degrees of freedom of
`genrebench.evaluation.variance`, which holds for skewed differences. None of them keeps its level alone where artists are
unequal and losses skewed; see `benchmarks/interval_coverage.py`. All functions are pure; the random numbers depend on `seed`
alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genrebench.evaluation.intervals import CONFIDENCE, MIN_UNITS, RESAMPLES, Floats, Units
from genrebench.evaluation.means import MeanInterval
from genrebench.evaluation.significance import SignTest
from genrebench.evaluation.variance import Trainings


@dataclass(frozen=True)
class Difference:
    """A mean difference, with what can be said of it.

    Parameters
    ----------
    mean : float
    interval : (float, float)
        95 % interval: the values that at least one of the tests doesn't reject; infinite with too few units.
    p_values : mapping of str to float
        By test: signs, bootstrap, student.
    smallest : float or None
        Smallest difference that the tests would find with 80 % power; None with too few units.
    top_share : float or None
        Part of the difference that the units which carry most of it make up; above 1 if the rest points the other way. None if
        there is no difference.
    n_top : int
        How many units these are: 5 % of the artists, or 1 % of the tracks, and at least one.
    """

    mean: float
    interval: tuple[float, float]
    p_values: Mapping[str, float]
    smallest: float | None
    top_share: float | None
    n_top: int

    @property
    def p_value(self) -> float:
        """The largest of the p-values."""
        return max(self.p_values.values())

    @property
    def found(self) -> bool:
        """Whether all tests find a difference at the 5 % level."""
        return self.p_value <= 1 - CONFIDENCE

    @property
    def undecided(self) -> bool:
        """Whether some of the tests find a difference, and others don't."""
        return not self.found and min(self.p_values.values()) <= 1 - CONFIDENCE


def mean_difference(
    differences: Floats, units: Units, trainings: Trainings | None = None, *, n: int = RESAMPLES, seed: int = 0
) -> Difference:
    """Interval and tests of a mean difference.

    Parameters
    ----------
    differences : ndarray of float, shape (n_tracks,)
        Score of one model minus that of the other, per track; with several trainings, of their means.
    units : Units
    trainings : Trainings, optional
        Variance of the mean difference between trainings, one column. Without it the result speaks of these trained models
        only.
    n : int
        Number of resamples and of sign patterns.

    Returns
    -------
    Difference
    """
    top_share, n_top = carried_by(differences, units)
    mean = float(differences.mean())
    sign_test = SignTest(differences[:, None], units, trainings, n=n, seed=seed)
    signs = float(sign_test.p_values()[0])
    if len(units) < MIN_UNITS:
        return Difference(
            mean, (-math.inf, math.inf), {"signs": signs, "bootstrap": 1.0, "student": 1.0}, None, top_share, n_top
        )
    bootstrap = MeanInterval(differences[:, None], units, trainings, n=n, seed=seed)
    low, high = (float(ends[0]) for ends in bootstrap.interval())
    of_signs = sign_test.interval()
    return Difference(
        mean,
        (min(low, of_signs[0]), max(high, of_signs[1])),
        {"signs": signs} | {name: float(p[0]) for name, p in bootstrap.p_values().items()},
        float(bootstrap.detectable()[0]),
        top_share,
        n_top,
    )


def carried_by(differences: Floats, units: Units) -> tuple[float | None, int]:
    """Part of a mean difference that the units which carry most of it make up, and how many units these are."""
    n_top = max(1, math.ceil(len(units) * (0.05 if units.name == "artist" else 0.01)))
    sums = units.sums(differences[:, None])[:, 0]
    total = float(sums.sum())
    if abs(total) <= 1e-12 * float(np.abs(sums).sum()):
        return None, n_top
    return float(np.sort(sums * np.sign(total))[-n_top:].sum()) / abs(total), n_top

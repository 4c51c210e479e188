"""Significance of differences between models: paired permutation test, McNemar's exact test, Holm's correction.

Conventions are those of `genrebench.evaluation.intervals`: the unit of every test is the artist where artists are known, else
the track. All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation.intervals import BLOCK, CONFIDENCE, MIN_UNITS, RESAMPLES, Floats, Units
from genrebench.evaluation.variance import Trainings


def permutation_test(
    differences: Floats, units: Units, trainings: Trainings | None = None, *, n: int = RESAMPLES, seed: int = 0
) -> Floats:
    """Two-sided paired permutation test of mean differences.

    The null hypothesis is that the two models are exchangeable: each unit's summed difference is as likely to have one sign
    as the other. It is exact then, however unequal the units; where one model is rarely but badly wrong, sums aren't
    symmetric and the test alone finds differences that aren't there: see `genrebench.evaluation.differences`.

    Parameters
    ----------
    differences : ndarray of shape (n_tracks, n_columns)
        Score of one model minus that of the other; one test per column.
    units : Units
    trainings : Trainings, optional
        Variance of the mean differences between trainings, by column.
    n : int
        Number of random sign patterns. If there are no more than `n` different ones, each is taken once instead.

    Returns
    -------
    ndarray of shape (n_columns,)
        p-values: (1 + patterns at least as extreme) / (1 + patterns), or the exact fraction if each pattern is taken once.
    """
    sums = units.sums(differences)
    flips = _Flips(units, sums, trainings, n, seed)
    extreme = np.zeros(sums.shape[1])
    for signs in sign_patterns(len(units), n, seed):
        extreme += _extreme(flips.scaled(signs @ sums), sums)
    return flips.share(extreme)


def permutation_interval(
    differences: Floats,
    units: Units,
    trainings: Trainings | None = None,
    *,
    n: int = RESAMPLES,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> tuple[float, float]:
    """Confidence interval of a mean difference: every value that `permutation_test` doesn't reject.

    So it contains 0 if and only if that test, with the same `n` and `seed`, finds no difference. It is infinite if the units
    are too few to reject any value: fewer than six, or more for a `level` above 0.95.

    Parameters
    ----------
    differences : ndarray of shape (n_tracks,)
    units, trainings, n, seed
        As in `permutation_test`.
    """
    if len(units) < MIN_UNITS:
        return -math.inf, math.inf
    sums = units.sums(differences[:, None])[:, 0]
    columns = np.stack([sums, units.sizes], axis=1)
    flipped = np.concatenate([signs @ columns for signs in sign_patterns(len(units), n, seed)])
    flips = _Flips(units, sums[:, None], trainings, n, seed)
    mean = float(differences.mean())
    # a value far from all differences outweighs them, so that its test is one of the sizes alone
    of_sizes = _extreme(flipped[:, 1:], units.sizes[:, None])
    if flips.share(of_sizes)[0] > 1 - level:
        return -math.inf, math.inf
    deviation, factor = flips.of_trainings(len(flipped))

    def accepted(value: float) -> bool:
        shifted = (flipped[:, :1] - value * flipped[:, 1:] + deviation) * factor
        extreme = _extreme(shifted, (sums - value * units.sizes)[:, None])
        return bool(flips.share(extreme)[0] > 1 - level)

    def end(step: float) -> float:
        while accepted(mean + step):
            step *= 2
        inside, outside = mean, mean + step
        for _ in range(50):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if accepted(middle) else (inside, middle)
        return inside

    step = float(np.abs(sums - mean * units.sizes).max()) / len(differences)
    return (end(-step), end(step)) if step > 0 or flips.trainings.variance.any() else (mean, mean)


class _Flips:
    """What random signs give, and other trainings in addition.

    A pattern's sum gets the deviation that other trainings may have, and is scaled by the error of the difference over the
    error that these trainings would have found: so both sides of the comparison are studentised.
    """

    def __init__(self, units: Units, sums: Floats, trainings: Trainings | None, n: int, seed: int) -> None:
        columns = sums.shape[1]
        self.trainings = trainings or Trainings.none(columns)
        self._tracks = float(units.sizes.sum())
        m = len(units)
        centred = sums - sums.sum(axis=0) / self._tracks * units.sizes[:, None]
        self._variance = (centred**2).sum(axis=0) * m / max(m - 1, 1) / self._tracks**2
        self._exact = 2**m <= n and not self.trainings.variance.any()
        self._patterns = 2**m if 2**m <= n else n
        self._rng = np.random.default_rng([seed, 2])

    def of_trainings(self, n: int) -> tuple[Floats, Floats]:
        """Deviation to add to `n` flipped sums, and the factor to scale them by, both of shape (n, n_columns)."""
        deviation, variance = self.trainings.draws(n, self._rng)
        total, drawn = self._variance + self.trainings.total, self._variance + variance
        factor = np.sqrt(np.divide(total, drawn, out=np.ones_like(variance), where=drawn > 0))
        return deviation * self._tracks, factor

    def scaled(self, flipped: Floats) -> Floats:
        """Flipped sums of shape (n_patterns, n_columns), with other trainings in them."""
        deviation, factor = self.of_trainings(len(flipped))
        moved: Floats = (flipped + deviation) * factor
        return moved

    def share(self, extreme: Floats) -> Floats:
        """p-values from the number of patterns at least as extreme as the observed one."""
        return extreme / self._patterns if self._exact else (1 + extreme) / (1 + self._patterns)


def sign_patterns(m: int, n: int, seed: int, *, every_pattern: bool = True, block: int | None = None) -> Iterator[Floats]:
    """Yield `n` random sign patterns, in blocks of shape (n_patterns, m); each pattern once, if there are no more than `n`."""
    if every_pattern and 2**m <= n:
        bits = ((np.arange(2**m)[:, None] >> np.arange(m)) & 1).astype(np.float64)
        yield 2 * bits - 1
        return
    rng = np.random.default_rng(seed)
    rows = block or max(1, BLOCK // m)
    for start in range(0, n, rows):
        size = min(rows, n - start)
        random = rng.integers(0, 256, size=(size, (m + 7) // 8), dtype=np.uint8)
        yield 2 * np.unpackbits(random, axis=1, count=m).astype(np.float64) - 1


def _extreme(flipped: Floats, sums: Floats) -> Floats:
    """Count the patterns that are at least as extreme as the observed one, which is the sum of `sums`, up to rounding."""
    rounding = 1e-12 * np.abs(sums).sum(axis=0)
    count: Floats = (np.abs(flipped) >= np.abs(sums.sum(axis=0)) - rounding).sum(axis=0).astype(np.float64)
    return count


def mcnemar(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> tuple[int, int, float]:
    """McNemar's exact test of equal accuracy.

    It assumes that the tracks are independent, which those of one artist aren't.

    Parameters
    ----------
    right_a, right_b : ndarray of bool, shape (n_tracks,)
        Whether each model's prediction is right.

    Returns
    -------
    only_a, only_b : int
        Tracks that only model a, and only model b, gets right.
    p : float
        Two-sided p-value of the binomial test; 1 if there are no such tracks.
    """
    from scipy.special import bdtr

    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    n = only_a + only_b
    return only_a, only_b, min(1.0, 2 * float(bdtr(min(only_a, only_b), n, 0.5))) if n else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple tests by Holm's method (1979), which controls the family-wise error rate."""
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    adjusted = np.minimum(np.maximum.accumulate(np.asarray(p, dtype=np.float64)[order] * factors), 1)
    result = np.empty(len(p))
    result[order] = adjusted
    return [float(value) for value in result]

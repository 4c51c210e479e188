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
from genrebench.evaluation.variance import Trainings, critical_value


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
    return SignTest(differences, units, trainings, n=n, seed=seed).p_values()


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
    return SignTest(differences[:, None], units, trainings, n=n, seed=seed).interval(level)


class SignTest:
    """The permutation test and its interval on the same random signs; see `permutation_test` and `permutation_interval`.

    With several trainings, a pattern's sum gets the deviation that other trainings may have, and is scaled by the error of the
    difference over the error that these trainings would have found: so both sides of the comparison are studentised.

    Parameters
    ----------
    differences : ndarray of shape (n_tracks, n_columns)
    units, trainings, n, seed
        As in `permutation_test`.
    """

    def __init__(
        self, differences: Floats, units: Units, trainings: Trainings | None = None, *, n: int = RESAMPLES, seed: int = 0
    ) -> None:
        self._trainings = trainings or Trainings.none(differences.shape[1])
        self._sizes, self._sums = units.sizes[:, None], units.sums(differences)
        self._tracks, m = len(differences), len(units)
        columns = np.hstack([self._sums, self._sizes])
        flipped = np.concatenate([signs @ columns for signs in sign_patterns(m, n, seed)])
        self._flipped, self._flipped_sizes = flipped[:, :-1], flipped[:, -1:]
        self._exact = len(flipped) == 2**m and not self._trainings.variance.any()
        centred = self._sums - self._sums.sum(axis=0) / self._tracks * self._sizes
        variance = (centred**2).sum(axis=0) * m / max(m - 1, 1) / self._tracks**2
        deviation, of_trainings = self._trainings.draws(len(flipped), np.random.default_rng([seed, 2]))
        total, drawn = variance + self._trainings.total, variance + of_trainings
        self._deviation = deviation * self._tracks
        self._factor = np.sqrt(np.divide(total, drawn, out=np.ones_like(drawn), where=drawn > 0))

    def p_values(self, value: float = 0.0) -> Floats:
        """p-values of "the mean difference is `value`", shape (n_columns,)."""
        flipped = (self._flipped - value * self._flipped_sizes + self._deviation) * self._factor
        return self._share(_extreme(flipped, self._sums - value * self._sizes))

    def interval(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """The values that the test of the first column doesn't reject."""
        # a value far from all differences outweighs them, so that its test is one of the sizes alone
        of_sizes = self._share(_extreme(self._flipped_sizes, self._sizes))[0]
        if len(self._sizes) < MIN_UNITS or of_sizes > 1 - level:
            return -math.inf, math.inf
        mean = float(self._sums[:, 0].sum()) / self._tracks

        def accepted(value: float) -> bool:
            return bool(self.p_values(value)[0] > 1 - level)

        def end(step: float) -> float:
            farthest = 1e6 * abs(step)
            while accepted(mean + step):
                step *= 2
                if abs(step) > farthest:  # two trainings say little: any value may be possible
                    return math.copysign(math.inf, step)
            inside, outside = mean, mean + step
            for _ in range(50):
                middle = (inside + outside) / 2
                inside, outside = (middle, outside) if accepted(middle) else (inside, middle)
            return inside

        of_trainings = math.sqrt(float(self._trainings.total[0]))
        if not self._sums[:, 0].any():  # the same on every track, so that only trainings can tell of others
            half = of_trainings * float(critical_value(self._trainings.variance, self._trainings.degrees, level)[0])
            return -half, half
        step = max(float(np.abs(self._sums[:, 0] - mean * self._sizes[:, 0]).max()) / self._tracks, of_trainings)
        return (end(-step), end(step)) if step > 0 else (mean, mean)

    def _share(self, extreme: Floats) -> Floats:
        """p-values from the number of patterns at least as extreme as the observed one."""
        patterns = len(self._flipped)
        return extreme / patterns if self._exact else (1 + extreme) / (1 + patterns)


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

"""Significance of differences between models: paired permutation test, McNemar's exact test, ties on a board.

Conventions are those of `genrebench.evaluation.intervals`: the unit of every test is the artist where artists are known, else
the track. All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation.intervals import BLOCK, CONFIDENCE, MIN_UNITS, RESAMPLES, Floats, Units, t_quantile


def permutation_test(differences: Floats, units: Units, *, n: int = RESAMPLES, seed: int = 0) -> Floats:
    """Two-sided paired permutation test of mean differences.

    The null hypothesis is that the two models are exchangeable: each unit's summed difference is as likely to have one sign as
    the other.

    Parameters
    ----------
    differences : ndarray of shape (n_tracks, n_columns)
        Score of one model minus that of the other; one test per column.
    units : Units
    n : int
        Number of random sign patterns. If there are no more than `n` different ones, each is taken once instead.

    Returns
    -------
    ndarray of shape (n_columns,)
        p-values: (1 + patterns at least as extreme) / (1 + patterns), or the exact fraction if each pattern is taken once.
    """
    sums = units.sums(differences)
    extreme, patterns = np.zeros(sums.shape[1]), 0
    for signs in _signs(len(units), n, seed):
        extreme += _extreme(signs @ sums, sums)
        patterns += len(signs)
    return _share(extreme, patterns, len(units), n)


def permutation_interval(
    differences: Floats, units: Units, *, n: int = RESAMPLES, seed: int = 0, level: float = CONFIDENCE
) -> tuple[float, float]:
    """Confidence interval of a mean difference: every value that `permutation_test` doesn't reject.

    So it contains 0 if and only if that test, with the same `n` and `seed`, finds no difference. It is infinite if the units
    are too few to reject any value: fewer than six, or more for a `level` above 0.95.

    Parameters
    ----------
    differences : ndarray of shape (n_tracks,)
    units, n, seed
        As in `permutation_test`.
    """
    if len(units) < MIN_UNITS:
        return -math.inf, math.inf
    sums = units.sums(differences[:, None])[:, 0]
    columns = np.stack([sums, units.sizes], axis=1)
    flipped = np.concatenate([signs @ columns for signs in _signs(len(units), n, seed)])
    mean = float(differences.mean())
    # a value far from all differences outweighs them, so that its test is one of the sizes alone
    of_sizes = _extreme(flipped[:, 1:], units.sizes[:, None])
    if _share(of_sizes, len(flipped), len(units), n)[0] > 1 - level:
        return -math.inf, math.inf

    def accepted(value: float) -> bool:
        shifted = flipped[:, :1] - value * flipped[:, 1:]
        extreme = _extreme(shifted, (sums - value * units.sizes)[:, None])
        return bool(_share(extreme, len(flipped), len(units), n)[0] > 1 - level)

    def end(step: float) -> float:
        while accepted(mean + step):
            step *= 2
        inside, outside = mean, mean + step
        for _ in range(50):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if accepted(middle) else (inside, middle)
        return inside

    step = float(np.abs(sums - mean * units.sizes).max()) / len(differences)
    return (end(-step), end(step)) if step > 0 else (mean, mean)


def _signs(m: int, n: int, seed: int) -> Iterator[Floats]:
    """Yield sign patterns in blocks of shape (n_patterns, m): each once if there are no more than `n`, else `n` random ones."""
    if 2**m <= n:
        bits = ((np.arange(2**m)[:, None] >> np.arange(m)) & 1).astype(np.float64)
        yield 2 * bits - 1
        return
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // m)
    for start in range(0, n, rows):
        size = min(rows, n - start)
        random = rng.integers(0, 256, size=(size, (m + 7) // 8), dtype=np.uint8)
        yield 2 * np.unpackbits(random, axis=1, count=m).astype(np.float64) - 1


def _extreme(flipped: Floats, sums: Floats) -> Floats:
    """Count the patterns that are at least as extreme as the observed one, which is the sum of `sums`, up to rounding."""
    rounding = 1e-12 * np.abs(sums).sum(axis=0)
    count: Floats = (np.abs(flipped) >= np.abs(sums.sum(axis=0)) - rounding).sum(axis=0).astype(np.float64)
    return count


def _share(extreme: Floats, patterns: int, m: int, n: int) -> Floats:
    return extreme / patterns if 2**m <= n else (1 + extreme) / (1 + patterns)


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


def pair_errors(losses: Floats, units: Units) -> tuple[Floats, Floats]:
    """Differences of mean loss between all pairs of columns, and their standard errors between units.

    Parameters
    ----------
    losses : ndarray of shape (n_tracks, n_models)

    Returns
    -------
    differences, errors : ndarray of shape (n_models, n_models)
        Row minus column.
    """
    n, m = len(losses), len(units)
    centred = losses - losses.mean(axis=1, keepdims=True)  # differences stay as they are, with less rounding
    means = centred.mean(axis=0)
    sums = units.sums(centred - means)
    products = sums.T @ sums
    squares = np.diag(products)
    variance = np.maximum(squares[:, None] + squares[None, :] - 2 * products, 0) * m / max(m - 1, 1)
    return means[:, None] - means[None, :], np.sqrt(variance) / n


def tied(losses: Floats, units: Units, *, level: float = CONFIDENCE, most: int = 2000) -> NDArray[np.bool_]:
    """Which pairs of columns this test set can't tell apart, shape (n_models, n_models).

    A pair is tied if `permutation_test` finds no difference. To save time, that test is run only for pairs whose t statistic is
    near Student's critical value, and for none if more than `most` pairs are, or if there are more than `most` units. All
    others are decided by Student's t test.

    Parameters
    ----------
    losses : ndarray of shape (n_tracks, n_models)
    units : Units
    level : float
    most : int
    """
    differences, errors = pair_errors(losses, units)
    m = len(units)
    critical = t_quantile((1 + level) / 2, max(m - 1, 1))
    ratio = np.divide(np.abs(differences), errors, out=np.where(differences == 0, 0.0, np.inf), where=errors > 0)
    result: NDArray[np.bool_] = ratio <= critical
    near = (ratio > 0.6 * critical) & (ratio < 1.8 * critical) if m >= 30 else ratio > 0
    first, second = np.nonzero(np.triu(near, 1))
    if 0 < len(first) <= most and m <= most:
        p = permutation_test(losses[:, first] - losses[:, second], units)
        result[first, second] = result[second, first] = p > 1 - level
    np.fill_diagonal(result, False)
    return result


def detectable(errors: NDArray[np.floating] | float, power: float = 0.8, level: float = CONFIDENCE) -> float:
    """Smallest difference that a two-sided test at 1 - `level` finds with probability `power`.

    Parameters
    ----------
    errors : float or ndarray
        Standard error of the difference; of several, the median counts.
    """
    normal = NormalDist()
    return float((normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)) * np.median(errors))

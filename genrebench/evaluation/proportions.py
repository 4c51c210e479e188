"""Confidence intervals of proportions, such as an accuracy or a recall, over tracks that come in units.

The bounds are binomial ones at the effective number of tracks, which is the number that would have the same variance if they
were independent (Korn and Graubard 1998, "Confidence intervals for proportions with small expected number of positive counts
estimated from survey data"). So they hold near 0 and 1 and for a handful of tracks, where a normal distribution doesn't.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrebench.evaluation.clusters import MANY, Clusters
from genrebench.evaluation.intervals import CONFIDENCE, Units
from genrebench.evaluation.variance import critical_value

Floats = NDArray[np.float64]

STEPS = 60
"""Most steps towards a bound: Newton's, of which a handful is enough, or half of the bracket where one would leave it."""

DIGITS = 14
"""Decimal places of a bound, so that it depends neither on the last step nor on the columns that are solved with it."""


def share_interval(
    hits: Floats,
    units: Units,
    level: float = CONFIDENCE,
    *,
    members: Floats | None = None,
    seed_variance: ArrayLike = 0.0,
    seed_degrees: ArrayLike = 0,
) -> tuple[Floats, Floats]:
    """Interval of the share of hits among the tracks of a population like these.

    Parameters
    ----------
    hits : ndarray of shape (n_tracks, n_columns)
        1 for a right prediction, 0 for a wrong one, or a mean of these over seeds.
    units : Units
    level : float
    members : ndarray of shape (n_tracks, n_columns), optional
        1 for tracks of the column, 0 for others, whose hits are 0; or a mean over seeds. All tracks by default. The columns
        are then parts of one thing, such as the genres, and rare ones take their correlation within units from all.
    seed_variance, seed_degrees : array that fits shape (n_columns,)
        Variance that k trainings add to the mean, s^2/k, and its k - 1 degrees of freedom. Without it the interval speaks of
        these trained models only.

    Returns
    -------
    low, high : ndarray of shape (n_columns,)
        nan for a column without tracks.
    """
    clusters = Clusters.of(hits, np.ones_like(hits) if members is None else members, units)
    of_units = clusters.variance if members is None else clusters.pooled
    variances, degrees = stacked((of_units, clusters.share_degrees), (seed_variance, seed_degrees))
    return bounds(clusters.ratio, variances, degrees, clusters.worth, level)


def stacked(*parts: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    """Estimates of variance and their degrees of freedom, as arrays of shape (n_parts, ...) for `bounds`."""
    shape = np.broadcast_shapes(*(np.shape(values) for part in parts for values in part))
    variances, degrees = (
        np.stack([np.broadcast_to(np.asarray(values, dtype=np.float64), shape) for values in column])
        for column in zip(*parts, strict=True)
    )
    return variances, degrees


def bounds(
    share: Floats, variances: Floats, degrees: Floats, worth: Floats, level: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Interval of proportions from their variance.

    Parameters
    ----------
    share : ndarray of shape (n_columns,)
    variances, degrees : ndarray of shape (n_parts, n_columns)
        Independent estimates of variance that add up, and their degrees of freedom. The effective number of tracks,
        share (1 - share) / variance, is multiplied by (z / t)^2, the squared ratio of the normal quantile to the
        `critical_value`.
    worth : ndarray of shape (n_columns,)
        Effective number of tracks where the variance is 0, as where all predictions are right.
    level : float
    """
    from scipy.special import ndtri  # here, since a board from its cache needs no SciPy

    variance = variances.sum(axis=0)
    known = variance > 1e-14
    effective = np.divide(share * (1 - share), variance, out=np.array(worth, dtype=np.float64), where=known)
    t = critical_value(variances, np.minimum(degrees, MANY), level)
    return midp_interval(share, effective * (ndtri((1 + level) / 2) / t) ** 2, level)


def midp_interval(share: Floats, n: Floats, level: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Mid-p interval of binomial proportions (Lancaster 1961), for numbers of tracks that needn't be whole.

    Half of the probability of the observed number counts for each tail; Clopper and Pearson's interval, which counts all of it
    twice, is wider than its level. The binomial tails are incomplete beta functions, which fractions of a track have too.

    Parameters
    ----------
    share, n : ndarray of shape (n_columns,)
        Proportion, and number of independent tracks that it is a proportion of.
    level : float

    Returns
    -------
    low, high : ndarray of shape (n_columns,)
    """
    from scipy.special import betainc, betaln

    hits, misses = share * n, (1 - share) * n
    any_hit, any_miss = hits > 1e-9, misses > 1e-9
    some_hits, some_misses = np.where(any_hit, hits, 1), np.where(any_miss, misses, 1)
    scales = betaln(hits + 1, some_misses), betaln(some_hits, misses + 1)

    def upper_tail(p: Floats) -> tuple[Floats, Floats]:
        """Probability of more hits than observed and half that of as many, and its derivative."""
        more = np.where(any_miss, betainc(hits + 1, some_misses, p), 0)
        as_many = np.where(any_hit, betainc(some_hits, misses + 1, p), 1)
        hit, miss = np.log(p), np.log1p(-p)
        slope = np.where(any_miss, np.exp(hits * hit + (some_misses - 1) * miss - scales[0]), 0)
        slope += np.where(any_hit, np.exp((some_hits - 1) * hit + misses * miss - scales[1]), 0)
        return (more + as_many) / 2, slope / 2

    def solve(probability: float) -> Floats:
        low, high = np.zeros_like(hits), np.ones_like(hits)
        bound = (hits + 0.5) / (n + 1)
        for _ in range(STEPS):
            with np.errstate(divide="ignore", invalid="ignore"):  # at 0 and 1
                tail, slope = upper_tail(bound)
                step = bound - (tail - probability) / slope
            low, high = np.where(tail < probability, bound, low), np.where(tail < probability, high, bound)
            last, bound = bound, np.where((low <= step) & (step <= high), step, (low + high) / 2)
            if not (np.abs(bound - last) > 1e-15).any():
                break
        return np.round(bound, DIGITS)

    ends = np.where(any_hit, solve((1 - level) / 2), 0), np.where(any_miss, solve((1 + level) / 2), 1)
    return np.where(np.isnan(share), np.nan, ends[0]), np.where(np.isnan(share), np.nan, ends[1])

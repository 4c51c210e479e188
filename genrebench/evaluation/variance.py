"""Variance of a mean over test tracks: between artists, and between trainings of one method.

Conventions are those of `genrebench.evaluation.intervals`: the unit is the artist where artists are known, else the track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from genrebench.evaluation.clusters import Clusters, kurtosis_degrees, seed_variance
from genrebench.evaluation.intervals import Floats, Units


@dataclass(frozen=True)
class Trainings:
    """Variance between trainings of the mean scores of several methods.

    Parameters
    ----------
    variance : ndarray of float, shape (n_parts, n_columns)
        s^2 / k, the squared standard error of a mean over k trainings; 0 where there is one training, which says nothing. The
        variance of a column is the sum of its parts: a score has one, a difference one for each method.
    degrees : ndarray of float, shape (n_parts, n_columns)
        Degrees of freedom, k - 1.
    """

    variance: Floats
    degrees: Floats

    @classmethod
    def of(cls, scores: Sequence[ArrayLike]) -> Trainings:
        """From the mean scores of each method's trainings: one sequence of `n_trainings` scores per method."""
        parts = [seed_variance(of_method) for of_method in scores]
        return cls(np.array([[float(variance) for variance, _ in parts]]), np.array([[float(degrees) for _, degrees in parts]]))

    @classmethod
    def none(cls, n_columns: int) -> Trainings:
        """No variance: what is said of the scores is said of these trained models."""
        return cls(np.zeros((1, n_columns)), np.zeros((1, n_columns)))

    @property
    def total(self) -> Floats:
        """Variance by column."""
        summed: Floats = self.variance.sum(axis=0)
        return summed

    def difference(self) -> Trainings:
        """Variance of the difference between the first two columns, as one column."""
        return Trainings(self.variance[0, :2, None], self.degrees[0, :2, None])

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw what other trainings would give: deviations of the means and their estimated variances, shape (n, n_columns)."""
        shape = (n, *self.variance.shape)
        if not self.variance.any():
            return np.zeros((n, shape[2])), np.zeros((n, shape[2]))
        degrees = np.maximum(self.degrees, 1)
        deviation = rng.normal(size=shape) * np.sqrt(self.variance)
        variance = self.variance * rng.chisquare(degrees, size=shape) / degrees
        return deviation.sum(axis=1), variance.sum(axis=1)


def critical_value(variances: Floats, degrees: Floats, level: float) -> Floats:
    """Quantile of the absolute value of a mean over its standard error, whose square is a sum of estimates of variance.

    Each estimate has degrees of freedom of its own. The quantile is the mean of those of Student's distributions, weighted by
    the variances (Cochran and Cox 1957, "Experimental Designs", 4.14). With two or three trainings Satterthwaite's degrees of
    freedom are too many whenever the estimate is too small by chance.

    Parameters
    ----------
    variances, degrees : ndarray, shape (n_parts, ...)
    level : float

    Returns
    -------
    ndarray, shape (...)
    """
    return _weighted_quantile(variances, degrees, np.full(variances.shape[1:], 1 - level))


def two_sided_p(t: Floats, variances: Floats, degrees: Floats) -> Floats:
    """p-value of the absolute value `t` of a mean over its standard error: where it is the `critical_value` of 1 - p."""
    low, high = np.full(t.shape, -300.0), np.zeros(t.shape)  # of log p
    for _ in range(60):
        middle = (low + high) / 2
        beyond = _weighted_quantile(variances, degrees, np.exp(middle)) > t
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return np.exp(high)


def _weighted_quantile(variances: Floats, degrees: Floats, p: Floats) -> Floats:
    from scipy.special import stdtrit

    total = variances.sum(axis=0)
    weights = np.divide(variances, total, out=np.zeros(variances.shape), where=total > 0)
    quantiles = np.where(weights > 0, stdtrit(np.maximum(degrees, 1), p / 2), 0)
    quantile: Floats = -(weights * quantiles).sum(axis=0)
    return quantile


def mean_variance(values: Floats, units: Units) -> tuple[Floats, Floats]:
    """Squared standard error of the mean of each column, and its degrees of freedom, both of shape (n_columns,).

    The variance is the larger of two estimates. The cluster-robust one squares the sums of the units. The one by variance
    components takes artists as exchangeable whatever their number of tracks: tau^2 between artists is the variance of their
    unweighted means less sigma^2 mean(1 / n_j), sigma^2 is pooled within artists, and the mean over all n tracks has the
    variance (tau^2 sum(n_j^2) + sigma^2 n) / n^2 (Searle, Casella and McCulloch 1992, "Variance Components", chapter 3).
    Where a few artists have most tracks, the first one depends on what these few happened to do; where artists are of equal
    size the two are the same.

    The degrees of freedom follow from the kurtosis of the artists' means x about the mean of all tracks: 2 (sum x^2)^2 / (sum
    x^4 - (sum x^2)^2 / m) by Satterthwaite's match of moments, at least 1 and at most m - 1. So a mean that a few artists or
    tracks carry has few degrees of freedom.

    Parameters
    ----------
    values : ndarray of float, shape (n_tracks, n_columns)
    units : Units
    """
    clusters, m = Clusters.of(values, np.ones_like(values), units), len(units)
    if len(units.strata) > 1:
        return clusters.robust, kurtosis_degrees(clusters.deviations, m)
    means = clusters.deviations / clusters.sizes
    within = clusters.squares - (means**2 * clusters.sizes).sum(axis=0)
    components = components_variance((means**2).sum(axis=0), within, units)
    return np.maximum(clusters.robust, components / len(values) ** 2), kurtosis_degrees(means, m)


def components_variance(between: Floats, within: Floats, units: Units) -> Floats:
    """n^2 times the variance of the mean by variance components; see `mean_variance`.

    Parameters
    ----------
    between : ndarray
        Sum over the units of their squared means, about the mean of all tracks.
    within : ndarray
        Sum over the tracks of their squared deviations from the mean of their unit.
    """
    n, m, sizes = len(units.codes), len(units), units.sizes
    sigma2 = np.maximum(within, 0) / (n - m) if n > m else np.zeros_like(within)
    tau2 = between / max(m - 1, 1) - sigma2 * float((1 / sizes).mean())
    variance: Floats = np.maximum(tau2 * float((sizes**2).sum()) + sigma2 * n, 0)
    return variance


def effective_units(sizes: Floats) -> float:
    """How many units of equal size would say as much as those of `sizes`: (sum n_j)^2 / sum(n_j^2), if a unit's tracks were
    alike.
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())

"""Variance of a mean over test tracks: between artists, and between trainings of one method.

Conventions are those of `genrebench.evaluation.intervals`: the unit is the artist where artists are known, else the track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from genrebench.evaluation.clusters import seed_variance
from genrebench.evaluation.intervals import Floats


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


def critical_value(variances: Floats, degrees: Floats, level: Floats | float) -> Floats:
    """Quantile of the absolute value of a mean over its standard error, whose square is a sum of estimates of variance.

    Each estimate has degrees of freedom of its own. The quantile is the mean of those of Student's distributions, weighted by
    the variances (Cochran and Cox 1957, "Experimental Designs", 4.14). With two or three trainings Satterthwaite's degrees of
    freedom are too many whenever the estimate is too small by chance.

    Parameters
    ----------
    variances, degrees : ndarray, shape (n_parts, ...)
    level : float, or array that fits shape (...)

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
    # without any variance, the first estimate counts
    first = np.broadcast_to(np.reshape(np.arange(len(variances)) == 0, (-1, *[1] * total.ndim)), variances.shape)
    weights = np.divide(variances, total, out=first.astype(np.float64), where=total > 0)
    quantiles = np.where(weights > 0, stdtrit(np.maximum(degrees, 1), p / 2), 0)
    quantile: Floats = -(weights * quantiles).sum(axis=0)
    return quantile


def effective_units(sizes: Floats) -> float:
    """How many units of equal size would say as much as those of `sizes`: (sum n_j)^2 / sum(n_j^2), if a unit's tracks were
    alike.
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())

"""Variance of means and shares over tracks that come in units, such as artists.

Conventions are those of `genrebench.evaluation.intervals`: tracks of one unit succeed and fail together. Each column of an
array of shape (n_tracks, n_columns) is a quantity of its own, which may live on some of the tracks only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrebench.evaluation.intervals import Units

Floats = NDArray[np.float64]

MANY = 1e9
"""Degrees of freedom of a variance that is known."""


@dataclass(frozen=True)
class Clusters:
    """Ratios of two sums over tracks in units: shares, and means where the denominators are 1.

    Parameters
    ----------
    ratio : ndarray of shape (n_columns,)
        Sum of the numerators by sum of the denominators; nan where the latter is 0.
    deviations : ndarray of shape (n_units, n_columns)
        Sums over each unit of numerator - ratio * denominator; they add up to 0.
    sizes : ndarray of shape (n_units, n_columns)
        Sums over each unit of the denominators.
    squares : ndarray of shape (n_columns,)
        Sum over the tracks of (numerator - ratio * denominator)^2 / denominator.
    n_tracks : ndarray of shape (n_columns,)
        Tracks whose denominator isn't 0.
    strata : tuple of ndarray of int
        As in `Units`.
    """

    ratio: Floats
    deviations: Floats
    sizes: Floats
    squares: Floats
    n_tracks: Floats
    strata: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, numerators: Floats, denominators: Floats, units: Units) -> Clusters:
        """Sum over the units.

        Parameters
        ----------
        numerators, denominators : ndarray of shape (n_tracks, n_columns)
            The denominators are at least 0; a track with 0 isn't part of the column, and its numerator is 0.
        units : Units
        """
        sizes, sums = units.sums(denominators), units.sums(numerators)
        total = sizes.sum(axis=0)
        ratio = np.divide(sums.sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0)
        known = np.nan_to_num(ratio)
        deviation = numerators - known * denominators
        inside = denominators > 0
        squares = np.divide(deviation**2, denominators, out=np.zeros_like(deviation), where=inside).sum(axis=0)
        return cls(ratio, sums - known * sizes, sizes, squares, inside.sum(axis=0).astype(np.float64), units.strata)

    @cached_property
    def total(self) -> Floats:
        """Sum of the denominators, shape (n_columns,)."""
        total: Floats = self.sizes.sum(axis=0)
        return total

    @cached_property
    def n_units(self) -> Floats:
        """Units with a track of the column, shape (n_columns,)."""
        count: Floats = (self.sizes > 0).sum(axis=0).astype(np.float64)
        return count

    @cached_property
    def worth(self) -> Floats:
        """Number of units of equal size that tell as much, shape (n_columns,): (sum n)^2 / sum n^2 (Kish 1965)."""
        return _divide(self.total**2, (self.sizes**2).sum(axis=0))

    @cached_property
    def robust(self) -> Floats:
        """Variance from the units' deviations, whatever their sizes have to do with them, shape (n_columns,)."""
        squares = np.zeros_like(self.total)
        for stratum in self.strata:
            sums, inside = self.deviations[stratum], self.sizes[stratum] > 0
            m = inside.sum(axis=0)
            if len(self.strata) > 1:
                sums = np.where(inside, sums - _divide(sums.sum(axis=0), m), 0)
            squares += (sums**2).sum(axis=0) * m / np.maximum(m - 1, 1)
        return _divide(squares, self.total**2)

    @cached_property
    def _means(self) -> Floats:
        """Deviation of each unit's ratio from the mean of these, shape (n_units, n_columns); 0 for units without a track."""
        inside = self.sizes > 0
        ratios = _divide(self.deviations, self.sizes)
        return np.where(inside, ratios - _divide(ratios.sum(axis=0), self.n_units), 0)

    @cached_property
    def components(self) -> tuple[Floats, Floats]:
        """Variance between units and within them, each of shape (n_columns,), as if units of all sizes were alike."""
        inside, m = self.sizes > 0, self.n_units
        explained = (self.deviations * _divide(self.deviations, self.sizes)).sum(axis=0)
        inverse = _divide(_divide(inside.astype(np.float64), self.sizes).sum(axis=0), m)
        return variance_components((self._means**2).sum(axis=0), self.squares - explained, self.n_tracks, m, inverse)

    @cached_property
    def exchangeable(self) -> Floats:
        """Variance from the two `components`, shape (n_columns,)."""
        between, within = self.components
        return _divide(between * (self.sizes**2).sum(axis=0) + within * self.total, self.total**2)

    @cached_property
    def variance(self) -> Floats:
        """Variance of the ratio, shape (n_columns,): the larger of the two estimates.

        The robust one is too small where few large units make up most of the tracks; the other where large units are unlike
        small ones. With strata, whose units are single tracks, only the robust one is defined.
        """
        return self.robust if len(self.strata) > 1 else np.maximum(self.robust, self.exchangeable)

    @cached_property
    def pooled(self) -> Floats:
        """Like `variance`, but at least that of a correlation within units which all columns have in common, (n_columns,).

        For columns such as the genres: one with few units can't tell how much their tracks succeed and fail together.
        """
        between, within = self.components
        weights = np.where(self.n_tracks > self.n_units, self.total, 0)
        all_between, all_within = (between * weights).sum(), (within * weights).sum()
        common = all_between / (all_between + all_within) if all_between > 0 else 0.0
        inverse = (1 - common) * _divide(1, self.total) + common * _divide(1, self.worth)
        return np.maximum(self.variance, _divide(self.squares, self.total) * inverse)

    @cached_property
    def degrees(self) -> Floats:
        """Degrees of freedom of `variance`, from the kurtosis of the units' ratios, in [1, n_units - 1]; (n_columns,)."""
        return kurtosis_degrees(self._means, self.n_units)

    @cached_property
    def share_degrees(self) -> Floats:
        """Degrees of freedom where the ratios are shares of hits, shape (n_columns,).

        Single tracks are binomial: their variance follows from the share, and nothing about it is unknown.
        """
        return np.where(self.n_tracks == self.n_units, MANY, self.degrees)


def _divide(a: ArrayLike, b: ArrayLike) -> Floats:
    """Ratio a / b, and 0 where b is 0."""
    a, b = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    ratio: Floats = np.divide(a, b, out=np.zeros(a.shape), where=b != 0)
    return ratio


def variance_components(
    between: Floats, within: Floats, n_tracks: Floats | float, n_units: Floats | float, inverse: Floats | float
) -> tuple[Floats, Floats]:
    """Variance between units and within them, neither below 0 (Searle, Casella and McCulloch 1992, "Variance Components").

    Parameters
    ----------
    between : ndarray
        Sum over the units of their squared means, about the mean of these.
    within : ndarray
        Sum over the tracks of their squared deviations from the mean of their unit.
    n_tracks, n_units, inverse : array that fits the others
        Number of tracks and of units, and the mean over the units of 1 / their tracks.
    """
    inside = _divide(np.maximum(within, 0), np.maximum(n_tracks - n_units, 0))
    outside = between / np.maximum(n_units - 1, 1) - inside * inverse
    return np.maximum(outside, 0), inside


def kurtosis_degrees(deviations: Floats, n: ArrayLike) -> Floats:
    """Degrees of freedom of the variance of `n` numbers: 2 (sum x^2)^2 / (sum x^4 - (sum x^2)^2 / n), in [1, n - 1].

    These are 2 E^2 / Var of a sum of n squares, so a few large numbers give few degrees.

    Parameters
    ----------
    deviations : ndarray of shape (m, n_columns)
        Deviations from their mean; rows with 0 may be missing numbers.
    n : float or ndarray of shape (n_columns,)
    """
    squares = deviations**2
    second, fourth = squares.sum(axis=0), (squares**2).sum(axis=0)
    most = np.maximum(np.asarray(n, dtype=np.float64) - 1, 1)
    spread = fourth - second**2 / (most + 1)
    degrees = np.divide(2 * second**2, spread, out=np.full(second.shape, np.inf), where=spread > 1e-12 * fourth)
    clipped: Floats = np.clip(degrees, 1, most)
    return clipped


def seed_variance(scores: ArrayLike) -> tuple[Floats, int]:
    """Variance s^2/k that k trainings add to the mean of their scores, and its k - 1 degrees; 0, 0 for one training.

    Parameters
    ----------
    scores : array of shape (k, ...)
    """
    array = np.asarray(scores, dtype=np.float64)
    k = len(array)
    return (array.var(axis=0, ddof=1) / k, k - 1) if k > 1 else (np.zeros(array.shape[1:]), 0)


def correlations(deviations: Floats) -> Floats:
    """Correlations between the columns' errors from the units' deviations, shape (n_columns, n_columns)."""
    covariance = deviations.T @ deviations
    scale = np.sqrt(np.diag(covariance))
    result = _divide(covariance, np.outer(scale, scale))
    np.fill_diagonal(result, 1)
    return result

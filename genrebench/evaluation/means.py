"""Interval and test of a mean over test tracks, such as a mean log loss.

All functions are pure; the random numbers depend on `seed` alone.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation.clusters import Clusters
from genrebench.evaluation.intervals import CONFIDENCE, RESAMPLES, Floats, Units, resamples
from genrebench.evaluation.power import POWER, few_units_factor
from genrebench.evaluation.variance import Trainings, critical_value, effective_units, two_sided_p


class MeanInterval:
    """Interval of means over tracks by bootstrap-t and Student's t, the wider of the two.

    The mean of a resample is the ratio of its units' sums to their sizes. Its difference from the mean of all tracks, divided
    by its own linearised standard error, is a t statistic. The bootstrap takes the quantile of its absolute value, and so
    keeps its coverage for skewed losses (Hall 1988, "On Symmetric Bootstrap Confidence Intervals"). Where few artists have
    most tracks it is too narrow; there Student's t with the variance and degrees of freedom of
    `genrebench.evaluation.clusters.Clusters` is wider.

    Parameters
    ----------
    values : ndarray of shape (n_tracks, n_columns)
        One interval per column.
    units : Units
    trainings : Trainings, optional
        Variance of the means between trainings, by column. The interval then speaks of other trainings as well as of other
        tracks; without it, of these trained models.
    n : int
        Number of resamples.
    seed : int
        Of the resamples, and of the random numbers that stand for other trainings.
    """

    def __init__(
        self, values: Floats, units: Units, trainings: Trainings | None = None, *, n: int = RESAMPLES, seed: int = 0
    ) -> None:
        self.units = units
        self._n, self._seed = n, seed
        self.mean: Floats = values.mean(axis=0)
        self.trainings = trainings or Trainings.none(len(self.mean))
        self.deviations = units.sums(values - self.mean)
        self._parts = [
            (stratum, np.hstack([u, u**2, u * s[:, None], s[:, None], s[:, None] ** 2]), len(stratum))
            for stratum in units.strata
            for u, s in [(self.deviations[stratum], units.sizes[stratum])]
        ]
        self._unit_error = self._studentise(np.ones((1, len(units))))[1][0]
        self.error: Floats = np.sqrt(self._unit_error**2 + self.trainings.total)
        clusters = Clusters.of(values, np.ones_like(values), units)
        self._variances = np.concatenate([clusters.variance[None], self.trainings.variance])
        self._degrees = np.concatenate([clusters.degrees[None], self.trainings.degrees])
        self._student_error = np.sqrt(self._variances.sum(axis=0))

    @cached_property
    def _statistics(self) -> Floats:
        """Absolute value of the t statistic of each resample, shape (n_resamples, n_columns)."""
        rng = np.random.default_rng([self._seed, 1])
        blocks = []
        for weights in resamples(self.units, self._n, self._seed):
            shift, error = self._studentise(weights)
            deviation, variance = self.trainings.draws(len(weights), rng)
            shift, error = shift + deviation, np.sqrt(error**2 + variance)
            # in a resample of equal values the error is 0, up to rounding, and the statistic undefined
            blocks.append(np.abs(np.divide(shift, error, out=np.zeros_like(shift), where=error > 1e-6 * self.error)))
        return np.concatenate(blocks)

    def _studentise(self, weights: NDArray[np.number]) -> tuple[Floats, Floats]:
        columns = self.deviations.shape[1]
        drawn = [weights] if len(self._parts) == 1 else [weights[:, stratum] for stratum, _, _ in self._parts]
        sums = [w.astype(np.float64) @ part for w, (_, part, _) in zip(drawn, self._parts, strict=True)]
        total: Floats = np.sum([s[:, -2:-1] for s in sums], axis=0)
        shift: Floats = np.sum([s[:, :columns] for s in sums], axis=0) / total
        variance = np.zeros_like(shift)
        for (_, _, m), s in zip(self._parts, sums, strict=True):
            u, uu, us, size, size2 = np.split(s, [columns, 2 * columns, 3 * columns, 3 * columns + 1], axis=1)
            residual = uu - 2 * shift * us + shift**2 * size2 - (u - shift * size) ** 2 / m
            variance += np.maximum(residual, 0) * m / max(m - 1, 1)
        return shift, np.sqrt(variance) / total

    def interval(self, level: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Ends of the interval, each of shape (n_columns,)."""
        half = self._half_width(level)
        return self.mean - half, self.mean + half

    def p_values(self) -> dict[str, Floats]:
        """Two-sided p-values of "the mean is 0", each of shape (n_columns,), by bootstrap and by Student's t."""
        extreme = (self._statistics >= self._t_values(self.error)).sum(axis=0)
        return {
            "bootstrap": (1 + extreme) / (1 + len(self._statistics)),
            "student": two_sided_p(self._t_values(self._student_error), self._variances, self._degrees),
        }

    def _t_values(self, error: Floats) -> Floats:
        size = np.abs(self.mean)
        values: Floats = np.divide(size, error, out=np.where(size > 0, np.inf, 0.0), where=error > 0)
        return values

    def detectable(self, power: float = POWER, level: float = CONFIDENCE) -> Floats:
        """Smallest mean that these tests would tell from 0 with probability `power`, by column."""
        by_power = critical_value(self._variances, self._degrees, 2 * power - 1) * self._student_error
        smallest: Floats = (self._half_width(level) + by_power) * few_units_factor(effective_units(self.units.sizes))
        return smallest

    def _half_width(self, level: float) -> Floats:
        bootstrap = np.quantile(self._statistics, level, axis=0, method="higher") * self.error
        student = critical_value(self._variances, self._degrees, level) * self._student_error
        half: Floats = np.maximum(bootstrap, student)
        return half


def mean_interval(
    values: Floats,
    units: Units,
    trainings: Trainings | None = None,
    *,
    n: int = RESAMPLES,
    seed: int = 0,
    level: float = CONFIDENCE,
) -> tuple[float, float]:
    """Confidence interval of the mean of `values`, shape (n_tracks,); see `MeanInterval`."""
    low, high = MeanInterval(values[:, None], units, trainings, n=n, seed=seed).interval(level)
    return float(low[0]), float(high[0])

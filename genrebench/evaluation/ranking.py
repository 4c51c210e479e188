"""Which models of a board can be told apart, and the ranks that each may have, with one confidence for the whole board.

All pairs are tested together: random signs of the artists' sums give the distribution of the largest t statistic of any pair
if no two models differ (max-T; Westfall and Young 1993, "Resampling-Based Multiple Testing"). A pair is told apart if its own
statistic is beyond the 95 % quantile of that. From these come rank intervals that hold for all rows at once (Mogstad, Romano,
Shaikh and Wilhelm 2024, "Inference for Ranks with Applications to Mobility across Neighbourhoods and Academic Achievement
across Countries"): a row stands below every row that is better, and above every row that is worse. A row may be the best
unless some row is better than it by more than the largest of its own differences could be by chance (Hsu 1984, "Constrained
Simultaneous Confidence Intervals for Multiple Comparisons with the Best").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation.clusters import kurtosis_degrees, variance_components
from genrebench.evaluation.intervals import CONFIDENCE, MIN_UNITS, Floats, Units
from genrebench.evaluation.power import POWER, few_units_factor
from genrebench.evaluation.significance import sign_patterns
from genrebench.evaluation.variance import Trainings, critical_value, effective_units
from genrebench.progress import Progress, no_progress

PATTERNS = 4000
"""Sign patterns for a board; fewer, down to 1000, on boards of hundreds of rows."""

BLOCK = 8_000_000
"""Most pair statistics in memory at a time."""


@dataclass(frozen=True)
class Ranking:
    """What a test set says of the order of several models.

    Parameters
    ----------
    tied : ndarray of bool, shape (n_models, n_models)
        Pairs that can't be told apart; all of them with too few units.
    low, high : ndarray of int, shape (n_models,)
        Ends of the rank intervals, from 1; they hold for all models at once.
    may_be_best : ndarray of bool, shape (n_models,)
        Holds the best model with 95 % confidence.
    smallest : float or None
        Smallest difference between two models, taken by themselves, that a t test would find with 80 % power, for the median
        pair; None with fewer than two models, or too few units.
    """

    tied: NDArray[np.bool_]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    may_be_best: NDArray[np.bool_]
    smallest: float | None


def rank_models(
    losses: Floats,
    units: Units,
    trainings: Trainings,
    *,
    n: int = PATTERNS,
    seed: int = 0,
    level: float = CONFIDENCE,
    n_smallest: int | None = None,
    progress: Progress = no_progress,
) -> Ranking:
    """Test all pairs of models together, and rank them.

    Parameters
    ----------
    losses : ndarray of float, shape (n_tracks, n_models)
        Loss per track, the mean over the trainings of each model; lower is better.
    units : Units
    trainings : Trainings
        Variance between trainings, by model.
    n : int
        Sign patterns.
    n_smallest : int, optional
        The first so many models count for `smallest`; default all.
    progress : callable, optional
        As in `genrebench.plugin.contract.Context`.
    """
    n_models, m = losses.shape[1], len(units)
    if m < MIN_UNITS or n_models < 2:
        every = np.ones(n_models, dtype=bool)
        return Ranking(~np.eye(n_models, dtype=bool), every * 1, every * n_models, every, None)
    pairs = _Pairs(losses, units, trainings)
    n = int(np.clip(4e8 / n_models**2, min(n, 1000), n))
    rng = np.random.default_rng([seed, 3])
    largest, ahead = np.empty(n), np.empty((n, n_models), dtype=np.float32)
    done, block = 0, max(1, BLOCK // n_models**2)
    patterns = sign_patterns(m, n, seed, every_pattern=False, block=block)
    for signs in progress(patterns, "comparing all pairs of rows", -(-n // block)):
        rows = slice(done, done + len(signs))
        ahead[rows] = pairs.largest(signs, rng)
        largest[rows] = ahead[rows].max(axis=1)
        done += len(signs)
    critical = np.quantile(largest, level, method="higher")
    better = pairs.beyond(np.full(n_models, critical))
    apart = better | better.T
    surely_behind = pairs.beyond(np.quantile(ahead, level, axis=0, method="higher")).any(axis=1)
    return Ranking(
        ~apart & ~np.eye(n_models, dtype=bool),
        1 + better.sum(axis=1),
        n_models - better.sum(axis=0),
        np.logical_not(surely_behind),
        pairs.smallest(n_models if n_smallest is None else n_smallest),
    )


class _Pairs:
    """t statistics of the differences between all pairs of models, row minus column."""

    def __init__(self, losses: Floats, units: Units, trainings: Trainings) -> None:
        self._trainings, self._units, self._tracks = trainings, units, float(len(losses))
        m, n_models = len(units), losses.shape[1]
        centred = losses - losses.mean(axis=1, keepdims=True)  # differences stay as they are, with less rounding
        means = centred.mean(axis=0)
        self._sums = units.sums(centred) / self._tracks
        unit_means = units.sums(centred - means) / units.sizes[:, None]
        of_units = _pair_squares(unit_means * units.sizes[:, None]) / self._tracks**2 * m / (m - 1)
        within = _pair_squares(centred - means) - _pair_squares(unit_means * np.sqrt(units.sizes)[:, None])
        unit_means -= unit_means.mean(axis=0)
        inverse = float((1 / units.sizes).mean())
        tau2, sigma2 = variance_components(_pair_squares(unit_means), within, self._tracks, m, inverse)
        components = (tau2 * float((units.sizes**2).sum()) + sigma2 * self._tracks) / self._tracks**2
        variance = of_units if len(units.strata) > 1 else np.maximum(of_units, components)
        degrees = np.stack([kurtosis_degrees(unit_means[:, i, None] - unit_means, m) for i in range(n_models)])
        seeds, of_seeds = _both(trainings.total), _both(trainings.degrees[0])
        self._variances, self._degrees = np.stack([variance, *seeds]), np.stack([degrees, *of_seeds])
        self._error = np.sqrt(self._variances.sum(axis=0))
        self._plain = np.stack([of_units, *seeds]), np.stack([np.full_like(of_units, m - 1), *of_seeds])
        self._uncentred = _pair_squares(self._sums)
        scale = np.sqrt(self._uncentred + seeds.sum(axis=0))
        difference = np.subtract.outer(means, means)
        rounding = 1e-12 * np.abs(losses).max(initial=0.0)
        self._observed = np.divide(difference, scale, out=np.zeros_like(scale), where=scale > rounding)

    def beyond(self, critical: Floats) -> NDArray[np.bool_]:
        """Pairs whose statistic is beyond the critical value of the row: the column has the lower loss.

        The critical value is stretched as Student's interval is by the variance and the degrees of freedom of `Clusters`, at
        the level that it is the quantile of, which is far out for many models; but no farther than Bonferroni's.
        """
        from scipy.special import ndtr

        n_models = len(critical)
        n_pairs = n_models * (n_models - 1) / 2
        level = 1 - np.clip(2 * ndtr(-critical), (1 - CONFIDENCE) / n_pairs, 1 - CONFIDENCE)[:, None]
        wide = critical_value(self._variances, self._degrees, level) * self._error
        narrow = critical_value(*self._plain, level) * np.sqrt(self._plain[0].sum(axis=0))
        factor = np.maximum(np.divide(wide, narrow, out=np.ones_like(wide), where=narrow > 0), 1)
        beyond: NDArray[np.bool_] = self._observed > critical[:, None] * factor
        return beyond

    def largest(self, signs: Floats, rng: np.random.Generator) -> NDArray[np.float32]:
        """Largest statistic of each row under random signs, shape (n_patterns, n_models)."""
        deviation, variance = self._trainings.draws(len(signs), rng)
        flipped = (signs @ self._sums + deviation).astype(np.float32)
        uncentred, drawn = self._uncentred.astype(np.float32), variance.astype(np.float32)
        result = np.empty(flipped.shape, dtype=np.float32)
        # one pattern at a time, in arrays that stay in the processor's cache
        difference, scale = np.empty_like(uncentred), np.sqrt(self._uncentred).astype(np.float32)
        scale[scale == 0] = 1
        for i in range(len(signs)):
            if variance.any():
                np.add(uncentred, drawn[i][:, None], out=scale)
                np.sqrt(np.add(scale, drawn[i], out=scale), out=scale)
                scale[scale == 0] = 1
            np.subtract.outer(flipped[i], flipped[i], out=difference)
            np.divide(difference, scale, out=difference).max(axis=1, out=result[i])
        return result

    def smallest(self, n_models: int) -> float | None:
        """Smallest difference that a t test of the median pair of the first models finds with 80 % power."""
        if n_models < 2:
            return None
        first = np.s_[:, :n_models, :n_models]
        upper = np.triu_indices(n_models, 1)
        variances, degrees = self._variances[first][:, *upper], self._degrees[first][:, *upper]
        quantiles = critical_value(variances, degrees, CONFIDENCE) + critical_value(variances, degrees, 2 * POWER - 1)
        return float(np.median(quantiles * np.sqrt(variances.sum(axis=0)))) * few_units_factor(
            effective_units(self._units.sizes)
        )


def _pair_squares(columns: Floats) -> Floats:
    """Sum of the squared differences of each pair of columns, shape (n_columns, n_columns)."""
    products = columns.T @ columns
    squares = np.diag(products)
    result: Floats = np.maximum(squares[:, None] + squares[None, :] - 2 * products, 0)
    return result


def _both(values: Floats) -> Floats:
    """The values of the row and of the column for each pair, shape (2, n, n)."""
    return np.stack(np.broadcast_arrays(values[:, None], values[None, :]))

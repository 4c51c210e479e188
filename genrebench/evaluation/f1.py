"""Confidence intervals of precision, recall and F1 per genre, and of macro and weighted F1.

What they are intervals of: the score over the population that the test tracks were drawn from, so F1 from the shares of true
and predicted genres in all tracks like these. The mean of F1 over many test sets of this size is lower, since F1 is a curved
function of counts: by about `F1.bias`, which reaches 0.07 where genres have one or two artists. The intervals of macro and
weighted F1 hold for both; their upper bound includes the bias, and their lower one doesn't.

How: F1 is 2 J / (1 + J), where J = TP / (TP + FP + FN) is a proportion, namely that of the right predictions among the tracks
that are of the genre or predicted as it. So the interval of a proportion gives that of F1, for rare genres too. Macro F1
takes its bounds from those of the genres (Zou and Donner 2008, "Construction of confidence limits about effect measures: a
general approach", with the correlations between genres) instead of from resamples, of which most lack a rare genre. Where
artists are unequal, the genres err together: what large artists are like is told by few of them in each genre, so if they are
easier or harder than small ones, all genres are off to the same side. `UNEQUAL_CORRELATION` takes care of that.

Conventions: `labels` has shape (n_tracks,), `predicted` one such array per seed; the scores are means over the seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation.clusters import MANY, Clusters, correlations, kurtosis_degrees, seed_variance
from genrebench.evaluation.intervals import CONFIDENCE, Units
from genrebench.evaluation.proportions import bounds, share_interval, stacked
from genrebench.evaluation.variance import critical_value, effective_units

MIN_GENRE_UNITS = 3
"""Fewest units with tracks of a genre for an interval of its scores; with fewer it would be nearly all of [0, 1]."""

MIN_MACRO_UNITS = 2
"""Fewest units of each genre for an interval of macro F1, which in simulations held 90 % where genres had only one."""

UNEQUAL_CORRELATION = 0.25
"""Least correlation between the errors of two genres where a few artists have all tracks; it shrinks to 0 for equal artists.

Found by simulation (`benchmarks/f1_coverage.py`): without it, 79 to 94 % of intervals of macro F1 hold the truth where the
largest of "heavy" artists have 7 times the odds of the smallest; with it 95 % or more."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class F1:
    """F1 of all genres on one set of test tracks.

    Parameters
    ----------
    labels : ndarray of int, shape (n_tracks,)
    predicted : sequence of ndarray of int, shape (n_tracks,)
        Predicted genres, one array per seed.
    n_genres : int
    units : Units
    """

    labels: Integers
    predicted: Sequence[Integers]
    n_genres: int
    units: Units

    @cached_property
    def true(self) -> Floats:
        """1 for tracks of the genre, shape (n_tracks, n_genres)."""
        return one_hot(self.labels, self.n_genres)

    @cached_property
    def _by_seed(self) -> list[Floats]:
        return [one_hot(of_seed, self.n_genres) for of_seed in self.predicted]

    @cached_property
    def hits(self) -> Floats:
        """Share of the seeds that predict the genre rightly, shape (n_tracks, n_genres)."""
        hits: Floats = np.mean([self.true * positive for positive in self._by_seed], axis=0)
        return hits

    @cached_property
    def positive(self) -> Floats:
        """Share of the seeds that predict the genre, shape (n_tracks, n_genres)."""
        positive: Floats = np.mean(self._by_seed, axis=0)
        return positive

    @cached_property
    def support(self) -> Floats:
        """Tracks of each genre, shape (n_genres,)."""
        support: Floats = self.true.sum(axis=0)
        return support

    @cached_property
    def by_seed(self) -> Floats:
        """F1 of each seed and genre, shape (n_seeds, n_genres); 0 for a genre that is neither true nor predicted."""
        return _ratio(2 * self._hits_by_seed, self._positive_by_seed + self.support)

    @cached_property
    def precision_by_seed(self) -> Floats:
        """Precision of each seed and genre, shape (n_seeds, n_genres); 0 for a genre that isn't predicted."""
        return _ratio(self._hits_by_seed, self._positive_by_seed)

    @cached_property
    def recall_by_seed(self) -> Floats:
        """Recall of each seed and genre, shape (n_seeds, n_genres); 0 for a genre without tracks."""
        return _ratio(self._hits_by_seed, self.support)

    @cached_property
    def _hits_by_seed(self) -> Floats:
        return np.array([(self.true * positive).sum(axis=0) for positive in self._by_seed])

    @cached_property
    def _positive_by_seed(self) -> Floats:
        return np.array([positive.sum(axis=0) for positive in self._by_seed])

    @cached_property
    def _clusters(self) -> Clusters:
        """Right predictions among the tracks that are of the genre or predicted as it."""
        return Clusters.of(self.hits, self.true + self.positive - self.hits, self.units)

    @cached_property
    def _shares(self) -> Floats:
        return np.nan_to_num(self._clusters.ratio)

    @cached_property
    def _slopes(self) -> Floats:
        """Derivatives of F1 by the shares."""
        slopes: Floats = 2 / (1 + self._shares) ** 2
        return slopes

    def genres(self, level: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Ends of the intervals of the genres' F1, each of shape (n_genres,); nan with fewer than `MIN_GENRE_UNITS`."""
        variance, degrees = seed_variance(self.by_seed)
        of_units = (self._clusters.pooled, self._clusters.share_degrees)
        below, above = self._distances(*stacked(of_units, (variance / self._slopes**2, degrees)), level)
        mean = self.by_seed.mean(axis=0)
        scarce = units_per_genre(self.true, self.units) < MIN_GENRE_UNITS
        low, high = (np.where(scarce, np.nan, np.clip(end, 0, 1)) for end in (mean - below, mean + above))
        return low, high

    def _distances(self, variances: Floats, degrees: Floats, level: float) -> tuple[Floats, Floats]:
        """How far below and above F1 its bounds are, each of shape (n_genres,)."""
        shares = self._shares
        worth = np.maximum(self._clusters.worth, 1)
        low, high = (2 * end / (1 + end) for end in bounds(shares, variances, degrees, worth, level))
        middle = 2 * shares / (1 + shares)
        return middle - low, high - middle

    @cached_property
    def bias(self) -> Floats:
        """Mean of F1 over test sets less that of the population, to second order, shape (n_genres,).

        F1 is a ratio with the denominator B = 2 TP + FP + FN; its bias is -cov(numerator - F1 B, B) / B^2 over the units.
        """
        m = len(self.units)
        sizes = self.units.sums(self.true + self.positive)
        total = np.maximum(sizes.sum(axis=0), 1e-9)
        hits = self.units.sums(2 * self.hits)
        residuals = hits - hits.sum(axis=0) / total * sizes
        bias: Floats = -m / max(m - 1, 1) * (residuals * sizes).sum(axis=0) / total**2
        return bias

    def macro(self, level: float = CONFIDENCE) -> Interval:
        """Interval of the mean F1 over the genres with tracks."""
        from scipy.special import ndtri

        clusters, m, present = self._clusters, len(self.units), self.support > 0
        weights = present / present.sum()
        z, factor = float(ndtri((1 + level) / 2)), m / max(m - 1, 1)
        parts = weights * self._slopes * _centred(clusters) / np.maximum(clusters.total, 1e-9)
        errors = parts.sum(axis=1, keepdims=True)
        scores = self.by_seed @ weights
        seeds, seed_degrees = seed_variance(scores)
        of_units = (factor * (errors**2).sum(), kurtosis_degrees(errors, m)[0])
        t_by_z = float(critical_value(*stacked(of_units, (seeds, seed_degrees)), level)) / z
        unequal = UNEQUAL_CORRELATION * (1 - effective_units(self.units.sizes) / m)
        rho, widths = np.maximum(correlations(parts), unequal), []
        for distances in self._distances(*stacked((self._clusters.pooled, MANY)), level):
            each = weights * distances
            widths.append(t_by_z * np.sqrt(max(each @ rho @ each, 0) + z**2 * seeds))
        score = float(scores.mean())
        return self._with_bias(score - widths[0], score + widths[1], weights)

    def weighted(self, level: float = CONFIDENCE) -> Interval:
        """Interval of the mean F1 over the genres, weighted by their shares of the tracks, which are estimates themselves.

        Rare genres weigh little, so it is that of a proportion: what each track adds to the score takes the place of its hit.
        """
        n = len(self.labels)
        weights, f1 = self.support / n, self.by_seed.mean(axis=0)
        scores = self.by_seed @ weights
        score = float(scores.mean())
        unions = self.true + self.positive - self.hits
        of_genres = (self.hits - self._shares * unions) @ (weights * self._slopes / np.maximum(self._clusters.total, 1e-9))
        added = n * of_genres + f1[self.labels]
        clusters = Clusters.of(added[:, None], np.ones((n, 1)), self.units)
        parts = stacked((clusters.variance, clusters.share_degrees), seed_variance(scores))
        (low,), (high,) = bounds(np.array([score]), *parts, clusters.worth, level)
        return self._with_bias(low, high, weights)

    def _with_bias(self, low: float, high: float, weights: Floats) -> Interval:
        bias = float(weights @ self.bias)
        return float(np.clip(low - max(bias, 0), 0, 1)), float(np.clip(high - min(bias, 0), 0, 1))


def _centred(clusters: Clusters) -> Floats:
    """The units' deviations, from the mean of their stratum where there are several."""
    deviations = clusters.deviations.copy()
    for stratum in clusters.strata if len(clusters.strata) > 1 else ():
        deviations[stratum] -= deviations[stratum].mean(axis=0)
    return deviations


def genre_intervals(
    labels: Integers, predicted: Sequence[Integers], n_genres: int, units: Units
) -> dict[str, list[Interval | None]]:
    """95 % intervals of precision, recall and F1, by genre; None with fewer than `MIN_GENRE_UNITS` units to tell them."""
    f1 = F1(labels, predicted, n_genres, units)
    scores = {"f1": f1.genres()}
    for name, members, by_seed in (
        ("precision", f1.positive, f1.precision_by_seed),
        ("recall", f1.true, f1.recall_by_seed),
    ):
        scarce = units_per_genre(members, units) < MIN_GENRE_UNITS
        variance, degrees = seed_variance(by_seed)
        low, high = share_interval(f1.hits, units, members=members, seed_variance=variance, seed_degrees=degrees)
        scores[name] = np.where(scarce, np.nan, low), np.where(scarce, np.nan, high)
    return {
        name: [None if np.isnan(low) else (float(low), float(high)) for low, high in zip(*ends, strict=True)]
        for name, ends in scores.items()
    }


def _ratio(hits: Floats, total: Floats) -> Floats:
    """Ratio hits / total, and 0 where `total` is 0."""
    ratio: Floats = np.divide(hits, total, out=np.zeros_like(hits), where=np.broadcast_to(total, hits.shape) > 0)
    return ratio


def one_hot(genres: Integers, n_genres: int) -> Floats:
    """1 for each track's genre and 0 for the others, shape (n_tracks, n_genres)."""
    indicators: Floats = (genres[:, None] == np.arange(n_genres)).astype(np.float64)
    return indicators


def units_per_genre(members: Floats, units: Units) -> Integers:
    """Units with tracks of each genre, shape (n_genres,), from 1 for its tracks and 0 for others, (n_tracks, n_genres)."""
    counts: Integers = (units.sums(members) > 0).sum(axis=0)
    return counts


def scarce_genres(labels: Integers, n_genres: int, units: Units) -> list[int]:
    """Genres that have test tracks, but of fewer than `MIN_MACRO_UNITS` units, so that macro F1 has no interval."""
    counts = units_per_genre(one_hot(labels, n_genres), units)
    return [int(genre) for genre in np.flatnonzero((counts > 0) & (counts < MIN_MACRO_UNITS))]

"""Confidence intervals of scores: bootstrap over artists or tracks.

Conventions: the resampling unit is the artist where artists are known, else the track, since a model tends to get all tracks
of an artist right or all wrong. `groups` holds artist numbers, shape (n_tracks,), with -1 for a track whose artist isn't
known, which is a unit of its own. All functions are pure; the random numbers depend on `seed` alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95
MIN_UNITS = 6
"""Fewest units for an interval or a test: five can't give a two-sided p below 1/16, even if all agree."""

BLOCK = 4_000_000
"""Most resampling weights that are in memory at a time."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Units:
    """Resampling units: which tracks are drawn together.

    Parameters
    ----------
    codes : ndarray of int, shape (n_tracks,)
        Unit of each track, from 0.
    sizes : ndarray of float, shape (n_units,)
        Tracks of each unit.
    strata : tuple of ndarray of int
        The units of each stratum; strata are resampled separately, and each unit is in one.
    name : {"artist", "track"}
        What a unit is.
    """

    codes: Integers
    sizes: Floats
    strata: tuple[Integers, ...]
    name: Literal["artist", "track"]

    def __len__(self) -> int:
        return len(self.sizes)

    def sums(self, values: NDArray[np.floating]) -> Floats:
        """Sum `values`, shape (n_tracks, ...), over the tracks of each unit; shape (n_units, ...)."""
        if len(self) == len(self.codes):
            result = np.empty(values.shape, dtype=np.float64)
            result[self.codes] = values
            return result
        order = np.argsort(self.codes, kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)
        summed: Floats = np.add.reduceat(values[order].astype(np.float64), starts, axis=0)
        return summed


def sampling_units(groups: Integers, labels: Integers | None = None) -> Units:
    """Resampling units: artists, or tracks where no artist is known.

    Parameters
    ----------
    groups : ndarray of int, shape (n_tracks,)
    labels : ndarray of int, shape (n_tracks,), optional
        Genres to stratify by. To be given if the split fixed the number of test tracks per genre: resamples then keep these
        numbers. Genres with fewer than five tracks share a stratum. Ignored where any artist is known, since resamples of
        artists can't keep the numbers.
    """
    n = len(groups)
    unknown = groups < 0
    keys = np.where(unknown, groups.max(initial=0) + 1 + np.arange(n), groups)
    codes = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    sizes = np.bincount(codes).astype(np.float64)
    if labels is None or not unknown.all():
        return Units(codes, sizes, (np.arange(len(sizes)),), "track" if unknown.all() else "artist")
    counts = np.bincount(labels)
    stratum = np.where(counts[labels] < 5, -1, labels)
    return Units(codes, sizes, tuple(np.flatnonzero(stratum == value) for value in np.unique(stratum)), "track")


def resamples(units: Units, n: int = RESAMPLES, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """Yield how often each unit is drawn in each resample, in blocks of shape (n_resamples, n_units), `n` rows in all."""
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // len(units))
    for start in range(0, n, rows):
        size = min(rows, n - start)
        weights = np.empty((size, len(units)), dtype=np.float32)
        for stratum in units.strata:
            m = len(stratum)
            drawn = rng.integers(0, m, size=(size, m), dtype=np.int32)
            drawn += np.arange(0, size * m, m, dtype=np.int32)[:, None]
            weights[:, stratum] = np.bincount(drawn.ravel(), minlength=size * m).reshape(size, m)
        yield weights


# ------------------------------------------------------------------ intervals


class F1Interval:
    """Percentile bootstrap interval of macro and weighted F1, fed block by block.

    The percentiles are moved outwards for the number of units m, since a bootstrap distribution is too narrow by
    sqrt((m - 1) / m) and lacks the heavier tails of Student's t (Hesterberg 2015, "What Teachers Should Know About the
    Bootstrap", section 4.2). F1 is biased downwards on few tracks, and by as much again in resamples of them: so twice the
    bias, as the resamples show it, is subtracted from both ends.

    Parameters
    ----------
    labels : ndarray of int, shape (n_tracks,)
    predicted : sequence of ndarray of int, shape (n_tracks,)
        Predicted genres, one array per seed of the model; the scores are means over the seeds.
    n_genres : int
    units : Units
    """

    def __init__(self, labels: Integers, predicted: Sequence[Integers], n_genres: int, units: Units) -> None:
        self.units = units
        genre = np.arange(n_genres)
        true = labels[:, None] == genre
        columns = [true]
        for of_one_seed in predicted:
            positive = of_one_seed[:, None] == genre
            columns += [true & positive, positive]
        self._counts = units.sums(np.hstack(columns)).astype(np.float32)
        self._n_genres = n_genres
        self._scores: list[Floats] = []

    def add(self, weights: NDArray[np.float32]) -> None:
        """Add a block of resamples."""
        self._scores.append(self._score(weights @ self._counts))

    def _score(self, counts: NDArray[np.float32]) -> Floats:
        support, *rest = np.split(counts.astype(np.float64), counts.shape[1] // self._n_genres, axis=1)
        scores = np.zeros((len(counts), 2))
        present = support > 0
        for hits, predicted in zip(rest[::2], rest[1::2], strict=True):
            f1 = 2 * hits / np.maximum(predicted + support, 1)
            scores[:, 0] += (f1 * present).sum(axis=1) / present.sum(axis=1)
            scores[:, 1] += (f1 * support).sum(axis=1) / support.sum(axis=1)
        return scores / (len(rest) // 2)

    def interval(self, level: float = CONFIDENCE) -> tuple[Floats, Floats]:
        """Ends of the intervals, each of shape (2,): macro, weighted."""
        m = max(len(self.units), 2)
        tail = NormalDist().cdf(-math.sqrt(m / (m - 1)) * t_quantile((1 + level) / 2, m - 1))
        scores = np.concatenate(self._scores)
        low, high = np.quantile(scores, [tail, 1 - tail], axis=0)
        bias = scores.mean(axis=0) - self._score(self._counts.sum(axis=0, keepdims=True))[0]
        return np.clip(low - 2 * bias, 0, 1), np.clip(high - 2 * bias, 0, 1)


def share_interval(hits: Floats, units: Units, level: float = CONFIDENCE) -> tuple[Floats, Floats]:
    """Wilson's interval of proportions, such as an accuracy, for the effective number of tracks.

    The bootstrap fails where a proportion is near 0 or 1, as few resamples have the few tracks that matter. The effective
    number of tracks is share (1 - share) / error^2, where the error is the standard error over the units (Franco et al. 2019,
    "Comparative Study of Confidence Intervals for Proportions in Complex Sample Surveys").

    Parameters
    ----------
    hits : ndarray of shape (n_tracks, n_columns)
        1 for a right prediction, 0 for a wrong one, or a mean of these over seeds.
    units : Units

    Returns
    -------
    low, high : ndarray of shape (n_columns,)
    """
    share, error = hits.mean(axis=0), mean_error(hits, units)
    t = t_quantile((1 + level) / 2, max(len(units) - 1, 1))
    spread = share * (1 - share)
    effective = np.divide(spread, error**2, out=np.full_like(share, len(units)), where=error > 1e-12)
    middle = (share + t**2 / (2 * effective)) / (1 + t**2 / effective)
    half_width = t / (1 + t**2 / effective) * np.sqrt(spread / effective + t**2 / (4 * effective**2))
    return np.clip(middle - half_width, 0, 1), np.clip(middle + half_width, 0, 1)


def mean_error(values: Floats, units: Units) -> Floats:
    """Standard error of the mean of each column, between units; shape (n_columns,)."""
    sums = units.sums(values - values.mean(axis=0))
    m = len(units)
    error: Floats = np.sqrt((sums**2).sum(axis=0) * m / max(m - 1, 1)) / len(values)
    return error


def t_quantile(p: float, degrees: int) -> float:
    """Quantile of Student's t distribution, by Hill's expansion (1970, CACM algorithm 396).

    Exact for 1 and 2 degrees of freedom; from 3 on, the error is below 0.2 % at p = 0.975 and below 0.8 % at p = 0.995.
    Importing SciPy for it would take longer than showing a board.
    """
    if degrees == 1:
        return math.tan(math.pi * (p - 0.5))
    if degrees == 2:
        return (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p)))
    z = NormalDist().inv_cdf(p)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / degrees**i for i, term in enumerate(terms)))

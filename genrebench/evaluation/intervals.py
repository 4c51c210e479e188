"""Confidence intervals of scores: bootstrap over artists or tracks.

Conventions: the resampling unit is the artist where artists are known, else the track, since a model tends to get all tracks
of an artist right or all wrong. `groups` holds artist numbers, shape (n_tracks,), with -1 for a track whose artist isn't
known, which is a unit of its own. All functions are pure; the random numbers depend on `seed` alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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


class MeanInterval:
    """Bootstrap-t interval of means over tracks, fed block by block.

    The mean of a resample is the ratio of its units' sums to their sizes. Its difference from the mean of all tracks, divided
    by its own linearised standard error, is a t statistic; the interval takes the quantiles of these instead of those of the
    means, and so keeps its coverage for skewed losses and few artists (Efron and Tibshirani 1993, "An Introduction to the
    Bootstrap", 12.5).

    Parameters
    ----------
    values : ndarray of shape (n_tracks, n_columns)
        One interval per column.
    units : Units
    """

    def __init__(self, values: Floats, units: Units) -> None:
        self.units = units
        self.mean: Floats = values.mean(axis=0)
        self.deviations = units.sums(values - self.mean)
        self._parts = [
            (stratum, np.hstack([u, u**2, u * s[:, None], s[:, None], s[:, None] ** 2]), len(stratum))
            for stratum in units.strata
            for u, s in [(self.deviations[stratum], units.sizes[stratum])]
        ]
        self._statistics: list[Floats] = []
        self.error = self._studentise(np.ones((1, len(units)), dtype=np.float32))[1][0]

    def add(self, weights: NDArray[np.float32]) -> None:
        """Add a block of resamples."""
        shift, error = self._studentise(weights)
        # in a resample of equal values the error is 0, up to rounding, and the statistic undefined
        self._statistics.append(np.divide(shift, error, out=np.zeros_like(shift), where=error > 1e-6 * self.error))

    def _studentise(self, weights: NDArray[np.float32]) -> tuple[Floats, Floats]:
        columns = self.deviations.shape[1]
        sums = [weights[:, stratum].astype(np.float64) @ part for stratum, part, _ in self._parts]
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
        low, high = np.quantile(np.concatenate(self._statistics), [(1 - level) / 2, (1 + level) / 2], axis=0)
        return self.mean - high * self.error, self.mean - low * self.error


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


def t_interval(values: Floats, units: Units) -> tuple[float, float]:
    """95 % interval of the mean of `values`, shape (n_tracks,), by Student's t over the units.

    For values such as differences of hits, which are few different ones, so that the statistics of resamples are too. Infinite
    with fewer than six units.
    """
    mean, half = float(values.mean()), math.inf
    if len(units) >= MIN_UNITS:
        half = t_quantile((1 + CONFIDENCE) / 2, len(units) - 1) * float(mean_error(values[:, None], units)[0])
    return mean - half, mean + half


def mean_interval(
    values: Floats, units: Units, *, n: int = RESAMPLES, seed: int = 0, level: float = CONFIDENCE
) -> tuple[float, float]:
    """Confidence interval of the mean of `values`, shape (n_tracks,); see `MeanInterval`."""
    bootstrap = MeanInterval(values[:, None], units)
    for weights in resamples(units, n, seed):
        bootstrap.add(weights)
    low, high = bootstrap.interval(level)
    return float(low[0]), float(high[0])

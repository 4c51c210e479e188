"""What is drawn and resampled for intervals and tests: artists or tracks.

Conventions: the resampling unit is the artist where artists are known, else the track, since a model tends to get all tracks
of an artist right or all wrong. `groups` holds artist numbers, shape (n_tracks,), with -1 for a track whose artist isn't
known, which is a unit of its own. All functions are pure; the random numbers depend on `seed` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95
MIN_UNITS = 6
"""Fewest units for an interval or a test: five can't give a two-sided p below 1/16, even if all agree."""

BLOCK = 4_000_000
"""Most resampling weights that are in memory at a time."""

KEPT = 32_000_000
"""Most resampling weights, of one byte each, that are kept for the next score of the same test tracks."""

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


def resamples(units: Units, n: int = RESAMPLES, seed: int = 0) -> Iterator[NDArray[np.number]]:
    """Yield how often each unit is drawn in each resample, in blocks of shape (n_resamples, n_units), `n` rows in all."""
    rows = max(1, BLOCK // len(units))
    if len(units.strata) > 1 or n * len(units) > KEPT:
        yield from _drawn(units.strata, n, rows, seed)
    else:
        kept = _of_one_stratum(len(units), n, seed)
        yield from (kept[start : start + rows] for start in range(0, n, rows))


@lru_cache(maxsize=1)
def _of_one_stratum(m: int, n: int, seed: int) -> NDArray[np.uint8]:
    """Resamples of `m` units, shape (n, m), for all scores of a board; a unit drawn 256 times won't be seen by anyone."""
    blocks = _drawn((np.arange(m),), n, max(1, BLOCK // m), seed)
    return np.concatenate([block.astype(np.uint8) for block in blocks])


def _drawn(strata: tuple[Integers, ...], n: int, rows: int, seed: int) -> Iterator[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    for start in range(0, n, rows):
        size = min(rows, n - start)
        weights = np.empty((size, sum(map(len, strata))), dtype=np.float32)
        for stratum in strata:
            m = len(stratum)
            drawn = rng.integers(0, m, size=(size, m), dtype=np.int32)
            drawn += np.arange(0, size * m, m, dtype=np.int32)[:, None]
            weights[:, stratum] = np.bincount(drawn.ravel(), minlength=size * m).reshape(size, m)
        yield weights

"""The lazy sequences that models see: arrays from the cache, or computed as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import DataError
from genrebench.inputs import cache
from genrebench.plugin.inputs import Clip
from genrebench.plugin.lazy import LazyInputs


class CachedArrays(LazyInputs):
    """Entries of a shelf as a lazy sequence; memory holds a number or two a track.

    Parameters
    ----------
    shelf : Shelf
    content_hashes : list of str
        Of the distinct clips.
    lengths : ndarray of int64, shape (n_distinct,)
    rows : ndarray of int64, shape (n_tracks,)
        For each track the index of its clip among the distinct ones.
    scale : float
        Factor from what is stored to what is read.
    """

    def __init__(
        self, shelf: cache.Shelf, content_hashes: list[str], lengths: NDArray[np.int64], rows: NDArray[np.int64], scale: float
    ) -> None:
        self._shelf, self._hashes, self._lengths, self._rows, self._scale = shelf, content_hashes, lengths, rows, scale

    @classmethod
    def of(cls, shelf: cache.Shelf, clips: Sequence[Clip], lengths: Mapping[str, int], scale: float = 1.0) -> CachedArrays:
        """The entries of `clips`, whose lengths `fill` has returned."""
        index = {key: i for i, key in enumerate(lengths)}
        rows = np.array([index[clip.content_hash] for clip in clips], dtype=np.int64)
        return cls(shelf, list(lengths), np.array(list(lengths.values()), dtype=np.int64), rows, scale)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples or frames a track, shape (n_tracks,)."""
        return self._lengths[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of one track, from the disk."""
        return _scaled(_present(self._shelf, self._hashes[self._rows[index]])[start:stop], self._scale)

    def subset(self, indices: Iterable[int]) -> CachedArrays:
        """Some of the tracks, sharing everything but the row numbers."""
        rows = self._rows[np.fromiter(indices, np.int64)]
        return CachedArrays(self._shelf, self._hashes, self._lengths, rows, self._scale)


class ComputedAtAccess(LazyInputs):
    """Arrays that are computed of their files each time they are read; the last one is kept, as parts are often read in turn.

    Parameters
    ----------
    paths : list of Path
        Audio file of each track.
    compute : callable
        ``compute(path)`` gives the array.
    length : callable
        ``length(path)`` gives the length of its first axis.
    scale : float
        Factor from what is computed to what is read.
    """

    def __init__(self, paths: list[Path], compute: cache.Compute, length: Callable[[Path], int], scale: float = 1.0) -> None:
        self._paths, self._compute, self._length, self._scale = paths, compute, length, scale
        self._last: tuple[Path | None, NDArray[Any]] = (None, np.empty(0))

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        known = {path: self._length(path) for path in dict.fromkeys(self._paths)}
        return np.array([known[path] for path in self._paths], dtype=np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples or frames a track, shape (n_tracks,)."""
        return self._lengths

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of one track; the whole array is computed for it."""
        path, (last, array) = self._paths[index], self._last  # threads may replace the last one meanwhile
        if path != last:
            array = self._compute(path)
            self._last = path, array
        return _scaled(array[start:stop], self._scale)

    def subset(self, indices: Iterable[int]) -> ComputedAtAccess:
        """Some of the tracks, without computing any."""
        return ComputedAtAccess([self._paths[i] for i in indices], self._compute, self._length, self._scale)


def _scaled(part: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """A copy in single precision."""
    values: NDArray[np.float32] = np.array(part, dtype=np.float32)
    if scale != 1.0:
        values *= np.float32(scale)
    return values


def _present(shelf: cache.Shelf, content_hash: str) -> NDArray[Any]:
    array = shelf.open(content_hash)
    if array is None:
        raise DataError(f"{shelf.path(content_hash)} has vanished from the cache or is damaged; run the command again")
    return array

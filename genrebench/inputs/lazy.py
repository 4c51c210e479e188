"""Cached arrays as the lazy sequence that models see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.contract import Clip, LazyInputs
from genrebench.errors import DataError
from genrebench.inputs import cache


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
        part = _present(self._shelf, self._hashes[self._rows[index]])[start:stop]
        values: NDArray[np.float32] = np.array(part, dtype=np.float32)
        if self._scale != 1.0:
            values *= np.float32(self._scale)
        return values

    def subset(self, indices: Iterable[int]) -> CachedArrays:
        """Some of the tracks, sharing everything but the row numbers."""
        rows = self._rows[np.fromiter(indices, np.int64)]
        return CachedArrays(self._shelf, self._hashes, self._lengths, rows, self._scale)


def _present(shelf: cache.Shelf, content_hash: str) -> NDArray[Any]:
    array = shelf.open(content_hash)
    if array is None:
        raise DataError(f"{shelf.path(content_hash)} has vanished from the cache or is damaged; run the command again")
    return array

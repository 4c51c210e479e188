"""Lazy sequences of arrays, the inputs of models: read from the cache, or computed on access."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import DataError
from genrebench.inputs import cache
from genrebench.inputs.entries import CacheFolder
from genrebench.inputs.sharing import use_if_possible
from genrebench.plugin.inputs import Clip, InputContext
from genrebench.plugin.lazy import LazyInputs


class CachedArrays(LazyInputs):
    """Entries of a cache folder as a lazy sequence; only one or two integers per track are kept in memory.

    Parameters
    ----------
    folder : CacheFolder
    content_hashes : list of str
        Content hashes of the distinct clips.
    lengths : ndarray of int64, shape (n_distinct,)
    rows : ndarray of int64, shape (n_tracks,)
        For each track the index of its clip among the distinct ones.
    scale : float
        Factor by which stored values are multiplied on reading.
    """

    def __init__(
        self,
        folder: CacheFolder,
        content_hashes: list[str],
        lengths: NDArray[np.int64],
        rows: NDArray[np.int64],
        scale: float,
    ) -> None:
        self._folder, self._hashes, self._lengths, self._rows, self._scale = folder, content_hashes, lengths, rows, scale
        self._use = use_if_possible(folder.cache)  # nothing is cleared while this object lives

    @classmethod
    def of(cls, folder: CacheFolder, clips: Sequence[Clip], lengths: Mapping[str, int], scale: float = 1.0) -> CachedArrays:
        """The entries of `clips`; `lengths` is the result of `genrebench.inputs.cache.fill`."""
        index = {key: i for i, key in enumerate(lengths)}
        rows = np.array([index[clip.content_hash] for clip in clips], dtype=np.int64)
        return cls(folder, list(lengths), np.array(list(lengths.values()), dtype=np.int64), rows, scale)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples or frames per track, shape (n_tracks,)."""
        return self._lengths[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of one track, read from disk."""
        return _scaled(_open_entry(self._folder, self._hashes[self._rows[index]])[start:stop], self._scale)

    def subset(self, indices: Iterable[int]) -> CachedArrays:
        """Some of the tracks; everything but the row indices is shared."""
        rows = self._rows[np.fromiter(indices, np.int64)]
        return CachedArrays(self._folder, self._hashes, self._lengths, rows, self._scale)


class ComputedAtAccess(LazyInputs):
    """Arrays computed from their files on each access; the last one is kept, as parts of it are often read one after another.

    Parameters
    ----------
    paths : list of Path
        Audio file of each track.
    compute : callable
        ``compute(path)`` returns the array.
    length : callable
        ``length(path)`` returns the length of its first axis.
    scale : float
        Factor by which computed values are multiplied on reading.
    """

    def __init__(self, paths: list[Path], compute: cache.Compute, length: Callable[[Path], int], scale: float = 1.0) -> None:
        self._paths, self._compute, self._length, self._scale = paths, compute, length, scale
        self._last: tuple[Path | None, NDArray[Any]] = (None, np.empty(0))

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Samples or frames per track, shape (n_tracks,)."""
        return per_track(self._paths, self._length)

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of one track; the whole array has to be computed for it."""
        path, (last, array) = self._paths[index], self._last  # another thread may replace it in the meantime
        if path != last:
            array = self._compute(path)
            self._last = path, array
        return _scaled(array[start:stop], self._scale)

    def subset(self, indices: Iterable[int]) -> ComputedAtAccess:
        """Some of the tracks; nothing is computed."""
        return ComputedAtAccess([self._paths[i] for i in indices], self._compute, self._length, self._scale)


def per_track(paths: Sequence[Path], number: Callable[[Path], int]) -> NDArray[np.int64]:
    """A number of the file of each track, shape (n_tracks,); a file that several tracks share is opened once."""
    by_path = {path: number(path) for path in dict.fromkeys(paths)}
    return np.array([by_path[path] for path in paths], dtype=np.int64)


def lazy_arrays(
    folder: CacheFolder,
    clips: Sequence[Clip],
    compute: cache.Compute,
    length: Callable[[Path], int],
    context: InputContext,
    description: str,
    scale: float = 1.0,
    size: cache.Size | None = None,
) -> LazyInputs:
    """Arrays of `clips`: computed into the cache or, if ``context.cached`` is false, on each access.

    Parameters
    ----------
    folder, clips, compute, context, description
        As for `genrebench.inputs.cache.fill`.
    length : callable
        ``length(path)`` returns the length of the first axis of what `compute` returns.
    scale : float
        Factor by which computed values are multiplied on reading.
    size : Size, optional
        Of an entry, so that the disk's free space is checked before the work.
    """
    if not context.cached:
        return ComputedAtAccess([clip.path for clip in clips], compute, length, scale)
    if size is not None:
        needed = cache.require_space(folder, clips, size, length)
        description = f"{description}, about {needed / 1e9:.1f} GB"
    return CachedArrays.of(folder, clips, cache.fill(folder, clips, compute, context, description), scale)


def _scaled(part: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """A scaled copy in single precision."""
    values: NDArray[np.float32] = np.array(part, dtype=np.float32)
    if scale != 1.0:
        values *= np.float32(scale)
    return values


def _open_entry(folder: CacheFolder, content_hash: str) -> NDArray[Any]:
    array = folder.open(content_hash)
    if array is None:
        raise DataError(f"{folder.path(content_hash)} is missing from the cache or damaged; run the command again")
    return array

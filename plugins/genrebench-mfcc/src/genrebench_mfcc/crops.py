"""Crops of lazily read frames: where they lie, and reading them ahead in the background."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from genrebench.api import LazyInputs

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Crops:
    """Stretches of tracks, an entry each.

    Parameters
    ----------
    tracks : ndarray of int, shape (n,)
    starts : ndarray of int, shape (n,)
        First frame.
    """

    tracks: NDArray[np.int64]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tracks)

    def split(self, size: int) -> list[Crops]:
        """Parts of at most `size` crops, all of nearly the same size."""
        n = max(1, -(-len(self) // size))
        return [Crops(*pair) for pair in zip(np.array_split(self.tracks, n), np.array_split(self.starts, n), strict=True)]


def random_crops(lengths: NDArray[np.int64], crop: int, rng: np.random.Generator) -> Crops:
    """One crop of each track, anywhere in it, in an order of chance."""
    tracks = rng.permutation(len(lengths))
    starts = rng.integers(0, np.maximum(lengths[tracks] - crop, 0) + 1)
    return Crops(tracks, starts)


def covering_starts(length: int, crop: int, hop: int) -> NDArray[np.int64]:
    """First frames of crops that cover a track: evenly spaced, at most `hop` apart, the last one ending with the track."""
    room = max(0, length - crop)
    return np.linspace(0, room, 1 + -(-room // hop)).astype(np.int64)


def middle_crops(lengths: NDArray[np.int64], crop: int) -> Crops:
    """The middle of each track."""
    return Crops(np.arange(len(lengths)), np.maximum(lengths - crop, 0) // 2)


def read(inputs: LazyInputs, crops: Crops, crop: int, size: int = 0) -> NDArray[np.float32]:
    """Frames of some crops.

    Parameters
    ----------
    inputs : LazyInputs
    crops : Crops
    crop : int
        Frames to read of each, where the track has as many.
    size : int
        Frames to give of each; `crop` if that is more. What is missing is mirrored: repeated from its start it would jump.

    Returns
    -------
    ndarray of float32, shape (n, max(crop, size), n_coefficients)
    """
    size = max(crop, size)
    pairs = zip(crops.tracks, crops.starts, strict=True)
    return np.stack([_mirrored(inputs.read(int(track), int(start), int(start) + crop), size) for track, start in pairs])


def _mirrored(frames: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    if len(frames) == 0:
        return np.zeros((size, frames.shape[1]), dtype=np.float32)
    return np.pad(frames, ((0, size - len(frames)), (0, 0)), mode="reflect") if len(frames) < size else frames


def ahead(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Yield ``work(item)`` in the order of the items, computed a few items ahead by `workers` threads in the background."""
    with ThreadPoolExecutor(max(1, workers)) as pool:
        pending: deque[Future[R]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

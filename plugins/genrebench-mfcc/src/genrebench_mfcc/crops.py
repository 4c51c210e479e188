"""Crops of lazily read frames: where they lie, and reading them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.api import LazyInputs


@dataclass(frozen=True)
class Crops:
    """Positions of crops in their tracks, one entry per crop.

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
        """Batches of at most `size` crops, all of nearly the same size."""
        n = max(1, -(-len(self) // size))
        return [Crops(*pair) for pair in zip(np.array_split(self.tracks, n), np.array_split(self.starts, n), strict=True)]


def random_crops(lengths: NDArray[np.int64], crop: int, rng: np.random.Generator) -> Crops:
    """One crop of each track at a random position, in random order."""
    tracks = rng.permutation(len(lengths))
    starts = rng.integers(0, np.maximum(lengths[tracks] - crop, 0) + 1)
    return Crops(tracks, starts)


def covering_starts(length: int, crop: int, hop: int) -> NDArray[np.int64]:
    """First frames of crops that cover a track: evenly spaced, at most `hop` apart, the last crop ending with the track."""
    room = max(0, length - crop)
    return np.linspace(0, room, 1 + -(-room // hop)).astype(np.int64)


def middle_crops(lengths: NDArray[np.int64], crop: int) -> Crops:
    """One crop from the middle of each track."""
    return Crops(np.arange(len(lengths)), np.maximum(lengths - crop, 0) // 2)


def read(inputs: LazyInputs, crops: Crops, crop: int, size: int = 0) -> NDArray[np.float32]:
    """Read the frames of some crops.

    Parameters
    ----------
    inputs : LazyInputs
    crops : Crops
    crop : int
        Frames to read of each, where the track has as many.
    size : int
        Frames to return of each; `crop` if that is more. Missing frames are filled by mirroring: repeating the crop from its
        start would add a jump.

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

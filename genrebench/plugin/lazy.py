"""Sequence type for inputs that are too large for memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class LazyInputs(Sequence[NDArray[np.float32]]):
    """A sequence of arrays that are read on access, so that memory doesn't grow with the dataset.

    Indexing with an integer reads one track; `subset` selects tracks without reading any. Instances can be pickled and sent to
    worker processes.
    """

    @property
    @abstractmethod
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis: samples or frames, shape (n_tracks,)."""

    @property
    def sample_rates(self) -> NDArray[np.int64] | None:
        """Hz of each track, shape (n_tracks,), for waveforms that aren't resampled; None for all other inputs."""
        return None

    @abstractmethod
    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice) -> LazyInputs: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.float32] | LazyInputs:
        """The complete track `index`, or the tracks of a slice as lazy inputs."""
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.read(index % len(self))

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[i] for i in range(len(self)))

    @abstractmethod
    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Read part of track `index`, from `start` to `stop` along the first axis."""

    @abstractmethod
    def subset(self, indices: Iterable[int]) -> LazyInputs:
        """The tracks at `indices`, in this order, as lazy inputs."""


class ListInputs(LazyInputs):
    """Lazy inputs over arrays in memory, for made tracks and tests.

    Parameters
    ----------
    arrays : sequence of ndarray
        One array per track.
    sample_rates : ndarray of int, shape (n_tracks,), optional
        Hz of each track, for waveforms that aren't resampled.
    """

    def __init__(self, arrays: Iterable[NDArray[np.float32]], sample_rates: NDArray[np.int64] | None = None) -> None:
        self.arrays = [np.asarray(array, dtype=np.float32) for array in arrays]
        self._sample_rates = sample_rates

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis."""
        return np.array([len(array) for array in self.arrays], dtype=np.int64)

    @property
    def sample_rates(self) -> NDArray[np.int64] | None:
        """Hz of each track, if they were given."""
        return self._sample_rates

    def __len__(self) -> int:
        return len(self.arrays)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Read part of an array."""
        return self.arrays[index][start:stop].copy()

    def subset(self, indices: Iterable[int]) -> ListInputs:
        """The arrays at `indices`, as lazy inputs."""
        chosen = list(indices)
        rates = None if self._sample_rates is None else self._sample_rates[chosen]
        return ListInputs([self.arrays[i] for i in chosen], rates)

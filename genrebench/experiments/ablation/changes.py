"""Inputs whose tracks are shuffled, reversed or shortened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.inputs.frames import with_deltas
from genrebench.plugin.lazy import LazyInputs

Array = NDArray[np.float32]

Change = Callable[[Array, int], Array]
"""``change(track, number)`` returns a track of the same length; random changes depend on the number of the track."""


def keep(track: Array, _number: int) -> Array:
    """The unchanged track."""
    return track


def reverse(track: Array, _number: int) -> Array:
    """The track in reverse order."""
    return track[::-1]


def shuffle(track: Array, number: int, *, segment: int, seed: int) -> Array:
    """The track's segments of `segment` entries in random order, determined by `seed` and `number`."""
    starts = np.arange(0, len(track), segment)
    order = np.random.default_rng([seed, number]).permutation(len(starts))
    pieces = [track[start : start + segment] for start in starts[order]]
    return np.concatenate(pieces) if pieces else track


def with_new_deltas(track: Array, number: int, *, change: Change, n_values: int) -> Array:
    """The changed track, with deltas recomputed from the first `n_values` values per frame."""
    return with_deltas(change(track[:, :n_values], number))


class ChangedInputs(LazyInputs):
    """Inputs whose tracks are shortened and changed when they are read; any part of a track requires the whole track.

    Parameters
    ----------
    inputs : LazyInputs
    change : callable
        See `Change`.
    length : int, optional
        Number of entries of the first axis to keep, from the start. By default all.
    numbers : sequence of int, optional
        Number of each track; by default its position.
    """

    def __init__(
        self, inputs: LazyInputs, change: Change, length: int | None = None, numbers: Sequence[int] | None = None
    ) -> None:
        self.inputs, self.change, self.length = inputs, change, length
        self.numbers = range(len(inputs)) if numbers is None else numbers
        self._last: tuple[int, Array] | None = None  # the last track read, since models read a track piece by piece

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis."""
        return self.inputs.lengths if self.length is None else np.minimum(self.inputs.lengths, self.length)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> Array:
        """Part of a changed track."""
        last = self._last
        if last is None or last[0] != index:
            last = self._last = (index, self.change(self.inputs.read(index, 0, self.length), self.numbers[index]))
        return last[1][start:stop].copy()

    def subset(self, indices: Iterable[int]) -> ChangedInputs:
        """A subset of the tracks, each with the same change."""
        chosen = list(indices)
        return ChangedInputs(self.inputs.subset(chosen), self.change, self.length, [self.numbers[i] for i in chosen])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}

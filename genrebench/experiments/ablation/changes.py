"""Tracks in another order, or cut short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.inputs.frames import with_deltas
from genrebench.plugin.lazy import LazyInputs

Array = NDArray[np.float32]

Change = Callable[[Array, int], Array]
"""``change(track, number)`` gives a track of the same length; the number of the track stands for chance."""


def keep(track: Array, _number: int) -> Array:
    """The track as it is."""
    return track


def reverse(track: Array, _number: int) -> Array:
    """The track from its end to its start."""
    return track[::-1]


def shuffle(track: Array, number: int, *, segment: int, seed: int) -> Array:
    """The track's segments of `segment` entries, each kept as it is, in an order that follows from seed and number."""
    starts = np.arange(0, len(track), segment)
    order = np.random.default_rng([seed, number]).permutation(len(starts))
    pieces = [track[start : start + segment] for start in starts[order]]
    return np.concatenate(pieces) if pieces else track


def with_new_deltas(track: Array, number: int, *, change: Change, n_values: int) -> Array:
    """The first `n_values` of each frame changed, and the differences in time computed anew from these."""
    return with_deltas(change(track[:, :n_values], number))


class Changed(LazyInputs):
    """Inputs whose tracks are cut and changed as they are read; a track is read whole for any part of it.

    Parameters
    ----------
    inputs : LazyInputs
    change : callable
        As `Change`.
    length : int, optional
        Entries of the first axis to keep, from the start; without it all.
    numbers : sequence of int, optional
        The number of each track; its position if nothing is given.
    """

    def __init__(
        self, inputs: LazyInputs, change: Change, length: int | None = None, numbers: Sequence[int] | None = None
    ) -> None:
        self.inputs, self.change, self.length = inputs, change, length
        self.numbers = range(len(inputs)) if numbers is None else numbers
        self._last: tuple[int, Array] | None = None  # models read a track in several pieces

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis."""
        return self.inputs.lengths if self.length is None else np.minimum(self.inputs.lengths, self.length)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> Array:
        """Part of a changed track."""
        held = self._last
        if held is None or held[0] != index:
            held = self._last = (index, self.change(self.inputs.read(index, 0, self.length), self.numbers[index]))
        return held[1][start:stop].copy()

    def subset(self, indices: Iterable[int]) -> Changed:
        """Some of the tracks, each changed as here."""
        chosen = list(indices)
        return Changed(self.inputs.subset(chosen), self.change, self.length, [self.numbers[i] for i in chosen])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}

"""Memory that a training and a prediction take."""

from __future__ import annotations

import gc
import math
import sys
import tracemalloc
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Examples
from genrebench.plugin.lazy import LazyInputs
from genrebench.testing.apart import Probe
from genrebench.testing.models.bench import ModelBench
from genrebench.testing.models.scenarios.trainings import checkpoints_of


class Generated(LazyInputs):
    """Tracks that are made when they are read, so that they need no memory themselves.

    Parameters
    ----------
    array : ndarray
        The tracks are this array with a gain each.
    rate : int or None
        Hz, for waveforms that aren't resampled.
    numbers : list of int
        One number per track.
    """

    def __init__(self, array: Any, rate: int | None, numbers: list[int]) -> None:
        self._array, self._rate, self._numbers = array, rate, numbers

    @property
    def lengths(self) -> NDArray[np.int64]:
        """All of one length."""
        return np.full(len(self), len(self._array))

    @property
    def sample_rates(self) -> NDArray[np.int64] | None:
        """All of one rate."""
        return None if self._rate is None else np.full(len(self), self._rate)

    def __len__(self) -> int:
        return len(self._numbers)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Make part of a track."""
        part: NDArray[np.float32] = self._array[start:stop] * np.float32(1 + self._numbers[index] % 7 / 100)
        return part

    def subset(self, indices: Iterable[int]) -> Generated:
        """The tracks at `indices`."""
        return Generated(self._array, self._rate, [self._numbers[i] for i in indices])


class Memory:
    """Bytes that Python and NumPy hold at their peak; torch's, which it allocates itself, at the end of a step."""

    def __init__(self) -> None:
        tracemalloc.start()

    def peak(self) -> int:
        """The peak in bytes since the last call."""
        peak = tracemalloc.get_traced_memory()[1]
        torch: Any = sys.modules.get("torch")
        if torch is not None:
            gc.collect()
            storages = [item.untyped_storage() for item in gc.get_objects() if type(item) is torch.Tensor]
            peak += sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
        tracemalloc.reset_peak()
        return peak


MIN_BYTES = 24_000
"""Bytes of a track, at least, when the memory is measured."""


def many_tracks(bench: ModelBench, probe: Probe, *, n: int) -> None:
    """Fit on some tracks and predict as many; note the peak of the memory in bytes."""
    made: Any = bench.inputs([0]).inputs
    array = np.concatenate([made[0]] * max(1, math.ceil(MIN_BYTES / made[0].nbytes)))
    rate = None if made.sample_rates is None else int(made.sample_rates[0])
    model = bench.build(checkpoints=checkpoints_of(probe))
    held = Memory()
    train, test = (Generated(array, rate, list(range(first, first + n))) for first in (0, n))
    labels = np.arange(n) % 3
    before = held.peak()
    with probe.step("fit", final=True):
        model.fit(Examples(train, labels, np.arange(n)), Examples(train[:3], labels[:3], np.arange(3)))
    probe.note("fit", held.peak() - before)
    with probe.step("predict_proba", final=True):
        model.predict_proba(test)
    probe.note("predict_proba", held.peak() - before)
    probe.note("bytes", array.nbytes)

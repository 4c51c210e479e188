"""Tiny inputs and labelled tracks of every kind of input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Examples, FeatureTable, Frames, Waveforms
from genrebench.plugin.inputs import Prepared
from genrebench.plugin.lazy import LazyInputs

GENRES = ("low", "high", "noise")
"""Genres of the tiny tracks; their order is neither that of the alphabet nor that in which labels first appear."""

NATIVE_RATES = (44_100, 48_000)
"""Hz of the tracks, in turn, for a model that asks for waveforms at each file's own rate."""


class ListInputs(LazyInputs):
    """Lazy inputs over arrays in memory.

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


def tiny_examples(
    requested: Any, n_per_genre: int = 4, *, seconds: float = 3.0, seed: int = 0, n_genres: int = len(GENRES)
) -> Examples[Any]:
    """Generate a few labelled tracks with the input that a model requests.

    Parameters
    ----------
    requested : FeatureTable, Waveforms, Frames or another registered input whose spec has an `example`
    n_per_genre : int
        Number of tracks of each genre; the first genre has one less and the last one more, if there are three or more of each.
    seconds : float
        Duration of the tracks, for waveforms and frames.
    seed : int
    n_genres : int
        Number of genres, three by default: those of `GENRES`.

    Returns
    -------
    `Examples`
        Labels in random order, the last genre first; several tracks per group.

    Raises
    ------
    ValueError
        If there is no maker of examples for this kind of input.
    """
    rng = np.random.default_rng([seed, n_genres])
    counts = np.full(n_genres, n_per_genre)
    if n_per_genre > 2:
        counts[[0, -1]] += (-1, 1)
    labels = rng.permutation(np.repeat(np.arange(n_genres), counts))
    if len(labels):
        first = int(np.flatnonzero(labels == n_genres - 1)[0])
        labels[[0, first]] = labels[[first, 0]]
    made = make_inputs(requested, labels, seed, seconds)
    return Examples(made.inputs, labels, np.arange(len(labels), dtype=np.int64) // (2 * n_genres))


def make_inputs(requested: Any, labels: NDArray[np.int64], seed: int, seconds: float) -> Prepared:
    """Make inputs of tracks whose genres differ clearly; parameters as in `InputSpec.example`."""
    # REPLACED BY InputSpec.example
    rng = np.random.default_rng([seed, 1])
    if isinstance(requested, FeatureTable):
        columns = columns_of(requested)
        width = len(columns)
        table = np.array([1.0 * label + rng.normal(size=width) for label in labels], dtype=np.float64).reshape(-1, width)
        table[labels < 0] = 0
        return Prepared(table, columns)
    if isinstance(requested, Waveforms):
        native = requested.sample_rate is None
        rates = np.resize(NATIVE_RATES if native else (requested.sample_rate,), len(labels)).astype(np.int64)
        arrays = [_tone(label, int(seconds * rate), int(rate), rng) for label, rate in zip(labels, rates, strict=True)]
        return Prepared(ListInputs(arrays, rates if native else None))
    if isinstance(requested, Frames):
        return Prepared(ListInputs([_frames(label, requested, seconds, rng) for label in labels]))
    raise ValueError(f"can't generate {type(requested).__name__}; only FeatureTable, Waveforms and Frames are supported")


def columns_of(requested: Any) -> tuple[tuple[str, ...], ...]:
    """Names of the columns of a tiny feature table; empty for other inputs."""
    if not isinstance(requested, FeatureTable):
        return ()
    groups = requested.groups or ("mfcc", "zcr")
    return tuple((group, statistics, f"{i:02d}") for group in groups for statistics in ("mean", "std") for i in (1, 2, 3))


def _tone(label: int, n: int, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise for each third genre, tones of other pitches for the others."""
    if label < 0:
        return np.zeros(n, dtype=np.float32)
    noise = rng.normal(0, 0.1, n)
    if label % 3 == 2:
        return (noise * 2.0 ** (label // 3 % 3)).astype(np.float32)
    frequency = 220.0 * 8.0 ** (label % 3) * 2.0 ** (label // 3 / 6) * rng.uniform(0.95, 1.05)
    return (0.4 * np.sin(2 * np.pi * frequency * np.arange(n) / rate) + 0.1 * noise).astype(np.float32)


def _frames(label: int, requested: Frames, seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    n = int(seconds * requested.sample_rate / requested.hop_length) + 1
    width = requested.n_coefficients * (3 if requested.deltas else 1)
    return rng.normal(0.5 * label, 1.0, (n, width)).astype(np.float32)

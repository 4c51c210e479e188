"""Waveforms: mono samples, decoded once, cached on disk in 16 bits and read on access."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import UsageError
from genrebench.inputs import cache, examples
from genrebench.inputs.entries import CacheFolder
from genrebench.inputs.lazy import lazy_arrays, per_track
from genrebench.plugin.contract import Waveforms
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.plugin.lazy import LazyInputs
from genrebench.records import Excerpt

VERSION = 1
_FULL_SCALE = 32768


def prepare(requested: Waveforms, clips: Sequence[Clip], context: InputContext) -> Prepared:
    """Decode `clips` into the cache or, if ``context.cached`` is false, on each access; the samples are the same.

    Raises
    ------
    UsageError
        If the sample rate is out of range.
    AudioError
        If a clip can't be decoded; without the cache, raised on access.
    DataError
        If the disk has too little space for the samples.
    """
    lowest, highest = audio.RATES
    rate, excerpt = requested.sample_rate, context.excerpt
    if rate is not None and not lowest <= rate <= highest:
        raise UsageError(f"sample rate {rate} Hz is out of range; it must be from {lowest} to {highest} Hz")
    samples = lazy_arrays(
        CacheFolder.of(context, "waveforms", "native" if rate is None else f"{rate}hz", version=VERSION),
        clips,
        partial(decode, sample_rate=rate, excerpt=excerpt),
        partial(decoded_length, sample_rate=rate, excerpt=excerpt),
        context,
        "Decoding audio",
        scale=1 / _FULL_SCALE,
        size=cache.Size(2, None if excerpt.seconds is None or rate is None else (excerpt.seconds + excerpt.slack) * rate),
    )
    if rate is None:
        return Prepared(NativeRates(samples, [clip.path for clip in clips]), source="audio at its own rate")
    return Prepared(samples, source=f"audio at {rate} Hz")


SPEC = InputSpec(
    Waveforms,
    "mono samples at a sample rate chosen by the model, or at each file's own",
    prepare,
    examples.waveforms,
    frame_rate=lambda requested: requested.sample_rate,
)


class NativeRates(LazyInputs):
    """Samples that weren't resampled, with the rate of each file.

    Parameters
    ----------
    samples : LazyInputs
    paths : list of Path
        Audio file of each track; opened when the rates are asked for.
    """

    def __init__(self, samples: LazyInputs, paths: list[Path]) -> None:
        self._samples, self._paths = samples, paths

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples per track, shape (n_tracks,)."""
        return self._samples.lengths

    @cached_property
    def sample_rates(self) -> NDArray[np.int64]:
        """Hz of each track, shape (n_tracks,)."""
        return per_track(self._paths, lambda path: audio.info(path).sample_rate)

    def __len__(self) -> int:
        return len(self._samples)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of one track."""
        return self._samples.read(index, start, stop)

    def subset(self, indices: Iterable[int]) -> NativeRates:
        """Some of the tracks; no file is opened."""
        chosen = list(indices)
        return NativeRates(self._samples.subset(chosen), [self._paths[i] for i in chosen])


def decode(path: Path, *, sample_rate: int | None, excerpt: Excerpt) -> NDArray[np.int16]:
    """Samples of one clip in 16 bits, shape (n_samples,); values beyond full scale are clipped."""
    samples, _ = audio.read(path, excerpt, sample_rate=sample_rate)
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def decoded_length(path: Path, *, sample_rate: int | None, excerpt: Excerpt) -> int:
    """Number of samples that `decode` returns."""
    _, length, rate = audio.bounds(path, excerpt)
    return length if sample_rate is None else audio.resampled_length(length, rate, sample_rate)

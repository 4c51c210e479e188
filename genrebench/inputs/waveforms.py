"""Waveforms: mono samples, decoded once, cached on disk in 16 bits and read on access."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import UsageError
from genrebench.inputs import cache
from genrebench.inputs.entries import CacheFolder
from genrebench.inputs.lazy import lazy_arrays
from genrebench.plugin.contract import Waveforms
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
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
    if not lowest <= requested.sample_rate <= highest:
        raise UsageError(f"sample rate {requested.sample_rate} Hz is out of range; it must be from {lowest} to {highest} Hz")
    rate, excerpt = requested.sample_rate, context.excerpt
    samples = lazy_arrays(
        CacheFolder.of(context, "waveforms", f"{rate}hz", version=VERSION),
        clips,
        partial(decode, sample_rate=rate, excerpt=excerpt),
        partial(decoded_length, sample_rate=rate, excerpt=excerpt),
        context,
        "Decoding audio",
        scale=1 / _FULL_SCALE,
        size=cache.Size(2, None if excerpt.seconds is None else (excerpt.seconds + excerpt.slack) * rate),
    )
    return Prepared(samples, source=f"audio at {rate} Hz")


SPEC = InputSpec(Waveforms, "mono samples at a sample rate chosen by the model", prepare)


def decode(path: Path, *, sample_rate: int, excerpt: Excerpt) -> NDArray[np.int16]:
    """Samples of one clip in 16 bits, shape (n_samples,); values beyond full scale are clipped."""
    samples, _ = audio.read(path, excerpt, sample_rate=sample_rate)
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def decoded_length(path: Path, *, sample_rate: int, excerpt: Excerpt) -> int:
    """Number of samples that `decode` returns."""
    _, length, rate = audio.bounds(path, excerpt)
    return audio.resampled_length(length, rate, sample_rate)

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
from genrebench.inputs.lazy import CachedArrays, ComputedAtAccess
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
    source = f"audio at {requested.sample_rate} Hz"
    compute = partial(decode, sample_rate=requested.sample_rate, excerpt=context.excerpt)
    if not context.cached:
        length = partial(decoded_length, sample_rate=requested.sample_rate, excerpt=context.excerpt)
        return Prepared(ComputedAtAccess([clip.path for clip in clips], compute, length, 1 / _FULL_SCALE), source=source)
    folder = CacheFolder.of(context, "waveforms", f"{requested.sample_rate}hz", version=VERSION)
    size = _require_space(folder, clips, requested, context.excerpt)
    lengths = cache.fill(folder, clips, compute, context, f"Decoding audio, about {size / 1e9:.1f} GB")
    return Prepared(CachedArrays.of(folder, clips, lengths, 1 / _FULL_SCALE), source=source)


SPEC = InputSpec(Waveforms, "mono samples at a sample rate chosen by the model", prepare)


def decode(path: Path, *, sample_rate: int, excerpt: Excerpt) -> NDArray[np.int16]:
    """Samples of one clip in 16 bits, shape (n_samples,); values beyond full scale are clipped."""
    samples, _ = audio.read(path, excerpt, sample_rate=sample_rate)
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def decoded_length(path: Path, *, sample_rate: int, excerpt: Excerpt) -> int:
    """Number of samples that `decode` returns."""
    _, length, rate = audio.bounds(path, excerpt)
    return audio.resampled_length(length, rate, sample_rate)


def _require_space(folder: CacheFolder, clips: Sequence[Clip], requested: Waveforms, excerpt: Excerpt) -> int:
    """Bytes needed for the clips that aren't cached yet; raises `DataError` if the disk has less free space."""
    missing = {clip.content_hash: clip.path for clip in clips if not folder.path(clip.content_hash).exists()}
    if not missing:
        return 0
    if excerpt.seconds is not None:  # an upper bound that needs no file to be opened
        needed = round(len(missing) * excerpt.seconds * requested.sample_rate) * 2
        if needed <= cache.free_space(folder.cache):
            return needed
    lengths = (decoded_length(path, sample_rate=requested.sample_rate, excerpt=excerpt) for path in missing.values())
    needed = 2 * sum(lengths)
    cache.require_space(folder.cache, needed)
    return needed

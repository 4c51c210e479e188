"""Waveforms: mono samples, decoded once into 16 bits on disk and read from there as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import UsageError
from genrebench.inputs import cache
from genrebench.inputs.lazy import CachedArrays, ComputedAtAccess
from genrebench.plugin.contract import Waveforms
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.records import Excerpt

VERSION = 1
_FULL_SCALE = 32768


def prepare(wanted: Waveforms, clips: Sequence[Clip], context: InputContext) -> Prepared:
    """Decode `clips` into the cache, or only when they are read if the context says so; both give the same samples.

    Raises
    ------
    UsageError
        If the rate is out of range.
    AudioError
        If a clip can't be decoded; without the cache, when it is read.
    DataError
        If the disk has no room for the samples.
    """
    lowest, highest = audio.RATES
    if not lowest <= wanted.sample_rate <= highest:
        raise UsageError(f"sample rate {wanted.sample_rate} Hz is out of range: {lowest} to {highest}")
    source = f"audio at {wanted.sample_rate} Hz"
    compute = partial(decode, sample_rate=wanted.sample_rate, excerpt=context.excerpt)
    if not context.cached:
        length = partial(decoded_length, sample_rate=wanted.sample_rate, excerpt=context.excerpt)
        return Prepared(ComputedAtAccess([clip.path for clip in clips], compute, length, 1 / _FULL_SCALE), source=source)
    shelf = cache.Shelf.of(context, "waveforms", f"{wanted.sample_rate}hz", version=VERSION)
    size = _require_space(shelf, clips, wanted, context.excerpt)
    lengths = cache.fill(shelf, clips, compute, context, f"Decoding audio, about {size / 1e9:.1f} GB")
    return Prepared(CachedArrays.of(shelf, clips, lengths, 1 / _FULL_SCALE), source=source)


SPEC = InputSpec(Waveforms, "mono samples at a rate of the model's choice", prepare)


def decode(path: Path, *, sample_rate: int, excerpt: Excerpt) -> NDArray[np.int16]:
    """Samples of one clip in 16 bits, shape (n_samples,); what overshoots full scale is clipped."""
    samples, _ = audio.read(path, excerpt, sample_rate=sample_rate)
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def decoded_length(path: Path, *, sample_rate: int, excerpt: Excerpt) -> int:
    """Samples that `decode` gives."""
    _, length, rate = audio.bounds(path, excerpt)
    return audio.resampled_length(length, rate, sample_rate)


def _require_space(shelf: cache.Shelf, clips: Sequence[Clip], wanted: Waveforms, excerpt: Excerpt) -> int:
    """Estimate the bytes of the clips that aren't decoded yet, and raise if the disk doesn't have them left."""
    missing = {clip.content_hash: clip.path for clip in clips if not shelf.path(clip.content_hash).exists()}
    if not missing:
        return 0
    if excerpt.seconds is not None:  # no clip is longer than this, and no file has to be opened to know it
        needed = round(len(missing) * excerpt.seconds * wanted.sample_rate) * 2
        if needed <= cache.free_space(shelf.cache):
            return needed
    lengths = (decoded_length(path, sample_rate=wanted.sample_rate, excerpt=excerpt) for path in missing.values())
    needed = 2 * sum(lengths)
    cache.require_space(shelf.cache, needed)
    return needed

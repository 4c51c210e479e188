"""Waveforms: mono samples, decoded once into 16 bits on disk and read from there as they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.contract import Clip, InputSpec, LazyInputs, Prepared, Waveforms, Workshop
from genrebench.errors import UsageError
from genrebench.inputs import cache
from genrebench.inputs.lazy import CachedArrays
from genrebench.records import Excerpt

VERSION = 1
_FULL_SCALE = 32768


def prepare(wanted: Waveforms, clips: Sequence[Clip], workshop: Workshop) -> Prepared:
    """Decode `clips` into the cache, or only when they are read if ``wanted.cached`` is False; both give the same samples.

    Raises
    ------
    UsageError
        If the rate is out of range.
    AudioError
        If a clip can't be decoded; with ``cached=False``, when it is read.
    DataError
        If the disk has no room for the samples.
    """
    lowest, highest = audio.RATES
    if not lowest <= wanted.sample_rate <= highest:
        raise UsageError(f"sample rate {wanted.sample_rate} Hz is out of range: {lowest} to {highest}")
    source = f"audio at {wanted.sample_rate} Hz"
    if not wanted.cached:
        return Prepared(DecodedAtAccess([clip.path for clip in clips], wanted.sample_rate, workshop.excerpt), source=source)
    shelf = cache.Shelf.of(workshop, "waveforms", f"{wanted.sample_rate}hz", version=VERSION)
    _require_space(shelf, clips, wanted, workshop.excerpt)
    compute = partial(decode, sample_rate=wanted.sample_rate, excerpt=workshop.excerpt)
    lengths = cache.fill(shelf, clips, compute, workshop, "Decoding audio")
    return Prepared(CachedArrays.of(shelf, clips, lengths, 1 / _FULL_SCALE), source=source)


SPEC = InputSpec(Waveforms, "mono samples at a rate of the model's choice", prepare)


def decode(path: Path, *, sample_rate: int, excerpt: Excerpt) -> NDArray[np.int16]:
    """Samples of one clip in 16 bits, shape (n_samples,); what overshoots full scale is clipped."""
    samples, _ = audio.read(path, excerpt, sample_rate=sample_rate)
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def _require_space(shelf: cache.Shelf, clips: Sequence[Clip], wanted: Waveforms, excerpt: Excerpt) -> None:
    missing = {clip.content_hash: clip.path for clip in clips if not shelf.path(clip.content_hash).exists()}
    if not missing:
        return
    if excerpt.seconds is not None:  # no clip is longer than this, and no file has to be opened to know it
        needed = round(len(missing) * excerpt.seconds * wanted.sample_rate) * 2
        if needed <= cache.free_space(shelf.cache):
            return
    cache.require_space(shelf.cache, 2 * sum(_length(path, wanted.sample_rate, excerpt) for path in missing.values()))


def _length(path: Path, sample_rate: int, excerpt: Excerpt) -> int:
    found = audio.info(path)
    _, length = audio.excerpt_bounds(found.frames, found.sample_rate, excerpt)
    return audio.resampled_length(length, found.sample_rate, sample_rate)


class DecodedAtAccess(LazyInputs):
    """Clips that are decoded each time they are read; the last one is kept, since parts of it are often read in turn."""

    def __init__(self, paths: list[Path], sample_rate: int, excerpt: Excerpt) -> None:
        self._paths, self._rate, self._excerpt = paths, sample_rate, excerpt
        self._last: tuple[Path | None, NDArray[np.int16]] = (None, np.empty(0, np.int16))

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        known = {path: _length(path, self._rate, self._excerpt) for path in dict.fromkeys(self._paths)}
        return np.array([known[path] for path in self._paths], dtype=np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples a track, shape (n_tracks,), as the files declare them."""
        return self._lengths

    def __len__(self) -> int:
        return len(self._paths)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of one track; the whole excerpt is decoded for it."""
        path = self._paths[index]
        if self._last[0] != path:
            self._last = path, decode(path, sample_rate=self._rate, excerpt=self._excerpt)
        return self._last[1][start:stop] * np.float32(1 / _FULL_SCALE)

    def subset(self, indices: Iterable[int]) -> DecodedAtAccess:
        """Some of the tracks, without decoding any."""
        return DecodedAtAccess([self._paths[i] for i in indices], self._rate, self._excerpt)

"""The one way to read an audio file: all its parts, one after another, each by the decoder that knows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from genrebench import mirror
from genrebench.audio import ffmpeg, sndfile
from genrebench.audio.parts import parts_of
from genrebench.audio.samples import Mix, excerpt_bounds, joined
from genrebench.errors import AudioError
from genrebench.records import Excerpt

_MAX_PARTS = 200  # of one file: each is open while it is read


class Reading:
    """An audio file that is open for reading.

    Parameters
    ----------
    path : Path

    Raises
    ------
    AudioError
        If the file is missing or isn't audio, or a part of it can't be read; the message says how much.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.used_one_channel = False
        mirror.require(path)
        parts = parts_of(path)
        if len(parts) > _MAX_PARTS:
            raise AudioError(f"{path}: consists of {len(parts)} streams, more than {_MAX_PARTS}; convert it into one")
        with ExitStack() as stack:
            self._streams: list[sndfile.Stream | ffmpeg.Stream] = []
            for part in parts:
                stream = ffmpeg.Stream(path, part) if ffmpeg.recognises(part) else sndfile.Stream(path, part, len(parts) == 1)
                self._streams.append(stream)
                stack.enter_context(stream)
            self._check_rates()
            self._close = stack.pop_all()

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close.close()

    def _check_rates(self) -> None:
        if len(self._streams) == 1:
            return
        done = 0.0
        for stream in self._streams:
            if stream.sample_rate != self.sample_rate:
                rest = sum(s.frames / s.sample_rate for s in self._streams) - done
                raise AudioError(
                    f"{self.path}: its sample rate changes from {self.sample_rate} to {stream.sample_rate} Hz "
                    f"after {done:.1f} s, so {rest:.1f} s can't be read; convert it into a file with one rate"
                )
            done += stream.frames / stream.sample_rate

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._streams[0].sample_rate

    @property
    def channels(self) -> int:
        """Number of channels; of several parts with different numbers, the largest."""
        return max(stream.channels for stream in self._streams)

    @property
    def declared(self) -> int:
        """Samples per channel that the headers promise."""
        return sum(stream.promised for stream in self._streams)

    @property
    def frames(self) -> int:
        """Samples per channel that can be decoded."""
        return sum(stream.frames for stream in self._streams)

    @property
    def as_declared(self) -> bool:
        """Whether the file is one stream whose header is right, as far as its structure shows."""
        return len(self._streams) == 1 and self._streams[0].as_declared

    def bounds(self, excerpt: Excerpt) -> tuple[int, int]:
        """First frame and length of an excerpt."""
        return excerpt_bounds(self.frames, self.sample_rate, excerpt)

    def read(self, excerpt: Excerpt) -> NDArray[np.float32]:
        """Mono samples of an excerpt: the mean of the channels or, where they cancel in it, one of them.

        `used_one_channel` says afterwards which of the two.
        """
        mix = Mix()
        samples = self._mixed(excerpt, mix)
        self.used_one_channel = mix.cancels
        return self._mixed(excerpt, Mix(mix.chosen)) if mix.cancels else samples

    def cancels(self, excerpt: Excerpt) -> bool:
        """Whether the channels of an excerpt cancel in their mean."""
        if self.channels == 1:
            return False
        mix = Mix()
        self._mixed(excerpt, mix)
        return mix.cancels

    def _mixed(self, excerpt: Excerpt, mix: Mix) -> NDArray[np.float32]:
        only = self._streams[0]
        if len(self._streams) == 1 and excerpt_bounds(only.declared, only.sample_rate, excerpt)[0] == 0:
            return only.read(0, only.declared, mix)  # what is read whole needn't be counted before
        start, length = self.bounds(excerpt)
        found = []
        for stream in self._streams:
            first, last = max(start, 0), min(start + length, stream.frames)
            if first < last:
                found.append(stream.read(first, last - first, mix))
            start -= stream.frames
        return joined(found)

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the sample rate and blocks of samples, shape (n_samples, n_channels); each is valid until the next."""
        for stream in self._streams:
            yield from stream.blocks()

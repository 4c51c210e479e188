"""Decoding what libsndfile can't with FFmpeg, by PyAV, an optional dependency: AAC, FLAC in Ogg, WMA, WebM ..."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.parts.part import Part, PartFile
from genrebench.audio.samples import Mix, checked_rate, joined
from genrebench.errors import AudioError

_KINDS = {
    "mp4": ("mp4", "MP4"),
    "aac": ("aac", "AAC"),
    "ogg-flac": ("ogg", "FLAC in Ogg"),
    "flac32": ("flac", "FLAC of 32 bits"),
    "asf": ("asf", "WMA"),
    "matroska": ("matroska", "WebM or Matroska"),
    "caf": ("caf", "CAF of unknown length"),
    "wv": ("wv", "WavPack"),
    "ape": ("ape", "Monkey's Audio"),
    "tta": ("tta", "TTA"),
}
"""FFmpeg's name of the format and ours, by kind of part."""


def recognises(part: Part) -> bool:
    """Whether a part is read here."""
    return part.kind in _KINDS


_KNOW_LENGTH = ("mp4", "asf", "matroska", "wv", "ape", "tta")
"""Kinds whose header says how long they are; of others, FFmpeg's is a guess by the bit rate."""
_CLEARLY_MISSING = 0.5  # s
_MAX_KEPT = 1 << 24
"""Samples over all channels, 64 MB, up to which what was decoded to count it is kept to be read."""


class Stream:
    """A part of a file, decoded from its beginning to be counted or read: seeking in these formats isn't sample-accurate."""

    as_declared = True

    def __init__(self, path: Path, part: Part) -> None:
        self._path, self._part = path, part
        self._format, self._name = _KINDS[part.kind]
        self._kept: list[tuple[int, NDArray[np.float32]]] | None = None
        self._seconds = 0.0

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None

    @cached_property
    def _counted(self) -> tuple[int, int, int]:
        kept: list[tuple[int, NDArray[np.float32]]] = []
        frames = rate = channels = values = 0
        for rate, block in self._decoded():
            frames += block.shape[0]
            channels = block.shape[1]
            values += block.size
            if values <= _MAX_KEPT:
                kept.append((rate, block))
            else:
                kept.clear()
        if not frames:
            raise AudioError(f"{self._path}: contains no audio samples")
        self._kept = kept or None
        return frames, rate, channels

    @property
    def frames(self) -> int:
        """Samples per channel, counted by decoding: the container's own length leaves out the encoder's delay."""
        return self._counted[0]

    @property
    def declared(self) -> int:
        """As `frames`."""
        return self.frames

    @property
    def promised(self) -> int:
        """Samples per channel by the container's length, if a good part of them is missing; it is never exact."""
        frames, rate, _ = self._counted
        promised = round(self._seconds * rate)
        return promised if promised > frames + _CLEARLY_MISSING * rate else frames

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._counted[1]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._counted[2]

    def read(self, start: int, length: int, mix: Mix) -> NDArray[np.float32]:
        """Mono samples of a stretch."""
        parts, position = [], 0
        for _, block in self.blocks():
            first, last = max(start - position, 0), min(start + length - position, len(block))
            if first < last:
                parts.append(mix.mono(block[first:last]))
            position += len(block)
        return joined(parts)

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the sample rate and blocks of samples, shape (n_samples, n_channels)."""
        yield from self._decoded() if self._kept is None else self._kept

    def _decoded(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        path = self._path
        try:
            import av
        except ImportError:
            raise AudioError(f"{path}: decoding {self._name} audio needs PyAV: pip install av") from None
        try:
            with path.open("rb") as file, _open(av, PartFile(file, self._part), self._format) as container:
                stream = next(iter(container.streams.audio), None)
                if stream is None:
                    raise AudioError(f"{path}: {_article(self._name)} file without an audio stream")
                if stream.codec_context is None:  # PyAV before 18.1 would crash when decoding
                    raise AudioError(f"{path}: no decoder for the audio in this {self._name} file")
                if container.duration and self._part.kind in _KNOW_LENGTH:
                    self._seconds = container.duration / av.time_base
                to_float = av.AudioResampler(format="fltp")
                first_rate, seconds = None, 0.0
                for frame in container.decode(stream):
                    for block in to_float.resample(frame):
                        rate = checked_rate(path, block.sample_rate)
                        first_rate = first_rate or rate
                        if rate != first_rate:
                            raise AudioError(
                                f"{path}: its sample rate changes from {first_rate} to {rate} Hz after {seconds:.1f} s"
                            )
                        seconds += block.samples / rate
                        yield rate, block.to_ndarray().T.astype(np.float32, copy=False)
        # FFmpeg's errors share no built-in base class, and PyAV raises built-in errors as well
        except (av.FFmpegError, ValueError, LookupError, ArithmeticError, OSError, RuntimeError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise AudioError(f"{path}: can't be decoded as {self._name} audio ({reason})") from None


def _article(name: str) -> str:
    return f"{'an' if name in ('MP4', 'AAC') else 'a'} {name}"


def _open(av: Any, file: Any, form: str) -> Any:
    # a single demuxer, fed from a file object, with references to other files disabled, so that no other file can be opened;
    # tags that aren't UTF-8 are harmless
    options = {"protocol_whitelist": "none"} | ({"enable_drefs": "0"} if form == "mp4" else {})
    return av.open(file, format=form, io_open=_refuse, options=options, metadata_errors="replace")


def _refuse(url: str, *_: object) -> None:
    raise PermissionError(f"the audio file refers to another file, {url!r}")

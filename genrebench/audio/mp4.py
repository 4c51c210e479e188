"""Decoding AAC in MP4 with PyAV, an optional dependency."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.samples import AudioInfo, checked_rate, excerpt_bounds, joined, mono
from genrebench.errors import AudioError
from genrebench.records import Excerpt


def recognises(path: Path) -> bool:
    """Whether the file starts with an MP4 header."""
    try:
        if not path.is_file():  # opening a pipe would block until something writes to it
            return False
        with path.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    except OSError:
        return False  # opening it for decoding raises the proper error


def info(path: Path) -> AudioInfo:
    """Length, sample rate and channels, counted by decoding: the container's own length leaves out the encoder delay."""
    frames = rate = channels = 0
    for rate, block in blocks(path):  # noqa: B007, used after the loop
        frames += block.shape[0]
        channels = block.shape[1]
    if not frames:
        raise AudioError(f"{path}: contains no audio samples")
    return AudioInfo(frames, rate, channels)


def read(path: Path, excerpt: Excerpt) -> tuple[NDArray[np.float32], int]:
    """Mono samples of an excerpt and their sample rate."""
    # seeking in AAC isn't sample-accurate, so the file is decoded twice: to count its frames, and to cut the excerpt
    decoded = info(path)
    start, length = excerpt_bounds(decoded.frames, decoded.sample_rate, excerpt)
    parts, position = [], 0
    for _, block in blocks(path):
        first, last = max(start - position, 0), min(start + length - position, len(block))
        if first < last:
            parts.append(mono(block[first:last]))
        position += len(block)
    return joined(parts), decoded.sample_rate


def blocks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the sample rate and blocks of samples, shape (n_samples, n_channels)."""
    try:
        import av
    except ImportError:
        raise AudioError(f"{path}: decoding MP4 audio needs PyAV: pip install av") from None
    try:
        with path.open("rb") as file, _open(av, file) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                raise AudioError(f"{path}: an MP4 file without an audio stream")
            if stream.codec_context is None:  # PyAV before 18.1 would crash when decoding
                raise AudioError(f"{path}: no decoder for the audio in this MP4 file")
            to_float = av.AudioResampler(format="fltp")
            for frame in container.decode(stream):
                for block in to_float.resample(frame):
                    rate = checked_rate(path, block.sample_rate)
                    yield rate, block.to_ndarray().T.astype(np.float32, copy=False)
    # FFmpeg's errors share no built-in base class, and PyAV raises built-in errors as well
    except (av.FFmpegError, ValueError, LookupError, ArithmeticError, OSError, RuntimeError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise AudioError(f"{path}: can't be decoded as MP4 audio ({reason})") from None


def _open(av: Any, file: Any) -> Any:
    # a single demuxer, fed from a file object, with references to other files disabled, so that no other file can be opened;
    # tags that aren't UTF-8 are harmless
    options = {"enable_drefs": "0", "protocol_whitelist": "none"}
    return av.open(file, format="mp4", io_open=_refuse, options=options, metadata_errors="replace")


def _refuse(url: str, *_: object) -> None:
    raise PermissionError(f"the audio file refers to another file, {url!r}")

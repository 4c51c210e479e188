"""AAC in MP4 by PyAV, where it is installed, in this process."""

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
    """Whether the file begins as an MP4 does."""
    try:
        if not path.is_file():  # opening a pipe would wait for whoever writes to it
            return False
        with path.open("rb") as file:
            return file.read(12)[4:8] == b"ftyp"
    except OSError:
        return False  # whoever opens it will say what is wrong


def info(path: Path) -> AudioInfo:
    """Counted by decoding: what the container says of its length leaves out the encoder's delay."""
    frames = rate = channels = 0
    for rate, block in blocks(path):  # noqa: B007, the last rate is the file's
        frames += block.shape[0]
        channels = block.shape[1]
    if not frames:
        raise AudioError(f"{path}: holds no audio samples")
    return AudioInfo(frames, rate, channels)


def read(path: Path, excerpt: Excerpt) -> tuple[NDArray[np.float32], int]:
    """Mono samples of an excerpt, and their rate."""
    # AAC can't be entered at an exact sample, so the file is walked through: once to count, once to cut
    found = info(path)
    start, length = excerpt_bounds(found.frames, found.sample_rate, excerpt)
    parts, position = [], 0
    for _, block in blocks(path):
        first, last = max(start - position, 0), min(start + length - position, len(block))
        if first < last:
            parts.append(mono(block[first:last]))
        position += len(block)
    return joined(parts), found.sample_rate


def blocks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Rate and samples, shape (n_samples, n_channels), piece by piece."""
    try:
        import av
    except ImportError:
        raise AudioError(f"{path}: MP4 audio needs a further decoder: pip install 'genrebench[m4a]'") from None
    try:
        with path.open("rb") as file, _open(av, file) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                raise AudioError(f"{path}: an MP4 file that holds no audio")
            if stream.codec_context is None:  # versions of PyAV before 18.1 crash on it
                raise AudioError(f"{path}: no decoder is known for the audio in this MP4 file")
            to_float = av.AudioResampler(format="fltp")
            for frame in container.decode(stream):
                for block in to_float.resample(frame):
                    rate = checked_rate(path, block.sample_rate)
                    yield rate, block.to_ndarray().T.astype(np.float32, copy=False)
    # FFmpeg's errors have no builtin base in common, and PyAV raises builtin ones beside them
    except (av.FFmpegError, ValueError, LookupError, ArithmeticError, OSError, RuntimeError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise AudioError(f"{path}: can't be decoded as MP4 audio ({reason})") from None


def _open(av: Any, file: Any) -> Any:
    # one demuxer, fed from a file object, its own references to other files off: nothing else can be opened; what isn't UTF-8
    # in a title matters to nobody here
    options = {"enable_drefs": "0", "protocol_whitelist": "none"}
    return av.open(file, format="mp4", io_open=_refuse, options=options, metadata_errors="replace")


def _refuse(url: str, *_: object) -> None:
    raise PermissionError(f"an audio file asked for {url!r}")

"""Decoding wav, flac, ogg, opus and mp3 with libsndfile."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.samples import AudioInfo, checked_rate, excerpt_bounds, joined, mono
from genrebench.errors import AudioError
from genrebench.records import Excerpt

_CHUNK = 1 << 19  # samples over all channels decoded at a time, 2 MB: averaged while still in the processor's cache
_BLOCK = 1 << 22  # mono samples allocated at a time, 16 MB; a damaged header may declare any number of frames
_UNKNOWN_FORMAT = (1, 7)  # libsndfile's codes for an unknown format and for "not an mp3" (worded "File does not exist ...")


def info(path: Path) -> AudioInfo:
    """Length, sample rate and channels from the header."""
    with _File(path) as file:
        return file.info


def decodable_info(path: Path) -> AudioInfo:
    """As `info`, but with the number of frames that can be decoded: the header of a truncated file declares more."""
    with _File(path) as file:
        return file.info if file.is_complete() else replace(file.info, frames=file.count_frames())


def read(path: Path, excerpt: Excerpt) -> tuple[NDArray[np.float32], int]:
    """Mono samples of an excerpt and their sample rate."""
    with _File(path) as file:
        start, length = excerpt_bounds(file.info.frames, file.info.sample_rate, excerpt)
        if start and not file.is_complete():
            start, length = excerpt_bounds(file.count_frames(), file.info.sample_rate, excerpt)
        file.seek(start)
        parts = []
        while length and len(block := file.read_mono(min(length, _BLOCK))):  # an empty block: the file is shorter than declared
            parts.append(block)
            length -= len(block)
        return joined(parts), file.info.sample_rate


def blocks(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the sample rate and blocks of samples, shape (n_samples, n_channels)."""
    with _File(path) as file:
        while len(block := file.read()):
            yield file.info.sample_rate, block


class _File:
    """An open file; every failure to open or decode it is raised as `AudioError`."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise AudioError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
        self._path = path
        with self._guarded():
            if path.stat().st_size == 0:
                raise AudioError(f"{path}: the file is empty")
            self._file: Any = _forward_file()(path)
        self.info = AudioInfo(self._file.frames, checked_rate(path, self._file.samplerate), self._file.channels)
        # files may have as many as 1,024 channels
        self._chunk = np.empty((max(1, _CHUNK // self.info.channels), self.info.channels), np.float32)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def seek(self, frame: int) -> None:
        """Go to a frame; sample-accurate in every format, including mp3."""
        with self._guarded():
            self._file.seek(frame)

    def read(self, frames: int = _CHUNK) -> NDArray[np.float32]:
        """Up to `frames` frames, limited by the buffer; none at the end of the file. Valid until the next read."""
        with self._guarded():
            samples: NDArray[np.float32] = self._file.read(out=self._chunk[:frames])
            return samples

    def read_mono(self, frames: int) -> NDArray[np.float32]:
        """The next `frames` frames averaged over the channels; fewer only at the end of the file."""
        samples = np.empty(frames, np.float32)
        done = 0
        with self._guarded():
            while done < frames and len(chunk := self.read(frames - done)):
                mono(chunk, out=samples[done : done + len(chunk)])
                done += len(chunk)
        return samples[:done]

    def is_complete(self) -> bool:
        """Whether the last declared frame can be decoded; a truncated mp3 keeps its original header."""
        self.seek(self.info.frames - 1)
        return len(self.read(1)) == 1

    def count_frames(self) -> int:
        """Number of frames that can be decoded."""
        self.seek(0)
        total = 0
        while n_read := len(self.read()):
            total += n_read
        return total

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import soundfile

        try:
            with _SILENT_STDERR:
                yield
        except (soundfile.LibsndfileError, OSError, ValueError, TypeError, MemoryError) as error:
            raise AudioError(f"{self._path}: can't be decoded as audio ({_reason(self._path, error)})") from None


def _reason(path: Path, error: Exception) -> str:
    if getattr(error, "code", None) in _UNKNOWN_FORMAT:
        with suppress(OSError), path.open("rb") as file:
            if int.from_bytes(file.read(2), "big") & 0xFFF6 == 0xFFF0:  # sync word of an ADTS frame
                return "raw AAC, supported only inside MP4; convert it: ffmpeg -i FILE -c copy NEW.m4a"
        return "not audio that libsndfile knows"
    reason = getattr(error, "strerror", None) or getattr(error, "error_string", None) or error
    return str(reason).rstrip(".")


@functools.cache
def _forward_file() -> Any:
    """`soundfile.SoundFile` without the seek that it performs after each read, which is slow in an mp3."""
    import soundfile

    class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile is untyped
        def seekable(self) -> bool:
            return False

    return ForwardFile


class _SilentStderr:
    """Silences the process's stderr, to which the mp3 decoder writes warnings; may be entered by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._stderr: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                with suppress(OSError):  # the process has no stderr
                    self._stderr = os.dup(2)
                    devnull = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(devnull, 2)
                    os.close(devnull)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._stderr is not None:
                os.dup2(self._stderr, 2)
                os.close(self._stderr)
                self._stderr = None


_SILENT_STDERR = _SilentStderr()

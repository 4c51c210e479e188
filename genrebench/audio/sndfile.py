"""Decoding wav, flac, ogg, opus and mp3 with libsndfile."""

from __future__ import annotations

import bisect
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from genrebench.audio.parts.part import Part, PartFile
from genrebench.audio.samples import Mix, checked_rate, joined
from genrebench.errors import AudioError

_CHUNK = 1 << 19  # samples over all channels decoded at a time, 2 MB: averaged while still in the processor's cache
_BLOCK = 1 << 22  # mono samples allocated at a time, 16 MB; a damaged header may declare any number of frames
_VORBIS_LEAD = 1 << 13  # samples, the longest block
_PROBE = 1 << 11  # samples that are read twice
_FEW_SECONDS = 0.05  # by which a guessed length may differ from the true one
_UNKNOWN_FORMAT = (1, 7)  # libsndfile's codes for an unknown format and for "not an mp3" (worded "File does not exist ...")


class Stream:
    """A part of a file, opened for reading; every failure to open or decode it is raised as `AudioError`.

    Parameters
    ----------
    path : Path
    part : Part
    is_whole : bool
        Whether the part is the only one of its file, so that libsndfile may open the file itself.
    """

    _file: Any = None

    def __init__(self, path: Path, part: Part, is_whole: bool) -> None:
        self._path, self._part = path, part
        self._delay = part.delay
        self._bytes: BinaryIO | None = None
        try:
            if not (is_whole and self._opens_file()):
                self._open_part()
            self.sample_rate = checked_rate(path, self._file.samplerate)
            if self._lacks(_FEW_SECONDS):
                self._refuse_the_rest()
        except BaseException:
            self._close()
            raise
        self.channels: int = self._file.channels
        self.declared: int = self._file.frames
        if part.frames is not None and part.kind == "mp3" and not part.delay:
            self.declared = min(self.declared, part.frames)  # no header says its length, libsndfile only guesses it
        self.promised = max(self.declared, part.promised)
        # files may have as many as 1,024 channels
        self._chunk = np.empty((max(1, _CHUNK // self.channels), self.channels), np.float32)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        for file in (self._file, self._bytes):
            if file is not None:
                file.close()

    @property
    def as_declared(self) -> bool:
        """Whether libsndfile was given the part with its own header."""
        return self._bytes is None or not self._part.head

    @cached_property
    def frames(self) -> int:
        """Samples per channel that can be decoded: the header of a truncated file declares more."""
        if not self.declared:
            return 0
        if self._part.kind == "mp3" and self._part.frames == self.declared:
            return self.declared  # all its frames are there
        try:
            self._go(self._seekable_before(self.declared - 1), self.declared - 1)
            is_complete = len(self._read(1)) == 1
        except AudioError:  # what can't seek, such as GSM, can be decoded from its beginning
            is_complete = False
        return self.declared if is_complete else sum(len(block) for _, block in self.blocks())

    def read(self, start: int, length: int, mix: Mix) -> NDArray[np.float32]:
        """Mono samples of a stretch; fewer only at the end of what can be decoded."""
        try:
            samples = self._read_from(start, length, mix)
        except AudioError:
            if not start:
                raise
            samples = np.empty(0, np.float32)
        if start and not len(samples):  # it can't seek
            self._rewind()
            self._skip(start)
            samples = self._read_on(length, mix)
        return samples

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the sample rate and blocks of samples, shape (n_samples, n_channels); each is valid until the next."""
        self._rewind()
        rest = self.declared
        while rest and len(block := self._read(min(rest, _CHUNK))):
            rest -= len(block)
            yield self.sample_rate, block

    # ------------------------------------------------------------------ opening

    def _opens_file(self) -> bool:
        """Open the file itself, if the part is all that it has and its header is right."""
        part = self._part
        if (
            part.kind == "mp3" and not part.gaps and not (part.head and part.delay)
        ):  # tags around it, and no header, are for libsndfile to handle
            with suppress(AudioError):
                self._file = self._opened(self._path)
                if not self._lacks(_FEW_SECONDS):
                    return True
                self._file.close()
            return False
        if part.head or part.gaps or part.start or part.stop < self._path.stat().st_size:
            return False
        self._file = self._opened(self._path)
        return True

    def _open_part(self) -> None:
        """Open the part as a file of its own, with the header that it should have."""
        if self._bytes is None:
            with self._guarded():
                self._bytes = self._path.open("rb")
        self._file = self._opened(PartFile(self._bytes, self._part))
        if self._part.head and not self._part.delay:
            self._delay = self._part.frame_length  # of an mp3: the silence that was put before it

    def _opened(self, source: Any) -> Any:
        with self._guarded():
            file = _forward_file()(source)
        self._position = 0
        return file

    def _rewind(self) -> None:
        """Go to the beginning, also where that can't be done by seeking."""
        if self._position:
            self._file.close()
            if self._bytes is None:
                self._file = self._opened(self._path)
            else:
                self._open_part()

    def _lacks(self, seconds: float) -> bool:
        """Whether libsndfile means to read less than there is, by more than a few seconds."""
        return self._part.frames is not None and self._file.frames < self._part.frames - seconds * self._file.samplerate

    def _refuse_the_rest(self) -> None:
        assert self._part.frames is not None  # noqa: S101, checked by the caller
        read, there = (frames / self.sample_rate for frames in (self._file.frames, self._part.frames))
        raise AudioError(f"{self._path}: only {read:.1f} of its {there:.1f} s can be read, as its header is wrong; convert it")

    # ------------------------------------------------------------------ reading

    def _read_from(self, start: int, length: int, mix: Mix) -> NDArray[np.float32]:
        """Mono samples of a stretch, by seeking: the same samples as without."""
        if self._part.kind == "vorbis" and start:
            return self._read_vorbis(start, length, mix)
        self._go(self._seekable_before(start), start)
        return self._read_on(length, mix)

    def _go(self, first: int, start: int) -> None:
        """Seek to `first`, and decode up to `start`."""
        if first:
            self._position = first
            with self._guarded():
                self._file.seek(first)
        else:
            self._rewind()
        self._skip(start - first)

    def _read_vorbis(self, start: int, length: int, mix: Mix) -> NDArray[np.float32]:
        """As `_read_from`.

        Behind a seek, libsndfile may be wrong by half a block, in about one place of twenty (libsndfile#885). So the first
        samples are read twice, from different pages: where both readings agree, they are right; else all is decoded from the
        beginning.
        """
        probe = min(length, _PROBE)
        page = bisect.bisect_right(self._part.pages[:-1], start - _VORBIS_LEAD)
        if page > 3:
            self._go(self._part.pages[page - 3] - 1, start)
            expected = self._read_on(probe, Mix())
            self._go(self._part.pages[page - 1] - 1, start)
            found = self._read_on(probe, mix)
            if np.array_equal(found, expected) and np.ptp(found) > 0:
                return joined([found, self._read_on(length - probe, mix)])
            mix.forget()
        self._go(0, start)
        return self._read_on(length, mix)

    def _seekable_before(self, start: int) -> int:
        """Where to begin to decode for exact samples from `start` on.

        libsndfile finds the right frame of an mp3, but a frame needs bits of up to 10 frames before it, or of up to 24 in
        MPEG 2 at 8 kbit/s, and without them its first 40 ms are noise.
        """
        if self._part.kind == "opus":  # not exact in the last page, which is at most a second long
            return max(0, min(start, self.declared - 2 * self.sample_rate))
        length = self._part.frame_length
        if not length:
            return start
        frame = (start + self._delay) // length - (16 if length == 1152 else 32)
        return max(0, frame * length + length // 2 - self._delay)

    def _skip(self, frames: int) -> None:
        while frames and (n_read := len(self._read(frames))):
            frames -= n_read

    def _read(self, frames: int = _CHUNK) -> NDArray[np.float32]:
        """Up to `frames` frames, limited by the buffer; none at the end of the file. Valid until the next read."""
        with self._guarded():
            samples: NDArray[np.float32] = self._file.read(out=self._chunk[:frames])
            self._position += len(samples)
            return samples

    def _read_on(self, frames: int, mix: Mix) -> NDArray[np.float32]:
        """The next frames in mono; fewer only at the end of the file."""
        blocks = []
        while frames and len(block := self._read_block(min(frames, _BLOCK), mix)):
            blocks.append(block)
            frames -= len(block)
        return joined(blocks)

    def _read_block(self, frames: int, mix: Mix) -> NDArray[np.float32]:
        samples = np.empty(frames, np.float32)
        done = 0
        with self._guarded():
            while done < frames and len(chunk := self._read(frames - done)):
                mix.mono(chunk, out=samples[done : done + len(chunk)])
                done += len(chunk)
        return samples[:done]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        import soundfile

        try:
            with _SILENT_STDERR:
                yield
        except (soundfile.LibsndfileError, OSError, ValueError, TypeError, MemoryError) as error:
            raise AudioError(f"{self._path}: can't be decoded as audio ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    if getattr(error, "code", None) in _UNKNOWN_FORMAT:
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

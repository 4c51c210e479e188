"""What the parsers of all formats share."""

from __future__ import annotations

import io
import mmap
from dataclasses import dataclass
from typing import BinaryIO

Data = mmap.mmap | bytes
"""The content of a file; a part of it is copied only where it is looked at."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file that a decoder can read by itself.

    Parameters
    ----------
    kind : str
        "mp3", "flac", "ogg", ... or "" if unknown.
    start, stop : int
        The bytes of the file.
    head : bytes
        A corrected header, to be read instead of what is before `start`.
    frames : int or None
        Samples per channel that its structure has room for, if that is known.
    frame_length, delay : int
        Of an mp3: samples per frame, and samples that a decoder drops at the beginning.
    pages : tuple of int
        Of Vorbis: the samples at which its pages end.
    gaps : tuple of (int, int)
        Stretches of bytes that aren't sound, over which a decoder wouldn't come.
    promised : int
        Samples per channel that the header says there are, if the file ends before them.
    """

    kind: str
    start: int
    stop: int
    head: bytes = b""
    frames: int | None = None
    frame_length: int = 0
    delay: int = 0
    pages: tuple[int, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    promised: int = 0


class PartFile(io.RawIOBase):
    """A part as a file: `Part.head`, then its bytes of the file without the gaps."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self._file, self._head, self._position = file, part.head, 0
        starts = [part.start, *(stop for _, stop in part.gaps)]
        stops = [*(start for start, _ in part.gaps), part.stop]
        self._pieces = list(zip(starts, stops, strict=True))
        self._length = len(part.head) + sum(stop - start for start, stop in self._pieces)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Position in the part."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        self._position = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence])
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        stop = self._length if size is None or size < 0 else min(self._length, self._position + size)
        data = self._head[self._position : max(stop, 0)]
        at = len(self._head)
        for first, last in self._pieces:
            begin = self._position + len(data)
            if begin < min(stop, at + last - first):
                self._file.seek(first + begin - at)
                data += self._file.read(min(stop, at + last - first) - begin)
            at += last - first
        self._position += len(data)
        return data

    def readinto(self, buffer: object) -> int:
        """The next bytes, into a buffer."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


def skip_tags(data: Data, position: int) -> int:
    """Position behind all ID3v2 tags at `position`; a tag that claims to be longer than the file isn't skipped."""
    while data[position : position + 3] == b"ID3" and len(size := data[position + 6 : position + 10]) == 4:
        footer = 10 if data[position + 5] & 0x10 else 0
        after = position + 10 + footer + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
        if max(size) > 127 or after >= len(data):
            break
        position = after
    return position


def strip_tags(data: Data, start: int, stop: int) -> int:
    """End of the audio in front of the ID3v1, APEv2 and Lyrics3 tags that end at `stop`."""
    while True:
        if stop - 128 >= start and data[stop - 128 : stop - 125] == b"TAG":
            stop -= 128
        elif stop - 32 >= start and data[stop - 32 : stop - 24] == b"APETAGEX":
            size = int.from_bytes(data[stop - 20 : stop - 16], "little")
            has_header = bool(data[stop - 9] & 0x80)
            stop = max(start, stop - size - 32 * has_header)
        elif stop - 15 >= start and data[stop - 9 : stop] == b"LYRICS200" and data[stop - 15 : stop - 9].isdigit():
            stop = max(start, stop - 15 - int(data[stop - 15 : stop - 9]))
        else:
            return stop

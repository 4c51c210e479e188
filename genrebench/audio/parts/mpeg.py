"""Frames of an mp3 (MPEG audio, layers I to III), and of raw AAC.

A decoder knows the length of an mp3 from the Xing or Info header in its first frame, or guesses it from that frame's bit rate.
Both can be wrong, and what is behind the declared end isn't read: so the frames are counted, which needs four bytes of each.

Sources: ISO/IEC 11172-3 and 13818-3; the layout of the header is that of LAME's "Mp3 Info Tag rev 1".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from genrebench.audio.parts.part import Data, Part, skip_tags, strip_tags

_SYNC = re.compile(rb"\xff[\xe2-\xff][\x00-\xfb]")
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by the two bits of the version
_KBITS = {  # by (MPEG 1?, layer), for the bit rate indices 1 to 14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_DECODER_DELAY = 529  # samples, of layer III
_MAX_SKIPPED = 1000  # bytes between two frames over which the decoder comes
_ENOUGH = 4  # frames in a row that are no accident


class Kind(NamedTuple):
    """What all frames of a stream have in common."""

    second_byte: int  # version and layer, without the bit for a checksum
    rate_index: int
    is_mono: bool

    @property
    def version(self) -> int:
        """3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5."""
        return self.second_byte >> 3 & 3

    @property
    def layer(self) -> int:
        """1 to 3."""
        return 4 - (self.second_byte >> 1 & 3)

    @property
    def frame_length(self) -> int:
        """Samples per frame."""
        return 384 if self.layer == 1 else 576 if self.layer == 3 and self.version != 3 else 1152

    @property
    def info_offset(self) -> int:
        """Where the Xing header of a layer III stream is, behind the frame's header and side information."""
        return 4 + (17 if self.is_mono else 32) if self.version == 3 else 4 + (9 if self.is_mono else 17)


class Run(NamedTuple):
    """Frames that follow each other without a gap."""

    kind: Kind
    start: int
    stop: int
    frames: int


def parts(data: Data, begin: int, size: int) -> list[Part]:
    """The parts of an mp3, or of raw AAC; none if it is neither."""
    if is_adts(data, begin):
        return [Part("aac", begin, size)]
    end = strip_tags(data, begin, size)
    streams: list[list[Run]] = []
    for run in _runs(data, begin, end):
        previous = streams[-1][-1] if streams else run
        follows = streams and run.kind == previous.kind and _info(data, run) is None
        if follows and data[previous.stop : previous.stop + 3] != b"ID3":
            streams[-1].append(run)  # behind damage
        else:
            streams.append([run])
    return [_part(data, stream) for stream in streams]


def is_adts(data: Data, position: int) -> bool:
    """Whether frames of raw AAC begin at `position`."""
    for _ in range(_ENOUGH):
        header = data[position : position + 6]
        if len(header) < 6:
            return False
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        if header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or length < 7:
            return False
        position += length
    return True


def _part(data: Data, runs: list[Run]) -> Part:
    kind, start, stop = runs[0].kind, runs[0].start, runs[-1].stop
    frames = sum(run.frames for run in runs)
    gaps = tuple((a.stop, b.start) for a, b in pairwise(runs) if b.start - a.stop > _MAX_SKIPPED)
    info = _info(data, runs[0])
    if info is None:
        head = _head(data[start : start + 4], kind, frames) if kind.layer == 3 else b""
        return Part("mp3", start, stop, head, frames * kind.frame_length, kind.frame_length, gaps=gaps)
    frames -= 1  # the header is in a frame without music
    is_cut = info.frames is not None and frames < info.frames
    delay = info.delay + _DECODER_DELAY
    padding = 0 if is_cut else max(0, info.padding - _DECODER_DELAY)
    length = max(0, frames * kind.frame_length - delay - padding)
    head = b""
    if info.frames is not None and frames > info.frames:
        at, start = start + kind.info_offset + 8, start + _size(data, start, kind)
        head = data[runs[0].start : at] + frames.to_bytes(4, "big") + data[at + 4 : start]
    return Part("mp3", start, stop, head, length, kind.frame_length, delay, gaps=gaps)


# ------------------------------------------------------------------ frames


@functools.cache
def _sizes(second_byte: int, rate_index: int) -> tuple[int, ...]:
    """Length of a frame in bytes by its header's third byte; 0 if that isn't possible, or another sample rate."""
    kind = Kind(second_byte, rate_index, False)
    sizes = [0] * 256
    rate = _RATES[kind.version][rate_index]
    for index, kbits in enumerate(_KBITS[kind.version == 3, kind.layer], start=1):
        for padding in (0, 1):
            if kind.layer == 1:
                size = 4 * (12_000 * kbits // rate + padding)
            else:
                size = kind.frame_length // 8 * 1000 * kbits // rate + padding
            for private in (0, 1):
                sizes[index << 4 | rate_index << 2 | padding << 1 | private] = size
    return tuple(sizes)


def _size(data: Data, position: int, kind: Kind) -> int:
    return _sizes(kind.second_byte, kind.rate_index)[data[position + 2]]


def _kind(header: bytes) -> Kind | None:
    """What a frame's header says; None if it isn't one."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer, rate_index = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 2 & 3
    if version == 1 or layer == 0 or rate_index == 3 or header[2] >> 4 in (0, 15):
        return None
    return Kind(header[1] & 0xFE, rate_index, header[3] >> 6 == 3)


def _follow(data: Data, position: int, stop: int, kind: Kind, most: int = 1 << 62) -> tuple[int, int]:
    """End and number of the frames of one kind that follow each other from `position`."""
    second, is_mono = kind.second_byte, kind.is_mono
    sizes = _sizes(second, kind.rate_index)
    frames = 0
    last = stop - 4
    while position <= last and frames < most:
        size = sizes[data[position + 2]]
        if not size or data[position] != 0xFF or data[position + 1] & 0xFE != second or position + size > stop:
            break
        if (data[position + 3] > 191) != is_mono:
            break
        position += size
        frames += 1
    return position, frames


def _runs(data: Data, position: int, stop: int) -> Iterator[Run]:
    """All runs of frames; an Info header begins a new one."""
    infos: list[int] | None = None
    while (found := _next_frame(data, position, stop)) is not None:
        start, kind = found
        position, frames = _follow(data, start, stop, kind)
        run = Run(kind, start, position, frames)
        info = _info(data, run)
        if info is None or info.frames != frames - 1:  # otherwise there is no other header among them
            infos = _info_positions(data, start, stop) if infos is None else infos
            for limit in [info for info in infos if start < info < run.stop]:
                position, frames = _follow(data, start, limit, kind)
                yield Run(kind, start, position, frames)
                start = limit
            run = Run(kind, start, *_follow(data, start, stop, kind))
            position = run.stop
        yield run


def _next_frame(data: Data, position: int, stop: int) -> tuple[int, Kind] | None:
    """The next position with several frames in a row; at the end of the file or of what came before, fewer do."""
    first = position
    position = min(skip_tags(data, position), stop)
    while (match := _SYNC.search(data, position, stop)) is not None:
        position = match.start()
        kind = _kind(data[position : position + 4])
        if kind is not None:
            after, frames = _follow(data, position, stop, kind, _ENOUGH)
            if frames == _ENOUGH or (frames and position == first and after == stop):
                return position, kind
        position += 1
        if data[position : position + 3] == b"ID3":
            position = min(skip_tags(data, position), stop)
    return None


# ------------------------------------------------------------------ the Xing or Info header


class Info(NamedTuple):
    """What an Info header says."""

    frames: int | None
    delay: int
    padding: int


def _info(data: Data, run: Run) -> Info | None:
    """The Info header in the first frame of a run."""
    at = run.start + run.kind.info_offset
    tag = data[at : at + 144]
    if run.kind.layer != 3 or tag[:4] not in (b"Xing", b"Info") or len(tag) < 144:
        return None
    flags = int.from_bytes(tag[4:8], "big")
    frames = int.from_bytes(tag[8:12], "big") if flags & 1 else None
    extension = 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    if not tag[extension : extension + 4].strip(b"\0 "):
        return Info(frames, 0, 0)
    trim = int.from_bytes(tag[extension + 21 : extension + 24], "big")
    return Info(frames, trim >> 12, trim & 0xFFF)


def _info_positions(data: Data, start: int, stop: int) -> list[int]:
    """Where frames with an Info header begin."""
    positions = []
    for word in (b"Xing", b"Info"):
        at = data.find(word, start, stop)
        while at >= 0:
            for offset in (36, 21, 13):
                kind = _kind(data[at - offset : at - offset + 4]) if at >= offset else None
                if kind is not None and kind.layer == 3 and kind.info_offset == offset:
                    positions.append(at - offset)
            at = data.find(word, at + 4, stop)
    return sorted(positions)


def _head(header: bytes, kind: Kind, frames: int) -> bytes:
    """An Info header for frames that have none, and a frame of silence, which a decoder drops instead of the first samples."""
    sizes = _sizes(kind.second_byte, kind.rate_index)
    content = kind.info_offset + 8 + 4 + 24
    third = next(c for c in range(kind.rate_index << 2, 256, 16) if sizes[c] >= content)
    frame = bytes([0xFF, header[1] | 1, third, header[3]])
    trim = (kind.frame_length - _DECODER_DELAY) << 12 | _DECODER_DELAY
    tag = (
        b"Xing" + (1).to_bytes(4, "big") + (frames + 1).to_bytes(4, "big") + b"LAME".ljust(21, b"\0") + trim.to_bytes(3, "big")
    )
    return (frame.ljust(kind.info_offset, b"\0") + tag).ljust(sizes[third], b"\0") + frame.ljust(sizes[third], b"\0")

"""Frames of FLAC: a stream's header may say 0 or another wrong length, so the number in its last frame is looked at.

Source: RFC 9639.
"""

from __future__ import annotations

import functools
import re

from genrebench.audio.parts.part import Data, Part, skip_tags, strip_tags

_MARKER = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_INFO_END = 42  # marker, block header and STREAMINFO
_MOST = 0xF_FFFF_FFFF  # frames that a header can declare
_LAST_FRAMES = 1 << 17  # bytes at the end among which the last frame begins


def parts(data: Data, begin: int, size: int) -> list[Part]:
    """The parts of a FLAC file: its streams, usually one."""
    end = strip_tags(data, begin, size)
    starts = [match.start() for match in _MARKER.finditer(data, begin, end)] or [begin]
    found = []
    for start, after in zip(starts, [*starts[1:], end], strict=True):
        info = data[start : start + _INFO_END]
        if len(info) < _INFO_END:
            found.append(Part("flac", start, after))
            continue
        declared = int.from_bytes(info[21:26], "big") & _MOST
        frames = _frames(data, start + _INFO_END, _before_tag(data, start, after), info)
        head = b""
        # 0: unknown, as in a stream that was written to a pipe
        if frames is not None and (declared < frames or declared == _MOST):
            total = (info[21] & 0xF0) << 32 | frames
            head = info[:21] + total.to_bytes(5, "big") + info[26:]
        kind = "flac32" if info[20] & 1 and info[21] >> 4 == 15 else "flac"  # of 32 bits a sample
        found.append(Part(kind, start + len(head), after, head, frames))
    return found


def _before_tag(data: Data, start: int, stop: int) -> int:
    """End of the frames in front of an ID3v2 tag of the next stream."""
    at = data.find(b"ID3", max(start, stop - 10_000_000), stop) if stop != len(data) else -1
    return at if at >= 0 and skip_tags(data, at) == stop else stop


def _frames(data: Data, first: int, stop: int, info: bytes) -> int | None:
    """Samples per channel up to the end of the last frame; None if no frame is found."""
    block_size = int.from_bytes(info[8:10], "big")
    begin = max(first, stop - _LAST_FRAMES)
    positions = [match.start() for match in _SYNC.finditer(data, begin, stop)]
    for position in reversed(positions):
        end = _frame_end(data[position : position + 16], block_size)
        if end is not None:
            return end
    return None


def _frame_end(header: bytes, block_size: int) -> int | None:
    """Samples per channel up to the end of the frame with this header; None if it isn't one."""
    if len(header) < 6 or header[3] & 1 or header[2] >> 4 == 0 or header[2] & 15 == 15 or header[3] >> 4 > 10:
        return None
    ones = 8 - (header[4] ^ 0xFF).bit_length()  # the number is coded like UTF-8
    extra = max(0, ones - 1)
    if ones in (1, 8) or any(byte >> 6 != 2 for byte in header[5 : 5 + extra]):
        return None
    number = header[4] & (0x7F >> ones)
    for byte in header[5 : 5 + extra]:
        number = number << 6 | byte & 63
    at = 5 + extra
    code = header[2] >> 4
    if code in (6, 7):
        length = int.from_bytes(header[at : at + code - 5], "big") + 1
        at += code - 5
    else:
        length = 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8
    at += {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
    if len(header) <= at or _crc8(header[:at]) != header[at]:
        return None
    is_variable = header[1] & 1
    return number + length if is_variable else number * block_size + length


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _crc8_table()[crc ^ byte]
    return crc


@functools.cache
def _crc8_table() -> tuple[int, ...]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc << 1 ^ (0x107 if crc & 0x80 else 0)
        table.append(crc)
    return tuple(table)

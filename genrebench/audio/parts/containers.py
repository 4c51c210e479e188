"""Containers that were joined: MP4, WMA, TTA, CAF and W64. Their decoders read the first and don't tell of the others.

Sources: ISO/IEC 14496-12; Microsoft, "Advanced Systems Format Specification"; "TTA1 Lossless Audio Codec Format Description";
Apple, "Core Audio Format Specification 1.0"; Sony, "Wave 64".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from genrebench.audio.parts.part import Data, Part
from genrebench.errors import AudioError

BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""Boxes with which an MP4 or QuickTime file begins."""

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64_HEADER = 128  # bytes, about
_MAX_TAG = 1 << 16
"""Bytes between the end of a TTA file and another one, for a tag."""
_MAX_TRAILER = 4096
"""Bytes behind the end of a CAF file that needn't be accounted for."""


def mp4(data: Data, begin: int, size: int) -> list[Part]:
    """The parts of an MP4 file: a box "ftyp" behind the first begins another file."""
    starts = [begin]
    position = begin
    while position + 8 <= size:
        length, name = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if length == 1:
            length = int.from_bytes(data[position + 8 : position + 16], "big")
        if name == b"ftyp" and position > begin:
            starts.append(position)
        if length < 8:  # 0: up to the end of the file
            break
        position += length
    return _between("mp4", starts, size)


def asf(data: Data, begin: int, size: int) -> list[Part]:
    """The parts of a WMA file: a header object behind the first begins another file."""
    starts = [begin]
    position = begin
    while position + 24 <= size:
        length = int.from_bytes(data[position + 16 : position + 24], "little")
        if position > begin and data[position : position + 16] == _ASF:
            starts.append(position)
        if length < 24:  # unknown
            break
        position += length
    return _between("asf", starts, size)


def tta(data: Data, begin: int, size: int) -> list[Part]:
    """The parts of a TTA file, whose header and table of frames say where it ends."""
    starts = [begin]
    while len(header := data[starts[-1] : starts[-1] + 22]) == 22:
        rate, samples = (int.from_bytes(header[at : at + 4], "little") for at in (10, 14))
        n_frames = -(-samples // max(1, 256 * rate // 245))
        table = starts[-1] + 22
        if table + 4 * n_frames > size:
            break
        lengths = data[table : table + 4 * n_frames]
        end = table + 4 * n_frames + 4 + sum(int.from_bytes(lengths[i : i + 4], "little") for i in range(0, len(lengths), 4))
        another = data.find(b"TTA1", end, end + _MAX_TAG)
        if another < 0:
            break
        starts.append(another)
    return _between("tta", starts, size)


def w64(data: Data, begin: int, size: int) -> list[Part]:
    """The parts of a W64 file, whose header says how long it is."""
    starts = [begin]
    while True:
        length = int.from_bytes(data[starts[-1] + 16 : starts[-1] + 24], "little")
        if not 40 < length < size or data[(end := starts[-1] + -(-length // 8) * 8) :][:4] != b"riff":
            break
        starts.append(end)
    parts = _between("w64", starts, size)
    last = starts[-1]
    form = data[last + 40 : last + 80]  # the chunk with the format, which is the first
    rate, bytes_per_second = (int.from_bytes(form[at : at + 4], "little") for at in (28, 32))
    total = int.from_bytes(data[last + 16 : last + 24], "little")
    if form[:4] == b"fmt " and bytes_per_second and size - last < total < 1 << 62:  # cut short
        parts[-1] = replace(parts[-1], promised=round((total - _W64_HEADER) / bytes_per_second * rate))
    return parts


def caf(path: Path, data: Data, begin: int, size: int) -> list[Part]:
    """The parts of a CAF file.

    Raises
    ------
    AudioError
        If there are bytes behind the declared end of the sound that aren't read.
    """
    starts = [begin]
    position, sound = begin + 8, 0
    while position + 12 <= size:
        name, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 12], "big")
        if name == b"caff" and sound:
            starts.append(position)
            position, sound = position + 8, 0
            continue
        if not (name.isascii() and name.decode("ascii").isprintable()):
            break
        if name == b"data":
            sound = length
            if length == (1 << 64) - 1:  # of unknown length: read by FFmpeg
                return [Part("caf", begin, size)]
        position += 12 + length
    rest = size - position
    if sound and rest > _MAX_TRAILER:
        raise AudioError(
            f"{path}: its header declares {sound} bytes of audio, and {rest} bytes behind them aren't read; convert the file "
            "or correct its header"
        )
    return _between("", starts, size)


def _between(kind: str, starts: list[int], size: int) -> list[Part]:
    return [Part(kind, start, stop) for start, stop in zip(starts, [*starts[1:], size], strict=True)]

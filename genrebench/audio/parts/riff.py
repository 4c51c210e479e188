"""Chunks of wav (RIFF, RF64), AIFF and the header of AU: files that were joined, or whose header says another length.

Sources: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0"; Apple, "Audio Interchange File
Format".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from genrebench.audio.parts.part import Data, Part, skip_tags
from genrebench.errors import AudioError

_UNKNOWN = 0x7FFF_0000  # a size from here on means that it wasn't known
_NOTHING_MUCH = 0.05  # s of sound, and as many bytes, that needn't be accounted for


def parts(path: Path, data: Data, begin: int, size: int) -> list[Part]:
    """The parts of a file: one each of several that were joined.

    Raises
    ------
    AudioError
        If there are bytes behind the declared end of the sound that aren't read.
    """
    if data[begin : begin + 4] == b".snd":
        return [_au(path, data, begin, size)]
    found = []
    while begin < size and data[begin : begin + 4] in (b"RIFF", b"RF64", b"FORM"):
        part = _part(path, data, begin, size)
        found.append(part)
        begin = skip_tags(data, part.stop)
    return found


def _part(path: Path, data: Data, begin: int, size: int) -> Part:
    kind, order, body = ("aiff", "big", b"SSND") if data[begin : begin + 4] == b"FORM" else ("wav", "little", b"data")
    position, bytes_per_second, rate, promised, long_length = begin + 12, 0.0, 0, 0, 0
    sound: tuple[int, int] | None = None
    while position + 8 <= size:
        name, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], order)  # type: ignore[arg-type]
        if name in (b"RIFF", b"RF64", b"FORM") and sound is not None:
            break
        if not name.isascii() or not name.decode("ascii").isprintable():
            break
        if name == b"fmt " and length >= 12:
            rate, bytes_per_second = (int.from_bytes(data[position + at : position + at + 4], "little") for at in (12, 16))
        if name == b"COMM":
            promised = int.from_bytes(data[position + 10 : position + 14], "big")
        if name == b"ds64":
            long_length = int.from_bytes(data[position + 16 : position + 24], "little")
        if name == b"data" and length == 0xFFFF_FFFF and long_length:
            length = long_length  # of RF64
        after = position + 8 + length + length % 2
        if name == body and sound is None:
            sound = (position, length)
            if not length or _UNKNOWN <= length != long_length:
                return _open_ended(data, begin, position, length, size, kind)
            if position + 8 + length > size:  # cut short
                promised = round(length / bytes_per_second * rate) if bytes_per_second else promised
                return replace(_open_ended(data, begin, position, length, size, kind), promised=promised)
        position = min(after, size)
    rest = size - position
    if sound is not None and bytes_per_second and rest > _NOTHING_MUCH * bytes_per_second and not _is_next(data, position):
        raise _unread(path, sound[1], rest, bytes_per_second)
    return Part(kind, begin, position if _is_next(data, position) else size)


def _is_next(data: Data, position: int) -> bool:
    return data[skip_tags(data, position) :][:4] in (b"RIFF", b"RF64", b"FORM") if position < len(data) else False


def _open_ended(data: Data, begin: int, position: int, length: int, size: int, kind: str) -> Part:
    """A file whose sound goes on to its end, as it does where a recording broke off or was written to a pipe."""
    is_rf64 = data[begin : begin + 4] == b"RF64"
    if (length and not is_rf64) or kind != "wav" or position + 8 == size:
        return Part(kind, begin, size)  # libsndfile reads to the end of the file
    rest = size - position - 8
    if is_rf64:  # the length of the sound is in its first chunk
        head = bytearray(data[begin : position + 8])
        if head[12:16] == b"ds64":
            head[20:44] = b"".join(n.to_bytes(8, "little") for n in (size - begin - 8, rest, 0))
        return Part(kind, position + 8, size, bytes(head))
    return Part(kind, position + 8, size, data[begin : position + 4] + min(rest, 0xFFFF_FFFF).to_bytes(4, "little"))


def _au(path: Path, data: Data, begin: int, size: int) -> Part:
    header = data[begin : begin + 24]
    offset, length, encoding, rate, channels = (int.from_bytes(header[at : at + 4], "big") for at in (4, 8, 12, 16, 20))
    rest = size - begin - offset - length
    if len(header) == 24 and length == 0 and rest > 0:
        return Part("au", begin + 12, size, header[:8] + b"\xff" * 4)
    promised = 0
    width = {1: 1, 27: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8}.get(encoding, 0) * rate * channels
    if width and length < 0xFFFF_FFFF and rest > _NOTHING_MUCH * width:
        raise _unread(path, length, rest, width)
    if width and length < _UNKNOWN and rest < 0:  # cut short
        promised = length * rate // width
    return Part("au", begin, size, promised=promised)


def _unread(path: Path, declared: int, rest: int, bytes_per_second: float) -> AudioError:
    return AudioError(
        f"{path}: its header declares {declared / bytes_per_second:.1f} s of audio, and {rest} bytes behind that "
        f"({rest / bytes_per_second:.1f} s) aren't read; convert the file or correct its header"
    )

"""The parts of an audio file: each stretch of bytes that a decoder can read by itself, found from the file's own structure.

Headers are often wrong about what follows them: an mp3 without a count of its frames, two files joined into one, a stream that
was written to a pipe. A decoder that believes them reads less than there is, and doesn't say so. So frames, pages and chunks
are counted here, without decoding. A part whose header is wrong gets a correct one; what can't be read is an error that says
how much.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from genrebench.audio.parts import containers, flac, mpeg, ogg, riff
from genrebench.audio.parts.part import Part, skip_tags
from genrebench.errors import AudioError

__all__ = ["Part", "parts_of"]


def parts_of(path: Path) -> list[Part]:
    """The parts of a file, at least one; a file of unknown structure is one part.

    Raises
    ------
    AudioError
        If the file is missing, empty or can't be read, or part of it can't be decoded.
    """
    # opening a pipe would block until something writes to it; of a name that is too long there is no file
    if not os.path.isfile(path):  # noqa: PTH113
        raise AudioError(f"{path}: {'not a regular file' if os.path.exists(path) else 'no such file'}")  # noqa: PTH110
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if not size:
                raise AudioError(f"{path}: the file is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parts(path, data, size)
    except (OSError, ValueError) as error:
        raise AudioError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _parts(path: Path, data: mmap.mmap, size: int) -> list[Part]:
    begin = skip_tags(data, 0)
    magic = data[begin : begin + 12]
    if magic[4:8] in containers.BOXES:
        return containers.mp4(data, begin, size)
    if magic[:4] == b"fLaC":
        return flac.parts(data, begin, size)
    if magic[:4] in (b"RIFF", b"RF64", b"FORM", b".snd"):
        return riff.parts(path, data, begin, size)
    if magic[:4] == b"OggS":
        return ogg.parts(data, begin, size)
    if magic[:4] == b"caff":
        return containers.caf(path, data, begin, size)
    if magic[:4] == b"riff":
        return containers.w64(data, begin, size)
    if magic[:4] == b"\x30\x26\xb2\x75":
        return containers.asf(data, begin, size)
    if magic[:4] == b"TTA1":
        return containers.tta(data, begin, size)
    return mpeg.parts(data, begin, size) or [Part(_OTHERS.get(magic[:4], ""), 0, size)]


_OTHERS = {
    b"\x1aE\xdf\xa3": "matroska",
    b"wvpk": "wv",
    b"MAC ": "ape",
}
"""Names of further formats, which are read with FFmpeg where libsndfile can't, by their first bytes."""

"""Pages of Ogg: several streams one after another (a chain) are a part each.

libsndfile reads the first stream of a chain only, and looks for its length in the last page of the file.

Source: RFC 3533.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from genrebench.audio.parts.part import Data, Part

_CODECS = {b"\x7fFLAC": "ogg-flac", b"\x01vorb": "vorbis", b"OpusH": "opus"}


@dataclass
class _Link:
    """The streams that begin together, and the granule positions of their pages with music: samples since the beginning."""

    kind: str
    start: int
    stop: int = 0
    granules: list[int] = field(default_factory=list)

    def part(self) -> Part:
        return Part(self.kind, self.start, self.stop, pages=tuple(self.granules) if self.kind == "vorbis" else ())


def parts(data: Data, begin: int, size: int) -> list[Part]:
    """The parts of an Ogg file: the links of its chain, usually one."""
    links: list[_Link] = []
    position, in_header = begin, False
    while (position := data.find(b"OggS", position, size)) >= 0:
        header = data[position : position + 27]
        segments = data[position + 27 : position + 27 + header[26]] if len(header) == 27 else b""
        body = position + 27 + len(segments)
        after = body + sum(segments)
        if len(header) < 27 or header[4] or len(segments) < header[26] or after > size:
            position += 4
            continue
        begins_stream = bool(header[5] & 2)
        if not links or (begins_stream and not in_header):
            links.append(_Link(_kind(data[body : body + 5]), position))
        elif begins_stream and links[-1].kind == "ogg":  # several streams at the same time: the one that is known counts
            links[-1].kind = _kind(data[body : body + 5])
        granule = int.from_bytes(header[6:14], "little")
        if 0 < granule < 1 << 62:
            links[-1].granules.append(granule)
        links[-1].stop, in_header, position = after, begins_stream, after
    return [link.part() for link in links] or [Part("ogg", begin, size)]


def _kind(begin: bytes) -> str:
    return _CODECS.get(begin, "ogg")

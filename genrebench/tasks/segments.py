"""Segments of one recording, recognised by ids or file names that differ by a segment number only.

Such names are ambiguous: ``blues.00000`` to ``blues.00099`` are a hundred songs, ``blues.00000.0`` to ``blues.00000.9`` ten
segments of one. So a name is taken apart into a base and a number first, and then all names together decide:

- A word or a copy's number says what the number is: ``song_seg3``, ``song part 2``, ``song (2)``, ``song - Copy``.
- A range of time, ``song_30-60``, counts if ranges begin at 0.
- A bare number, ``song_3``, counts if numbers begin at 0, as programs count; track numbers begin at 1. Numbers that begin at 1
  count only after an id (three digits or more, or a code) and in equal number for each id. The number of a work is no id:
  ``BWV 810.1`` to ``BWV 810.7`` are movements.
- A base that is the name of a genre, that is a word such as "track", or that covers all tracks of a genre is the name of a
  collection, and its numbers are those of songs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from genrebench.records import Track
from genrebench.tasks.words import spelling_key

_MAX_LENGTH = 255
"""Names that are longer than a file's name can be aren't taken apart."""

_SUFFIX = re.compile(r"\.(?:wav|wave|mp3|ogg|oga|opus|flac|m4a|mp4|aac|aiff?|au|wma|webm|wv|caf|npy|npz)$", re.IGNORECASE)
_WORD = (
    "segment|segm|seg|chunk|clip|part|pt|slice|split|excerpt|snippet|sample|window|win|frame|crop|section|fragment|frag|take"
    "|offset|teil|partie|parte|extrait|ausschnitt|abschnitt|fragmento|segmento"
)
_SEPARATOR = r"[\s._\-,:#~@]"
_NUMBERED_WORD = re.compile(
    rf"^(?P<base>.*?)(?:{_SEPARATOR}|[(\[])*(?<![^\W\d_])(?:{_WORD}){_SEPARATOR}*(?P<number>\d+)"
    rf"(?:{_SEPARATOR}*(?:of|von|de|di){_SEPARATOR}*\d+)?[\s)\]]*$",
    re.IGNORECASE,
)
_WORD_FIRST = re.compile(rf"^(?:{_WORD}){_SEPARATOR}*(?P<number>\d+){_SEPARATOR}+(?P<base>.+)$", re.IGNORECASE)
_COPY = re.compile(r"^(?P<base>.+?)\s*\((?P<number>\d{1,3})\)$")
_COPY_WORD = re.compile(
    rf"^(?P<base>.+?){_SEPARATOR}+(?:copy|kopie|copie|copia|kopia)(?:{_SEPARATOR}*\(?(?P<number>\d+)\)?)?$", re.IGNORECASE
)
_RANGE = re.compile(
    rf"^(?P<base>.+?){_SEPARATOR}+(?P<number>\d+(?:\.\d+)?)\s*(?:s|sec|ms)?\s*(?:-|–|_|to)\s*(?P<end>\d+(?:\.\d+)?)\s*"
    r"(?:s|sec|ms)?$",
    re.IGNORECASE,
)
_NUMBER = re.compile(rf"^(?P<base>(?:.*[^\s._\-,:#~@])?){_SEPARATOR}+(?P<number>\d+)(?:s|sec|ms)?$", re.IGNORECASE)
_DIGITS = re.compile(r"^(?P<number>\d+)$")
_SONGS = """
    track song title titel titre piece tune file audio music recording untitled demo id sound no nr num number opus op bwv
    act movement mvt vol volume disc disk cd side lesson exercise chapter episode prelude etude sonata symphony day test
    item piste pista traccia titolo datei lied chanson canzone cancion morceau brano stück stueck
"""
_SONG_WORDS = frozenset(_SONGS.split())
"""Words before the number of a song."""
_CATALOGUES = (
    "opus|op|bwv|kv|hwv|rv|hob|woo|wq|twv|swv|wwv|trv|buxwv|wab|woq|anh|anhang|posth|sz|bb|no|nr|num|number"
    "|cantata|kantate|sonata|sonate|suite|symphony|symphonie|sinfonia|concerto|quartet|mass|psalm|hymn"
)
_WORK = re.compile(rf"(?:^|[^a-z])(?:(?:{_CATALOGUES})[\s._:-]*|[dhkls][\s.]+)[1-9]\d*[a-z]?$")
"""The number of a work in a catalogue, at the end of a base in lower case."""
_ESCAPE = r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
"""A character that is escaped in the id of a file whose name can't be printed or has a twin in another Unicode form."""
_BACKSLASH = re.compile(rf"(?!{_ESCAPE})\\")


class _Named(NamedTuple):
    """A track with the folder and the stem of its id or of its file's name."""

    track: str
    genre: str
    folder: str
    stem: str


@dataclass(frozen=True, slots=True)
class _Name:
    """A name taken apart; `style` is one of "word", "copy", "range" and "number"."""

    track: str
    genre: str
    folder: str
    base: str
    style: str
    number: float
    width: int

    @property
    def key(self) -> tuple[str, str]:
        return self.folder, self.base.casefold()


def recordings(tracks: Sequence[Track]) -> dict[str, str]:
    """Find the recordings of which tracks are segments.

    Parameters
    ----------
    tracks : sequence of Track
        Those of a whole dataset: names are judged together. Ids are looked at first; where they say nothing, file names are.

    Returns
    -------
    dict of str to str
        Name of the recording by track id, for tracks that are one of several segments of a recording; others are left out.
    """
    found = _recordings([_Named(track.id, track.genre, *_folder_and_stem(track.id)) for track in tracks])
    rest = [(track, track.path.as_posix()) for track in tracks if track.id not in found and track.path is not None]
    by_path = _recordings([_Named(track.id, track.genre, *_folder_and_stem(path)) for track, path in rest])
    return found | by_path


def _recordings(named: Sequence[_Named]) -> dict[str, str]:
    genre_sizes = Counter(one.genre for one in named)
    genre_keys = {spelling_key(genre) for genre in genre_sizes}
    result: dict[str, str] = {}
    plain = {(one.folder, one.stem.casefold()): one.track for one in named}
    for style in _PATTERNS:
        groups: defaultdict[tuple[str, str], list[_Name]] = defaultdict(list)
        for one in named:
            if one.track not in result and (parsed := _parse(one, style)) is not None:
                groups[parsed.key].append(parsed)
        usable = [
            group
            for group in groups.values()
            if not _is_collection(group[0], genre_keys) and not _covers_a_genre(group, genre_sizes)
        ]
        for group in _accepted(style, usable, genre_sizes, plain):
            name = _label(group[0])
            result |= {member.track: name for member in group}
            if style in ("word", "copy") and (whole := plain.get(group[0].key)) is not None:
                result.setdefault(whole, name)
    return result


def _folder_and_stem(name: str) -> tuple[str, str]:
    folder, _, last = _BACKSLASH.sub("/", unicodedata.normalize("NFC", name)).rpartition("/")
    return folder, " ".join(_SUFFIX.sub("", last).split())


def _parse(named: _Named, style: str) -> _Name | None:
    if len(named.stem) > _MAX_LENGTH or _HINTS[style].search(named.stem) is None:
        return None
    for pattern in _PATTERNS[style]:
        match = pattern.match(named.stem)
        if match is None or not (match["number"] or "0").replace(".", "", 1).isascii():
            continue
        base = match.groupdict().get("base", "").strip(" ._-,:#~@([")
        number = match["number"] or ""
        return _Name(named.track, named.genre, named.folder, base, style, float(number or 0), len(number))
    return None


_HINTS: Mapping[str, re.Pattern[str]] = {
    "word": re.compile(rf"(?:{_WORD}){_SEPARATOR}*\d", re.IGNORECASE),
    "copy": re.compile(r"\)$|c[ao]p|kop", re.IGNORECASE),
    "range": re.compile(r"\d\s*(?:s|sec|ms)?\s*(?:-|–|_|to)\s*\d", re.IGNORECASE),
    "number": re.compile(r"\d(?:s|sec|ms)?$", re.IGNORECASE),
}
"""What a name of each style has: looked for first, for it takes a tenth of the time."""

_PATTERNS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "word": (_NUMBERED_WORD, _WORD_FIRST),
    "copy": (_COPY, _COPY_WORD),
    "range": (_RANGE,),
    "number": (_NUMBER, _DIGITS),
}
"""The styles of names, in the order in which they are tried."""


# ------------------------------------------------------------------ what speaks against segments


def _is_collection(name: _Name, genre_keys: set[str]) -> bool:
    """Whether the base is the name of a genre or of a folder of songs, or a word for a song."""
    if not name.base:  # the folder is the recording: rock/song/0.wav, but not rock/0.wav or 0.wav
        return name.folder.count("/") < 1 or spelling_key(name.folder.rpartition("/")[2]) in genre_keys
    last_word = re.split(r"[^\w]|_|\d", name.base.casefold())[-1]
    return spelling_key(_unescaped(name.base)) in genre_keys or (name.style == "number" and last_word in _SONG_WORDS)


def _covers_a_genre(group: Sequence[_Name], genre_sizes: Mapping[str, int]) -> bool:
    """Whether a genre consists of one group: then its numbers tell the songs of the genre apart."""
    return any(n == genre_sizes[genre] for genre, n in Counter(name.genre for name in group).items())


# ------------------------------------------------------------------ what speaks for segments


def _accepted(
    style: str, groups: Iterable[Sequence[_Name]], genre_sizes: Mapping[str, int], plain: Mapping[tuple[str, str], str]
) -> list[Sequence[_Name]]:
    if style in ("word", "copy"):
        return [g for g in groups if len(g) > 1 or g[0].key in plain]
    several = [group for group in groups if len(group) > 1 and len({name.number for name in group}) == len(group)]
    if style == "number":
        several = [group for group in several if not _is_numbering_of_songs(group, genre_sizes)]
    from_zero = [group for group in several if _is_count_from_zero(group)]
    if from_zero and 2 * len(from_zero) >= len(several):
        return several
    ids = [group for group in several if style == "number" and _ends_with_an_id(group[0].base)]
    return from_zero + (ids if _are_alike(ids) else [])


def _is_numbering_of_songs(group: Sequence[_Name], genre_sizes: Mapping[str, int]) -> bool:
    """Whether a base without a number of its own has more tracks than one song would among those of its genre."""
    if group[0].base[-1:].isdigit():
        return False
    largest = max(n / genre_sizes[genre] for genre, n in Counter(name.genre for name in group).items())
    padded = min(name.width for name in group) >= 4
    return largest > 0.5 or (padded and (largest == 0.5 or len(group) > 30))


def _is_count_from_zero(group: Sequence[_Name]) -> bool:
    """Whether the numbers are 0, 1, 2, ... or 0, 30, 60, ..., with few left out."""
    numbers = sorted(name.number for name in group)
    steps = [after - before for before, after in pairwise(numbers)]
    return numbers[0] == 0 and len(numbers) >= 0.6 * (1 + numbers[-1] / min(steps))


def _ends_with_an_id(base: str) -> bool:
    """Whether a base ends with an id: three digits or more, neither a year nor the number of a work, or a code."""
    if _WORK.search(base.casefold()):
        return False
    last = re.split(r"[^0-9A-Za-z]", base)[-1]
    digits = re.search(r"\d*$", last)
    if digits is not None and len(digits[0]) >= 3:
        return not re.fullmatch(r"(?:19|20)\d\d", digits[0])
    return len(last) >= 8 and any(map(str.isdigit, last)) and any(map(str.isalpha, last))


def _are_alike(groups: Sequence[Sequence[_Name]]) -> bool:
    """Whether three or more groups count from 1 and are equally long, but for the odd last segment."""
    if len(groups) < 3:
        return False
    typical = median(map(len, groups))
    alike = sum(abs(len(group) - typical) <= 1 and min(name.number for name in group) <= 1 for group in groups)
    return alike >= 0.8 * len(groups)


def _unescaped(text: str) -> str:
    characters = re.sub(_ESCAPE, lambda match: chr(int(match[0][2:], 16) % 0x11_0000), text)
    return unicodedata.normalize("NFC", characters)


def _label(name: _Name) -> str:
    return f"{name.folder}/{name.base}".strip("/")

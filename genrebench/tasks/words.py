"""Words in place of a genre or an artist: those that mean nothing, and spellings that differ by a trifle.

Sources: pandas' and NumPy's names of missing values; MusicBrainz' special purpose artists ("[unknown]", "[traditional]",
"Various Artists"); what rippers and players write where tags are missing, in the languages in which they are common.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from genrebench.records import Dataset, Remark
from genrebench.tables import counted

MAX_SHOWN = 3
"""Remarks about artists that are written out; further ones are counted."""


_MISSING = """
    nan|null|none|na|n a|nat|nil|undefined|missing|empty|blank|not available|not applicable|not set|no data|tbd|todo|xxx
"""
_UNKNOWN = """
    unknown|unkown|unknow|unspecified|unbekannt|inconnu|desconocido|desconhecido|sconosciuto|onbekend|okänd|ukjent|ukendt
    |tuntematon|nieznany|neznámý|ismeretlen|necunoscut|bilinmeyen|bilinmiyor|άγνωστος|неизвестный|неизвестен|неизвестно
    |невідомий|未知|不明|알 수 없음|미상|غير معروف|לא ידוע
"""
_UNKNOWN_ARTIST = """
    unknown artist|unknown artists|artist unknown|no artist|unknown performer|unknown composer|unknown band
    |unbekannter künstler|unbekannter interpret|unbekannte künstler|künstler unbekannt|artiste inconnu|artista desconocido
    |artista desconhecido|artista sconosciuto|onbekende artiest|okänd artist|ukjent artist|ukendt kunstner
    |tuntematon artisti|tuntematon esittäjä|nieznany artysta|nieznany wykonawca|neznámý interpret|neznámý umělec
    |ismeretlen előadó|artist necunoscut|bilinmeyen sanatçı|άγνωστος καλλιτέχνης|неизвестный исполнитель
    |неизвестен исполнитель|невідомий виконавець|未知艺术家|未知歌手|未知藝人|不明なアーティスト|アーティスト不明
    |알 수 없는 아티스트|anonymous|anon|traditional|trad|artist|track artist|album artist|アーティスト
    |soundtrack|original soundtrack|ost|original motion picture soundtrack|motion picture soundtrack
"""
_VARIOUS = """
    various|various artists|various artist|various performers|va|v a|vv aa|aa vv|aavv|vvaa|multiple artists|mixed artists
    |compilation|verschiedene|verschiedene interpreten|verschiedene künstler|diverse|diverse interpreten|diverse künstler
    |divers|artistes divers|artistes variés|varios|varios artistas|varios intérpretes|vários|vários artistas|vários intérpretes
    |artisti vari|autori vari|diverse artiesten|verschillende artiesten|diverse artister|blandade artister|diverse kunstnere
    |eri esittäjiä|różni wykonawcy|różni artyści|różni|různí interpreti|různí umělci|çeşitli sanatçılar|διάφοροι
    |διάφοροι καλλιτέχνες|разные исполнители|разные|сборник|різні виконавці|群星|合輯|合辑|ヴァリアス アーティスト|オムニバス
    |여러 아티스트
"""
_NO_GENRE = """
    unknown artist|unknown genre|genre unknown|no genre|genre|unclassified|unclassifiable|uncategorized|uncategorised|untagged
    |unlabeled|unlabelled|other|others|misc|miscellaneous|sonstige|sonstiges|autre|autres|otro|otros|altro|outros
    |unbekanntes genre
"""


def _words(*lists: str) -> frozenset[str]:
    return frozenset(_folded(word) for words in lists for word in words.split("|"))


def _folded(text: str) -> str:
    """As `_compatible`; every run of characters that are neither letters nor digits is one blank."""
    letters = (character if unicodedata.category(character)[0] in "LMN" else " " for character in _compatible(text))
    return " ".join("".join(letters).split())


def _compatible(text: str) -> str:
    """Case, width and Unicode form folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


_NO_ARTISTS = _words(_MISSING, _UNKNOWN, _UNKNOWN_ARTIST, _VARIOUS)
_NO_GENRES = _words(_MISSING, _UNKNOWN, _VARIOUS, _NO_GENRE)


@functools.lru_cache(maxsize=1 << 16)  # asked for each track, and several times
def names_no_artist(text: str) -> bool:
    """Whether text in place of an artist's name names none: "Unknown Artist", "[unknown]", "V.A.", "nan", "n/a", "-", "?"."""
    if _is_mark(text) or _folded(text) in _NO_ARTISTS:
        return True
    several = [one for one in re.split(r"[/;|,&+]", text) if one.strip()]  # "Unknown / Various"
    return len(several) > 1 and all(_folded(one) in _NO_ARTISTS for one in several)


def names_no_genre(text: str) -> bool:
    """Whether a genre's name means nothing: "nan", "None", "unknown", "various", "Other", "-"; blank text isn't a name."""
    return bool(text.strip()) and (_is_mark(text) or _folded(text) in _NO_GENRES)


def _is_mark(text: str) -> bool:
    """Whether text is a mark for a missing value, such as "-" or "?"; "!!!" is a band."""
    return all(character in '-–—?._*/\\#~<>[](){}"' or _is_trifle(character) for character in text)


def spelling_key(text: str) -> str:
    """What is left of a name without case, Unicode form, blanks of any kind and width, hyphens, underscores and apostrophes."""
    return "".join(character for character in _compatible(text) if not _is_trifle(character))


def _is_trifle(character: str) -> bool:
    return character in "'’‘`´" or unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf", "Pd", "Pc")


def similar_names(counts: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Names that differ by what `spelling_key` leaves out only.

    Parameters
    ----------
    counts : mapping of str to int
        Number of tracks by name.

    Returns
    -------
    list of tuple of str
        The names of each set, the most frequent first; the largest set first.
    """
    by_key: defaultdict[str, list[str]] = defaultdict(list)
    for name in counts:
        by_key[spelling_key(name)].append(name)
    sets = [tuple(sorted(names, key=lambda name: (-counts[name], name))) for key, names in by_key.items() if key and names[1:]]
    return sorted(sets, key=lambda names: (-sum(counts[name] for name in names), names))


def label_remarks(dataset: Dataset) -> list[Remark]:
    """Remarks about genres and artists: words that mean nothing, and spellings that differ by a trifle."""
    genres = Counter(track.genre for track in dataset.tracks if track.genre.strip())
    artists = Counter(track.artist for track in dataset.tracks if track.artist is not None)
    unknown = {artist: n for artist, n in artists.items() if names_no_artist(artist)}
    remarks = [
        Remark(
            "placeholder",
            "warning",
            f"the genre {genre!r} ({counted(n, 'track')}) is a word for a missing value; if it isn't a genre, leave such "
            "tracks out",
        )
        for genre, n in genres.items()
        if names_no_genre(genre)
    ]
    if unknown:
        remarks.append(
            Remark(
                "placeholder",
                "warning",
                f"the artist {_counted(unknown, unknown)} is no artist's name: the artist of such tracks is taken as unknown",
            )
        )
    remarks += [
        Remark(
            "similar-labels",
            "warning",
            f"the genres {_counted(names, genres)} differ only by case, hyphens or blanks; {_WRITE_ALIKE}",
        )
        for names in similar_names(genres)
    ]
    known = {artist: n for artist, n in artists.items() if artist not in unknown}
    sets = similar_names(known)
    remarks += [
        Remark(
            "similar-labels",
            "warning",
            f"the artists {_counted(names, known)} differ only by case, hyphens or blanks; {_WRITE_ALIKE}",
        )
        for names in sets[:MAX_SHOWN]
    ]
    if len(sets) > MAX_SHOWN:
        remarks.append(
            Remark("similar-labels", "warning", f"{len(sets) - MAX_SHOWN} more sets of artists differ only by such trifles")
        )
    return remarks


_WRITE_ALIKE = "if they are one, write them alike"


def _counted(names: Iterable[str], counts: Mapping[str, int]) -> str:
    first, *others = names
    return ", ".join([f"{first!r} ({counted(counts[first], 'track')})", *(f"{name!r} ({counts[name]})" for name in others)])

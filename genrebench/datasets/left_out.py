"""What isn't read of a folder of music, counted, so that nothing vanishes without a word."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from genrebench.audio import Found
from genrebench.records import Remark
from genrebench.tables import printable

KIND = "left-out"
EMPTIED = "empty-genre"

_COMPANIONS = """
.jpg .jpeg .png .gif .bmp .webp .tif .tiff .svg .ico .pdf .txt .md .rst .nfo .log .html .htm .url .doc .docx .rtf .odt
.cue .m3u .m3u8 .pls .xspf .wpl .sfv .md5 .sha1 .sha256 .ffp .accurip .lrc .srt .vtt .csv .tsv .xls .xlsx .ods .json .jsonl
.xml .yaml .yml .toml .ini .db .sqlite .py .ipynb .sh .bat .npy .npz .h5 .hdf5 .pkl .pt .zip .tar .gz .tgz .7z .rar .torrent
.lnk .tmp .part .crdownload .bak .asd .reapeaks .pek .cfa .textgrid .lab .jams
"""
COMPANIONS = frozenset(_COMPANIONS.split())
"""Suffixes of files that lie beside music and hold none."""


def left_out(found: Found, folder: Path, loose: Sequence[Path]) -> list[Remark]:
    """Count what a search didn't take as audio.

    Parameters
    ----------
    found : Found
    folder : Path
        The dataset's folder.
    loose : sequence of Path
        Audio files that are beside the genre folders rather than in one.

    Returns
    -------
    list of Remark
        Warnings about what may be music or was skipped, and a note about files that are no music.
    """
    suffixes = Counter(_suffix(path) for path in found.others if may_be_audio(path))
    companions = Counter(_suffix(path) for path in found.others if not may_be_audio(path))
    texts = []
    if suffixes:
        texts.append(f"{_count(suffixes.total(), 'file')} with suffixes that aren't read ({_listed(suffixes)})")
    if loose:
        texts.append(
            f"{_count(len(loose), 'audio file')} beside the folders of the genres, the first is {_name(loose[0], folder)}"
        )
    if found.skipped:
        names = Counter(printable(path.name) for path in found.skipped)
        texts.append(f"{_count(len(found.skipped), 'hidden or system folder')} ({_listed(names)})")
    if found.hidden_audio:
        first = _name(found.hidden_audio[0], folder)
        texts.append(f"{_count(len(found.hidden_audio), 'hidden audio file')}, the first is {first}")
    loops = [path for path in found.not_followed if path.parent.resolve().is_relative_to(os.path.realpath(path))]
    linked = [path for path in found.not_followed if path not in loops]
    if linked:
        first = _name(linked[0], folder)
        texts.append(f"{_count(len(linked), 'linked folder')}, the first is {first}; --follow-links reads them")
    if loops:
        first = _name(loops[0], folder)
        texts.append(f"{_count(len(loops), 'linked folder')} above the link itself, the first is {first}")
    if found.broken:
        texts.append(f"{_count(len(found.broken), 'broken link')}, the first is {_name(found.broken[0], folder)}")
    if found.unreadable:
        first = _name(found.unreadable[0], folder)
        texts.append(f"{_count(len(found.unreadable), 'folder')} that can't be listed, the first is {first}")
    remarks = [Remark(KIND, "warning", f"left out: {text}") for text in texts]
    if companions:
        remarks.append(
            Remark(KIND, "note", f"no audio: {_count(companions.total(), 'file')} beside the music ({_listed(companions)})")
        )
    return remarks


def emptied_genres(genres: Iterable[str], folders: Iterable[tuple[str, Path]], found: Found) -> list[Remark]:
    """Folders where genres are expected, none of whose files is read as audio.

    Parameters
    ----------
    genres : iterable of str
        Genres that have audio.
    folders : iterable of tuple of str and Path
        Each folder at the level of the genres, with its genre; a broken link counts as one.
    found : Found

    Returns
    -------
    list of Remark
        A warning, if there are any that are empty or hold files that may be audio; a folder of images is none.
    """
    read = set(genres)
    genre_of = {folder: genre for genre, folder in folders if genre not in read}
    others: dict[str, list[Path]] = {genre: [] for genre in genre_of.values()}
    for path in found.others if genre_of else ():
        for folder in genre_of.keys() & {path, *path.parents}:
            others[genre_of[folder]].append(path)
    emptied = [genre for genre, paths in others.items() if not paths or any(map(may_be_audio, paths))]
    if not emptied:
        return []
    names = ", ".join(repr(printable(genre)) for genre in sorted(emptied)[:8])
    more = f" and {len(emptied) - 8} more" if len(emptied) > 8 else ""
    what = "a folder for a genre has" if len(emptied) == 1 else f"{len(emptied)} folders for genres have"
    return [Remark(EMPTIED, "warning", f"{what} no audio that is read, so no such genre is in the dataset: {names}{more}")]


def may_be_audio(path: Path) -> bool:
    """Whether a file that isn't read may be music all the same: its suffix isn't one of files that hold none."""
    return path.suffix.lower() not in COMPANIONS


def _suffix(path: Path) -> str:
    return printable(path.suffix.lower()) or "no suffix"


def _listed(counts: Counter[str], few: int = 8) -> str:
    """The most frequent names with their counts: ".wma 3, .aac 1"."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = f" and {len(ordered) - few} more" if len(ordered) > few else ""
    return ", ".join(f"{name} {count}" for name, count in ordered[:few]) + rest


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _name(path: Path, folder: Path) -> str:
    return repr(printable(path.relative_to(folder)))

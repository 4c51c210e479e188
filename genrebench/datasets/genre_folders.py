"""Datasets without a table: folders of audio files, whose names are the genres."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from genrebench import audio
from genrebench.datasets.audio_paths import AudioPaths
from genrebench.datasets.layout import Layout, understand
from genrebench.datasets.left_out import emptied_genres, left_out
from genrebench.datasets.table import clean
from genrebench.errors import DataError
from genrebench.records import Remark, Track
from genrebench.tables import counted


@dataclass(frozen=True)
class Folders:
    """What the folders of a dataset say.

    Parameters
    ----------
    tracks : list of Track
        In the order of their paths.
    official : dict of str to str
        Part of the split by track id; empty unless the folders are a split.
    remarks : list of Remark
    unusable : dict of str to Remark
        As in `Dataset`.
    """

    tracks: list[Track]
    official: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    unusable: dict[str, Remark] = field(default_factory=dict)


def read(folder: Path, *, follow_links: bool = False) -> Folders:
    """Read a folder with subfolders whose names are genres.

    Parameters
    ----------
    folder : Path
    follow_links : bool
        Whether linked folders and files may lie outside.

    Raises
    ------
    DataError
        If there is no audio, the layout isn't certain, or a linked folder leads outside and links aren't followed.
    """
    paths = AudioPaths(folder, follow_links=follow_links)
    found = _search(folder, paths, follow_links)
    relative = {path: path.relative_to(folder).parts for path in found.audio}
    layout = understand(relative.values(), str(folder))
    level = max(layout.genre, -1 if layout.part is None else layout.part)
    genre_of, loose = {}, []
    for path, parts in relative.items():
        if len(parts) > level + 1 and parts[: len(layout.above)] == layout.above:
            genre_of[path] = _label(parts[layout.genre])
        else:
            loose.append(path)
    if not genre_of:
        others = left_out(found, folder, loose)
        reason = f" ({'; '.join(remark.detail for remark in others)})" if others else ""
        raise DataError(f"{folder} has neither a tracks.csv nor a subfolder per genre with audio files{reason}")
    ids, twins = ids_of({path: path.relative_to(folder).as_posix() for path in genre_of})
    tracks, unusable = _tracks(folder, genre_of, ids, found, paths)
    official = {}
    if layout.part is not None:
        official = {ids[path]: layout.parts[relative[path][layout.part]] for path in genre_of}
    remarks = [*_described(layout, genre_of.values(), relative.values()), *twins, *left_out(found, folder, loose)]
    remarks += emptied_genres(genre_of.values(), _genre_folders(layout, folder, found), found)
    return Folders(tracks, official, remarks, unusable)


def read_flat(folder: Path, *, follow_links: bool = False) -> Folders:
    """Read a folder of audio files without labels; the id of a track is its file name without the suffix.

    Raises
    ------
    DataError
        If two file names differ only in their suffix.
    """
    paths = AudioPaths(folder, follow_links=follow_links)
    found = _search(folder, paths, follow_links)
    here = [path for path in found.audio if path.parent == folder]
    ids, twins = ids_of({path: path.stem for path in here})
    stems: dict[str, Path] = {}
    for path in here:
        other = stems.setdefault(path.stem, path)
        if other != path:
            raise DataError(f"{folder}: {other.name!r} and {path.name!r} would have the same id, {ids[other]!r}; rename one")
    tracks, unusable = _tracks(folder, dict.fromkeys(here, ""), ids, found, paths)
    return Folders(tracks, {}, [*twins, *left_out(found, folder, ())], unusable)


def is_flat(folder: Path) -> bool:
    """Whether a folder has audio files, but no subfolder that has any."""
    found = audio.search(folder)
    return bool(found.audio) and all(path.parent == folder for path in found.audio) and not found.not_followed


def ids_of(names: Mapping[Path, str]) -> tuple[dict[Path, str], list[Remark]]:
    """Track ids from names of files: in composed Unicode form, printable, and each once.

    A name that can't be printed is escaped. Of several names that differ only in their Unicode form, the composed one is the
    id, and the others are escaped.

    Parameters
    ----------
    names : mapping of Path to str

    Returns
    -------
    ids : dict of Path to str
    remarks : list of Remark
        A warning if names differ only in their Unicode form.
    """
    ids: dict[Path, str] = {}
    taken: dict[str, Path] = {}
    twins = []
    for path, name in sorted(names.items(), key=lambda item: item[1] != unicodedata.normalize("NFC", item[1].strip())):
        id_ = unicodedata.normalize("NFC", name.strip())
        if not _is_printable(id_):
            id_ = _escaped(name)
        if id_ in taken:
            twins.append(id_)
            id_ = _escaped(name)
            while id_ in taken:
                id_ += "'"
        taken[id_] = path
        ids[path] = id_
    remarks = []
    if twins:
        detail = (
            f"only the Unicode form or blanks around them tell {counted(len(twins), 'name')} from another one, the first is "
            f"{twins[0]!r}; if they are copies, remove one"
        )
        remarks.append(Remark("twin-names", "warning", detail))
    return ids, remarks


def _search(folder: Path, paths: AudioPaths, follow_links: bool) -> audio.Found:
    """Search a dataset's folder. A linked genre folder that stays inside is followed; one that leads out is an error."""
    found = audio.search(folder, lambda link: follow_links or (link.parent == folder and paths.problem(link) is None))
    for link in found.not_followed:
        problem = paths.problem(link)
        if problem is not None and problem.kind == "outside":
            raise DataError(f"{folder}: {str(link.relative_to(folder))!r} is {problem.detail}")
    return found


def _tracks(
    folder: Path, genre_of: Mapping[Path, str], ids: Mapping[Path, str], found: audio.Found, paths: AudioPaths
) -> tuple[list[Track], dict[str, Remark]]:
    """Tracks, and why the file of some can't be used: its name isn't text, or it is a link that leads nowhere or outside."""
    tracks, unusable = [], {}
    for path, genre in genre_of.items():
        problem = _name_problem(path.relative_to(folder).parts) or (paths.problem(path) if path in found.links else None)
        if problem is not None:
            unusable[ids[path]] = problem
        tracks.append(Track(ids[path], genre, path=path if problem is None else None))
    return tracks, unusable


def _name_problem(parts: Iterable[str]) -> Remark | None:
    for name in parts:
        if any("\udc80" <= character <= "\udcff" for character in name):
            return Remark("name", "fault", f"the name '{_escaped(name)}' isn't UTF-8; rename it, for example with convmv")
        if not _is_printable(name):
            return Remark("name", "fault", f"the name '{_escaped(name)}' contains a control character; rename it")
    return None


def _is_printable(name: str) -> bool:
    try:
        clean(name, "name", "")
    except DataError:
        return False
    return True


def _escaped(name: str) -> str:
    """A name in printable ASCII without blanks around it; bytes that aren't UTF-8 are shown as hexadecimal digits."""
    name = re.sub(r"^\s+|\s+$", lambda blanks: "\\x20" * len(blanks.group()), name)
    text = "".join(f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else c for c in name)
    return text.encode("ascii", "backslashreplace").decode() if text.isprintable() else ascii(text)[1:-1]


def _label(name: str) -> str:
    """A folder's name as a genre."""
    return clean(name, "genre", "") if _is_printable(name) else _escaped(name)


def _described(layout: Layout, genres: Iterable[str], paths: Iterable[tuple[str, ...]]) -> Iterator[Remark]:
    """How the folders were understood, where it isn't plain."""
    text = layout.describe()
    if text is not None:
        yield Remark("layout", "note", text)
    only = set(genres)
    if len(only) == 1 and layout.part is None:
        below = {parts[layout.genre :] for parts in paths if len(parts) > layout.genre + 1}
        levels = zip(*(parts[:-1] for parts in below), strict=False)
        shared = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, levels))  # folders that all tracks are in
        inner = sorted({parts[shared] for parts in below if len(parts) > shared + 1})
        if len(inner) > 1:
            top = "/".join((*layout.above, *next(iter(below))[:shared]))
            detail = (
                f"all music is in one folder, {only.pop()!r}, which is taken as the genre; if the folders in {top!r} are the "
                f"genres ({', '.join(map(repr, inner[:3]))}, ...), name it as the dataset"
            )
            yield Remark("layout", "warning", detail)


def _genre_folders(layout: Layout, folder: Path, found: audio.Found) -> Iterator[tuple[str, Path]]:
    """Each folder at the level of the genres with its genre, also those without audio, and broken links."""
    for path in (*found.folders, *found.broken, *found.unreadable):
        parts = path.relative_to(folder).parts
        if len(parts) != layout.genre + 1 or parts[: len(layout.above)] != layout.above:
            continue
        if layout.part is not None and layout.part < layout.genre and parts[layout.part] not in layout.parts:
            continue
        yield _label(parts[layout.genre]), path

"""How the folders of a dataset without a table are meant: which level holds the genres, and whether another is a split.

People have genres at the first level (``rock/a.mp3``), one level down (``genres_original/rock/a.mp3``), below the parts of a
split (``train/rock/a.mp3``) or above them (``rock/train/a.mp3``). Where the names say nothing, the first level is the genre.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from genrebench.errors import DataError

_PART_NAMES = {
    "training": {
        *("train", "training", "trainval", "trn", "tr", "learn", "learning", "entrenamiento", "treino", "treinamento"),
        *("entrainement", "apprentissage", "addestramento", "lernen", "trainieren", "opleiding"),
    },
    "validation": {
        *("val", "valid", "validation", "validate", "validating", "dev", "devel", "development", "va", "vl"),
        *("validacion", "validacao", "validierung", "validazione", "validatie"),
    },
    "test": {"test", "testing", "tst", "te", "ts", "holdout", "heldout", "prueba", "pruebas", "teste", "testes", "testen"},
}
PART_OF = {word: part for part, words in _PART_NAMES.items() for word in words}
"""The part of a split that a word names."""

_EVALUATION = {"eval", "evaluation", "evaluate"}  # the test part, unless another folder is
_FILLERS = ("dataset", "data", "sets", "set", "split", "clips", "audio", "songs", "music", "tracks", "files", "samples", "wav")
_CONTAINERS = {
    *("genre", "genres", "audio", "audios", "data", "dataset", "datasets", "music", "song", "songs", "clip", "clips"),
    *("track", "tracks", "file", "files", "original", "originals", "raw", "wav", "wavs", "mp", "mps", "flac", "ogg", "gtzan"),
    *("content", "samples", "sounds", "sound", "all", "library", "collection", "by", "labelled", "labeled", "full", "sorted"),
}
_NUMBERED = re.compile(r"(cd|dis[ck]|fold|cv|split|part|chunk|batch|vol|volume|dvd)[ ._-]*\d+", re.IGNORECASE)

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Where the genre and the part of a file are in its path.

    Parameters
    ----------
    above : tuple of str
        Folders that hold all the music and mean nothing.
    genre : int
        Position of the genre among the folders of a path.
    part : int or None
        Position of the folder that names the part of the split.
    parts : mapping of str to str
        Part of the split by name of folder; empty if `part` is None.
    """

    above: Parts = ()
    genre: int = 0
    part: int | None = None
    parts: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> str | None:
        """The layout in words; None for the plain one, with a genre's name at the first level."""
        where = f" in {'/'.join(self.above)!r}" if self.above else ""
        if self.part is None:
            return f"the genres are the folders{where}" if where else None
        by_part: dict[str, list[str]] = {}
        for name, part in sorted(self.parts.items()):
            by_part.setdefault(part, []).append(repr(name))
        read = ", ".join(f"{' and '.join(names)} as {part}" for part, names in by_part.items())
        order = "with a folder per genre in each" if self.part < self.genre else "below the folder of each genre"
        return f"folders of a split{where}, {order}, are read as the official split: {read}"


def understand(paths: Iterable[Parts], where: str) -> Layout:
    """Find out what the levels of a dataset's folders mean.

    Parameters
    ----------
    paths : iterable of tuple of str
        Folders and name of each audio file, relative to the dataset.
    where : str
        The dataset's folder, for error messages.

    Raises
    ------
    DataError
        If the first level can't be genres, but what it is isn't certain either: a split without genres, a split beside other
        folders, discs or folds, FMA's audio without its metadata.
    """
    deep = [path for path in paths if len(path) > 1]
    above: Parts = ()
    while True:
        below = [path[len(above) :] for path in deep if len(path) > len(above) + 1]
        heads = sorted({path[0] for path in below})
        if len(heads) == 1 and _is_container(heads[0]) and any(len(path) > 2 for path in below):
            above = (*above, heads[0])
        else:
            break
    depth = len(above)
    parts = _parts_of(heads)
    if len(set(parts.values())) > 1:
        _require_split(below, heads, parts, where)
        return Layout(above, depth + 1, depth, parts)
    _require_genres(below, heads, where)
    seconds = {path[1] for path in below if len(path) > 2}
    inner = _parts_of(seconds)
    if len(set(inner.values())) > 1 and set(inner) == seconds and all(len(path) > 2 for path in below):
        return Layout(above, depth, depth + 1, inner)
    return Layout(above, depth)


def _is_container(name: str) -> bool:
    """Whether a folder's name says nothing of its music, such as "genres_original", "Data" or the only part of a split."""
    words = re.findall(r"[a-z]+", name.casefold())
    return bool(words) and (all(word in _CONTAINERS for word in words) or bool(_parts_of([name])))


def _parts_of(names: Iterable[str]) -> dict[str, str]:
    """Part of the split that each folder names, for those that name one."""
    found: dict[str, str] = {}
    evaluations = []
    for name in names:
        word = _bare(name)
        if word in _EVALUATION:
            evaluations.append(name)
        if word in PART_OF:
            found[name] = PART_OF[word]
    if evaluations:
        other = "validation" if "test" in found.values() and "validation" not in found.values() else "test"
        found |= dict.fromkeys(evaluations, other)
    return found


def _bare(name: str) -> str:
    """A folder's name in lower-case letters alone, without words such as "set"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).casefold())
    rest = "".join(word for word in words if word not in _FILLERS)
    for filler in _FILLERS:
        if rest.endswith(filler) and len(rest) > len(filler):
            return rest.removesuffix(filler)
    return rest


def _require_split(below: Sequence[Parts], heads: Sequence[str], parts: Mapping[str, str], where: str) -> None:
    others = [name for name in heads if name not in parts]
    split = _names(sorted(parts))
    if others:
        raise DataError(
            f"{where}: the folders {split} look like the parts of a split, but {_names(others)} beside them "
            f"{'do' if len(others) > 1 else 'does'} not; keep one layout, PART/GENRE/FILE or GENRE/FILE, or write a tracks.csv "
            "with the columns track_id, genre, path and split"
        )
    bare = sorted({path[0] for path in below} - {path[0] for path in below if len(path) > 2})
    if bare:
        raise DataError(
            f"{where}: the folders {split} look like the parts of a split, but {_names(bare)} "
            f"{'have' if len(bare) > 1 else 'has'} no folder per genre; sort the files into PART/GENRE/FILE, or write a "
            "tracks.csv with the columns track_id, genre, path and split"
        )


def _require_genres(below: Sequence[Parts], heads: Sequence[str], where: str) -> None:
    advice = "write a tracks.csv with the columns track_id, genre and path"
    if len(heads) > 1 and all(_NUMBERED.fullmatch(name) for name in heads):
        raise DataError(f"{where}: the folders {_names(heads)} are numbered parts, not genres; {advice}")
    if heads and all(re.fullmatch(r"\d{3}", path[0]) and re.match(r"\d{6}\.", path[-1]) for path in below):
        raise DataError(
            f"{where}: the folders {_names(heads)} are those of FMA's audio, not genres; name the folder that holds "
            f"fma_metadata as well, or {advice}"
        )


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")

"""A folder of the user's own as a dataset.

Two layouts. With a tracks.csv: columns ``track_id`` and ``genre``, and ``path``, ``artist`` and ``split`` where there are any;
feature values may stand beside it in features.csv. Without: a subfolder a genre, with audio files in it at any depth; the id
of a track is then its path, and its artist isn't known. A tracks.csv in FMA's official form is read by `fma`. Where no label is
needed, a flat folder of audio files will do.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from genrebench import audio
from genrebench.datasets import feature_csv as given
from genrebench.datasets import fma
from genrebench.datasets.table import clean, digest, find_columns, read_records
from genrebench.errors import DataError
from genrebench.records import PARTS, Dataset, Track


def load(folder: Path) -> Dataset:
    """Read a folder as a dataset.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Dataset
        Named after the folder; genres in alphabetical order. Audio isn't opened, nor is its presence checked, and a track's
        genre may be blank: tracks that have no audio or no genre can be left out.

    Raises
    ------
    DataError
        If the folder has neither layout, or its files hold a mistake; the message names file, line and value.
    """
    table, features = folder / "tracks.csv", folder / "features.csv"
    if fma.is_official(folder):
        return fma.load_folder(folder)
    if table.is_file():
        tracks, official = _read_table(folder, table)
    elif features.is_file():
        raise DataError(f"{folder} has a features.csv but no tracks.csv; write one with the columns track_id and genre")
    elif folder.is_dir():
        tracks, official = _read_subfolders(folder), {}
    else:
        raise DataError(f"there is no folder {folder}")
    has_features = features.is_file()
    if has_features:
        given.read_header(features)
    ids = frozenset(track.id for track in tracks)
    return Dataset(
        name=folder.resolve().name,
        version=f"folder-{digest(tracks)}",
        tracks=tuple(tracks),
        genres=tuple(sorted({track.genre for track in tracks if track.genre})),
        official=official,
        load_features=partial(given.read_features, features, ids) if has_features else None,
        feature_source="features.csv" if has_features else None,
        note="a folder of your own",
    )


def is_flat(folder: Path) -> bool:
    """Whether a folder holds audio files and nothing that says their genres: no tracks.csv, no subfolder with audio."""
    if (folder / "tracks.csv").is_file() or fma.is_official(folder):
        return False
    return any(map(_is_audio, folder.iterdir())) and not any(map(audio.find, _subfolders(folder)))


def load_flat(folder: Path) -> Dataset:
    """Read a flat folder of audio files without labels.

    Returns
    -------
    Dataset
        Without genres, each track's being blank. The id of a track is its file's name without the suffix; in alphabetical
        order.

    Raises
    ------
    DataError
        If two files share a stem.
    """
    files: dict[str, Path] = {}
    for path in sorted(filter(_is_audio, folder.iterdir())):
        stem = clean(path.stem, "file name", str(folder))
        if stem in files:
            raise DataError(f"{folder}: {files[stem].name!r} and {path.name!r} would have one id, {stem!r}; rename one")
        files[stem] = _inside(folder.resolve(), path.name, str(folder))
    tracks = tuple(Track(stem, "", path=path) for stem, path in files.items())
    note = "a folder of your own, without labels"
    return Dataset(name=folder.resolve().name, version=f"folder-{digest(tracks)}", tracks=tracks, genres=(), note=note)


def _read_table(folder: Path, table: Path) -> tuple[list[Track], dict[str, str]]:
    records = read_records(table)
    _, header = next(records, (0, []))
    columns = find_columns(table, header, ("track_id", "genre"), ("path", "artist", "split"))
    root = folder.resolve()
    tracks: list[Track] = []
    lines: dict[str, int] = {}
    official: dict[str, str] = {}
    for line, cells in records:
        where = f"{table}, line {line}"
        if len(cells) != len(header):
            raise DataError(f"{where}: {len(cells)} cells where the header has {len(header)}; quote cells that hold a comma")
        cell = {name: cells[position] for name, position in columns.items()}
        track = clean(cell["track_id"], "track_id", where)
        genre = clean(cell["genre"], "genre", where)
        if not track:
            raise DataError(f"{where}: the track_id is blank; fill it or drop the row")
        if track in lines:
            raise DataError(f"{where}: track_id {track!r} is there twice, first in line {lines[track]}; keep one")
        lines[track] = line
        if part := cell.get("split", "").strip():
            if part not in PARTS:
                raise DataError(f"{where}: split {part!r} has to be one of {', '.join(PARTS)}")
            official[track] = part
        path = cell.get("path", "")
        tracks.append(
            Track(
                track,
                genre,
                artist=clean(cell.get("artist", ""), "artist", where) or None,
                path=_inside(root, path, where) if path.strip() else None,
            )
        )
    if not tracks:
        raise DataError(f"{table} has no row below its header")
    return tracks, official


def _read_subfolders(folder: Path) -> list[Track]:
    root = folder.resolve()
    tracks = []
    for subfolder in _subfolders(folder):
        _inside(root, subfolder.name, str(folder))
        for path in audio.find(subfolder):
            relative = path.relative_to(folder).as_posix()
            genre = clean(subfolder.name, "the name of the genre folder", str(folder))
            track = clean(relative, "file name", str(folder))
            tracks.append(Track(track, genre, path=_inside(root, relative, str(folder))))
    if not tracks:
        raise DataError(f"{folder} holds neither a tracks.csv nor a subfolder a genre with audio files in it")
    return tracks


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_audio(path: Path) -> bool:
    return audio.is_audio(path) and not path.is_dir()


def _inside(root: Path, text: str, where: str) -> Path:
    """Where a relative path leads; refused where that is outside `root`, by "..", by an absolute path or by a link."""
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive:
        raise DataError(f"{where}: path {text!r} is absolute; write it relative to the folder")
    if any(character < " " for character in text):
        raise DataError(f"{where}: path {text!r} holds a control character; rename the file")
    try:
        target = (root / text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{where}: path {text!r} can't be followed ({error}); check its links") from None
    if not target.is_relative_to(root) or target == root:
        raise DataError(f"{where}: path {text!r} leads out of the folder, to {str(target)!r}; keep the audio inside")
    return root / text

"""A folder of the user's own files as a dataset.

There are two layouts. With a tracks.csv: columns ``track_id`` and ``genre``, and optionally ``path``, ``artist`` and ``split``;
a features.csv beside it may give feature values. Without: one subfolder per genre, with audio files at any depth; the id of a
track is then its path, and its artist is unknown. A tracks.csv in FMA's official format is read by `fma`. If no labels are
needed, a flat folder of audio files is enough.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from genrebench import audio
from genrebench.datasets import feature_csv, fma
from genrebench.datasets.table import clean, digest, find_columns, read_records
from genrebench.errors import DataError
from genrebench.records import PARTS, Dataset, Track


def load(folder: Path) -> Dataset:
    """Load a labelled folder as a dataset.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Dataset
        Named after the folder; genres in alphabetical order. Audio files aren't opened or checked for existence, and a
        track's genre may be blank: tracks without audio or genre can be excluded later.

    Raises
    ------
    DataError
        If the folder has neither layout, or a file is invalid; the message names the file, the line and the value.
    """
    table, features = folder / "tracks.csv", folder / "features.csv"
    if fma.is_official(folder):
        return fma.load_folder(folder)
    if table.is_file():
        tracks, official = _read_table(folder, table)
    elif features.is_file():
        raise DataError(f"{folder} has a features.csv but no tracks.csv; add one with the columns track_id and genre")
    elif folder.is_dir():
        tracks, official = _read_subfolders(folder), {}
    else:
        raise DataError(f"there is no folder {folder}")
    has_features = features.is_file()
    if has_features:
        feature_csv.read_header(features)
    ids = frozenset(track.id for track in tracks)
    return Dataset(
        name=folder.resolve().name,
        version=f"folder-{digest(tracks)}",
        tracks=tuple(tracks),
        genres=tuple(sorted({track.genre for track in tracks if track.genre})),
        official=official,
        load_features=partial(feature_csv.read_features, features, ids) if has_features else None,
        feature_source="features.csv" if has_features else None,
        note="a folder of your own",
    )


def is_flat(folder: Path) -> bool:
    """Whether a folder has audio files but no labels: no tracks.csv and no subfolder with audio."""
    if (folder / "tracks.csv").is_file() or fma.is_official(folder):
        return False
    return any(map(_is_audio, folder.iterdir())) and not any(map(audio.find, _subfolders(folder)))


def load_flat(folder: Path) -> Dataset:
    """Load a flat folder of audio files without labels.

    Returns
    -------
    Dataset
        Without genres; each track's genre is blank. A track's id is its file name without the suffix; tracks are in
        alphabetical order.

    Raises
    ------
    DataError
        If two file names differ only in their suffix.
    """
    files: dict[str, Path] = {}
    for path in sorted(filter(_is_audio, folder.iterdir())):
        stem = clean(path.stem, "file name", str(folder))
        if stem in files:
            raise DataError(f"{folder}: {files[stem].name!r} and {path.name!r} would have the same id, {stem!r}; rename one")
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
            raise DataError(f"{where}: {len(cells)} cells, but the header has {len(header)}; quote cells that contain a comma")
        cell = {name: cells[position] for name, position in columns.items()}
        track = clean(cell["track_id"], "track_id", where)
        genre = clean(cell["genre"], "genre", where)
        if not track:
            raise DataError(f"{where}: the track_id is blank; fill it in or remove the row")
        if track in lines:
            raise DataError(f"{where}: track_id {track!r} appears twice, first in line {lines[track]}; keep one")
        lines[track] = line
        if part := cell.get("split", "").strip():
            if part not in PARTS:
                raise DataError(f"{where}: split {part!r} must be one of {', '.join(PARTS)}")
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
        raise DataError(f"{table} has no rows below its header")
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
        raise DataError(f"{folder} has neither a tracks.csv nor a subfolder per genre with audio files")
    return tracks


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_audio(path: Path) -> bool:
    return audio.is_audio(path) and not path.is_dir()


def _inside(root: Path, text: str, where: str) -> Path:
    """The relative path `text` below `root`; raises if it leads outside by "..", an absolute path or a link."""
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).drive:
        raise DataError(f"{where}: path {text!r} is absolute; write it relative to the folder")
    if any(character < " " for character in text):
        raise DataError(f"{where}: path {text!r} contains a control character; rename the file")
    try:
        target = (root / text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"{where}: path {text!r} can't be resolved ({error}); check its links") from None
    if not target.is_relative_to(root) or target == root:
        raise DataError(f"{where}: path {text!r} leads out of the folder, to {str(target)!r}; keep the audio inside the folder")
    return root / text

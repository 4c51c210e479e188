"""A folder of the user's own files as a dataset.

There are two layouts. With a tracks.csv: columns ``track_id`` and ``genre``, and optionally ``path``, ``artist`` and ``split``;
a features.csv beside it may give feature values. Without: one subfolder per genre, with audio files at any depth, read by
`genre_folders`; the id of a track is then its path, and its artist is unknown. A tracks.csv in FMA's official format is read by
`fma`. If no labels are needed, a flat folder of audio files is enough.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

from genrebench.datasets import feature_csv, fma, genre_folders
from genrebench.datasets.audio_paths import AudioPaths
from genrebench.datasets.several_genres import several_genres
from genrebench.datasets.table import clean, digest, find_columns, read_records
from genrebench.errors import DataError
from genrebench.records import PARTS, Dataset, Remark, Track


def load(folder: Path, *, follow_links: bool = False) -> Dataset:
    """Load a labelled folder as a dataset.

    Parameters
    ----------
    folder : Path
    follow_links : bool
        Whether links may lead out of the folder. If not, a track whose file is such a link can't be used.

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
    if os.path.lexists(table):
        read = _read_table(folder, table, follow_links)
    elif os.path.lexists(features):
        raise DataError(f"{folder} has a features.csv but no tracks.csv; add one with the columns track_id and genre")
    elif folder.is_dir():
        read = genre_folders.read(folder, follow_links=follow_links)
    else:
        raise DataError(f"there is no folder {folder}")
    if not os.path.lexists(features):
        return _dataset(folder, read)
    feature_csv.read_header(features)
    ids = frozenset(track.id for track in read.tracks)
    values = partial(feature_csv.read_features, features, ids)
    return _dataset(folder, read, load_features=values, feature_source="features.csv")


def is_flat(folder: Path) -> bool:
    """Whether a folder has audio files but no labels: no tracks.csv and no subfolder with audio."""
    if os.path.lexists(folder / "tracks.csv") or fma.is_official(folder):
        return False
    return genre_folders.is_flat(folder)


def load_flat(folder: Path, *, follow_links: bool = False) -> Dataset:
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
    return _dataset(folder, genre_folders.read_flat(folder, follow_links=follow_links), "a folder of your own, without labels")


def _dataset(folder: Path, read: genre_folders.Folders, note: str = "a folder of your own", **more: Any) -> Dataset:
    return Dataset(
        name=folder.resolve().name,
        version=f"folder-{digest(read.tracks)}",
        tracks=tuple(read.tracks),
        genres=tuple(sorted({track.genre for track in read.tracks if track.genre})),
        official=read.official,
        note=note,
        remarks=(*read.remarks, *several_genres(read.tracks)),
        unusable=read.unusable,
        **more,
    )


def _read_table(folder: Path, table: Path, follow_links: bool) -> genre_folders.Folders:
    records = read_records(table)
    _, header = next(records, (0, []))
    names = {cell.strip() for cell in header}
    if "genre" not in names and (names >= {"album", "artist", "track"} or any(name.endswith("genre_top") for name in names)):
        raise DataError(
            f"{table} looks like FMA's table with a header row less; {fma.SAVE}, or name the columns track_id and genre"
        )
    columns = find_columns(table, header, ("track_id", "genre"), ("path", "artist", "split"))
    paths = AudioPaths(folder, follow_links=follow_links)
    tracks: list[Track] = []
    unusable: dict[str, Remark] = {}
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
        artist = clean(cell.get("artist", ""), "artist", where) or None
        path = paths.find(cell["path"], where) if cell.get("path", "").strip() else None
        if path is not None and (problem := paths.problem(path)) is not None:
            path, unusable[track] = None, problem
        tracks.append(Track(track, genre, artist, path))
    if not tracks:
        raise DataError(f"{table} has no rows below its header")
    return genre_folders.Folders(tracks, official, [], unusable)

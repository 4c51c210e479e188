"""Reading FMA, a dataset of the Free Music Archive (Defferrard, Benzi, Vandergheynst, Bresson: arXiv 1612.01840), from disk.

The files are those of the official archives, unpacked into one folder: ``fma_metadata`` with ``tracks.csv``, ``genres.csv`` and
``features.csv``, and ``fma_small``, ``fma_medium``, ``fma_large`` with the audio. Each subset contains the smaller ones.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from genrebench.datasets import feature_csv
from genrebench.datasets.table import clean, digest, find_columns, is_blank_header, read_records, without_numbers
from genrebench.errors import DataError, UsageError
from genrebench.files import atomic
from genrebench.records import PARTS, Dataset, Exclusion, FeatureValues, Track
from genrebench.session import DATA_DIR

Subset = Literal["small", "medium", "large"]
SUBSETS: tuple[Subset, ...] = ("small", "medium", "large")

NO_AUDIO = (
    1486, 5574, 65753, 80391, 98558, 98559, 98560, 98571, 99134, 105247, 108925, 126981, 127336, 133297, 143992,
)  # fmt: skip
SHORT = (98565, 98566, 98567, 98568, 98569, 108924)
FAULTY: dict[str, str] = {
    **{str(track): "no audio in the archive" for track in NO_AUDIO},
    "133297": "no audio in the archive, only a stub of 1,752 bytes",
    **{str(track): "shorter than 30 s" for track in SHORT},
}
"""The 21 faulty tracks of fma_medium listed by the WWW 2018 challenge: track id to reason."""

SAVE = (
    "save it with pd.read_csv('fma_metadata/tracks.csv', index_col=0, header=[0, 1]).to_csv('tracks.csv'), which keeps its "
    "header rows and the track ids in front"
)
"""How FMA's table is saved again so that it can be read."""

FEATURE_SOURCE = "distributed, from full-length tracks"


def load(
    root: Path, subset: Subset, *, name: str | None = None, audio: Path | None = None, converted: Path | None = None
) -> Dataset:
    """Read a subset of FMA.

    Parameters
    ----------
    root : Path
        The folder that the archives were unpacked into, or the metadata folder itself.
    subset : {"small", "medium", "large"}
    name : str, optional
        The dataset's name; by default ``fma-`` and the subset.
    audio : Path, optional
        The audio folder; by default the one in `root`, if there is one.
    converted : Path, optional
        Folder for a binary copy of the feature values, written on the first read; without it the CSV is read each time.

    Returns
    -------
    Dataset
        The tracks that have a top genre and aren't faulty, in id order. Artists are FMA's artist ids. Tracks have a path if
        there is an audio folder; the files aren't checked. The feature values were computed from full-length tracks.

    Raises
    ------
    DataError
        If the metadata is missing or invalid.
    """
    name = name or f"fma-{subset}"
    metadata = _metadata_folder(root)
    if metadata is None:
        raise DataError(
            f"{name} isn't on this machine: no tracks.csv in {root / 'fma_metadata'}; get it with: genrebench data get {name}, "
            f"or name the folder that has fma_metadata with --data-dir or {DATA_DIR}"
        )
    audio = audio or _audio_folder(root, subset)
    tracks: list[Track] = []
    official: dict[str, str] = {}
    faulty: list[Exclusion] = []
    unlabelled: list[str] = []
    for track_id, genre, artist, part, row_subset in _rows(metadata / "tracks.csv"):
        if SUBSETS.index(row_subset) > SUBSETS.index(subset):
            continue
        if not genre:
            unlabelled.append(track_id)
        elif track_id in FAULTY:
            faulty.append(Exclusion(track_id, FAULTY[track_id]))
        else:
            tracks.append(Track(track_id, genre, artist or None, audio and audio / clip_path(track_id)))
            official[track_id] = part
    if not tracks:
        raise DataError(f"{metadata / 'tracks.csv'} has no labelled track of the {subset} subset")
    genres = tuple(sorted({track.genre for track in tracks}))
    _check_genres(metadata / "genres.csv", genres)
    features = metadata / "features.csv"
    ids = frozenset(official)
    read = partial(feature_csv.read_features, features, ids)
    note = "Free Music Archive, metadata CC BY 4.0, each track under its artist's Creative Commons licence"
    return Dataset(
        name=name,
        version=f"fma-{digest(tracks)}",
        tracks=tuple(sorted(tracks, key=lambda track: int(track.id))),
        genres=genres,
        official=official,
        faulty=tuple(faulty),
        unlabelled=tuple(unlabelled),
        load_features=(partial(_converted, read, features, ids, converted) if converted else read)
        if os.path.lexists(features)
        else None,
        feature_source=FEATURE_SOURCE if os.path.lexists(features) else None,
        note=note + (f"; {len(unlabelled)} rows without a top genre left out" if unlabelled else ""),
    )


def load_named(home: Path, subset: Subset) -> Dataset:
    """Load a subset from the folders of GENREBENCH_DATA_DIR, or from where ``genrebench data get`` downloaded it to in `home`.

    Metadata and audio may be in two of these folders; the first one that has them is taken.
    """
    downloaded = home / "fma"
    folders = [*data_dirs(), downloaded]
    root = next((folder for folder in folders if _metadata_folder(folder) is not None), downloaded)
    audio = next((found for folder in folders if (found := _audio_folder(folder, subset)) is not None), None)
    return load(root, subset, audio=audio, converted=downloaded / "converted")


def data_dirs() -> list[Path]:
    """The folders of official files that the user named: GENREBENCH_DATA_DIR.

    Raises
    ------
    UsageError
        If one of them doesn't exist.
    """
    folders = [Path(part).expanduser() for part in os.environ.get(DATA_DIR, "").split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {str(folder)!r}, which --data-dir or {DATA_DIR} names")
    return folders


def load_folder(folder: Path) -> Dataset:
    """Load a folder of official files: the largest subset whose audio folder exists, or all tracks if there is no audio."""
    present = [subset for subset in SUBSETS if (folder / f"fma_{subset}").is_dir()]
    return load(folder, present[-1] if present else "large", name=folder.resolve().name)


def is_official(folder: Path) -> bool:
    """Whether a folder has a tracks.csv in the official format: two header rows and a row ``track_id``.

    The same table saved again by pandas with the index as a column, without that row, is one as well.
    """
    metadata = _metadata_folder(folder)
    return metadata is not None and _n_header_rows(_first_rows(metadata / "tracks.csv")) > 0


def _first_rows(table: Path) -> list[list[str]]:
    return [cells for _, cells in islice(read_records(table), 3)]


def _n_header_rows(rows: Sequence[Sequence[str]]) -> int:
    """Number of header rows of FMA's tracks.csv: 3, or 2 if the index was saved as a column; 0 if it is another table."""
    starts = ["" if is_blank_header(cells[0]) else cells[0].strip() for cells in rows]
    return 3 if starts == ["", "", "track_id"] else 2 if starts[:2] == ["track_id", ""] else 0


def clip_path(track_id: str) -> Path:
    """Path of a clip relative to its audio folder: ``012/012345.mp3`` for track 12345."""
    return Path(f"{int(track_id):06d}"[:3], f"{int(track_id):06d}.mp3")


def _metadata_folder(root: Path) -> Path | None:
    return next((folder for folder in (root / "fma_metadata", root) if (folder / "tracks.csv").is_file()), None)


def _audio_folder(root: Path, subset: Subset) -> Path | None:
    """The audio folder of the subset, or of a larger one, which contains the same clips."""
    folders = [root / f"fma_{larger}" for larger in SUBSETS[SUBSETS.index(subset) :]]
    if (root / "000").is_dir():
        folders.append(root)
    return next((folder for folder in folders if folder.is_dir()), None)


class _Row(NamedTuple):
    track_id: str
    genre: str
    artist: str
    part: str
    subset: Subset


def _rows(table: Path) -> Iterator[_Row]:
    header_rows = _first_rows(table)
    n_header_rows = _n_header_rows(header_rows)
    if not n_header_rows:
        raise DataError(f"{table} isn't FMA's tracks.csv, which has two header rows and a row 'track_id'")
    header = [f"{upper}/{lower}" for upper, lower in zip(without_numbers(header_rows[0]), header_rows[1], strict=False)]
    columns = ("track/genre_top", "artist/id", "set/split", "set/subset")
    positions = find_columns(table, header, columns)
    seen: dict[str, int] = {}
    for line, cells in islice(read_records(table), n_header_rows, None):
        where = f"{table}, line {line}"
        if len(cells) != len(header):
            raise DataError(f"{where}: {len(cells)} cells, but the header has {len(header)}")
        track_id = cells[0].strip()
        if not (track_id.isascii() and track_id.isdigit()):
            raise DataError(f"{where}: track_id {track_id!r} is not a number")
        if track_id in seen:
            raise DataError(f"{where}: track_id {track_id!r} appears twice, first in line {seen[track_id]}; keep one")
        seen[track_id] = line
        genre, artist, part, subset = (clean(cells[positions[column]], column, where) for column in columns)
        if subset not in SUBSETS:
            raise DataError(f"{where}: set/subset {subset!r} must be one of {', '.join(SUBSETS)}")
        if part not in PARTS:
            raise DataError(f"{where}: set/split {part!r} must be one of {', '.join(PARTS)}")
        yield _Row(track_id, genre, artist, part, subset)


def _check_genres(table: Path, genres: tuple[str, ...]) -> None:
    """Raise `DataError` if genres.csv exists and a top genre isn't a root of its genre tree."""
    if not os.path.lexists(table):
        return
    records = read_records(table)
    _, header = next(records, (0, []))
    columns = find_columns(table, header, ("genre_id", "parent", "title"))
    roots = {cells[columns["title"]].strip() for _, cells in records if cells[columns["parent"]].strip() == "0"}
    for genre in genres:
        if genre not in roots:
            raise DataError(f"{table} has no root genre {genre!r}, which tracks.csv uses; download the metadata again")


def _converted(read: partial[FeatureValues], features: Path, ids: frozenset[str], folder: Path) -> FeatureValues:
    """Feature values from a binary copy, written if missing: the CSV takes about 50 times as long to read."""
    status = features.stat()
    ids_hash = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
    stamp = np.array([status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino], dtype=np.uint64)
    path = folder / f"features-{ids_hash}.npz"
    table = folder / f"features-{ids_hash}-{hashlib.sha256(stamp.tobytes()).hexdigest()[:16]}.npy"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if np.array_equal(stored["stamp"], stamp):
                columns = tuple(tuple(map(str, column)) for column in stored["columns"])
                ids_of_rows = tuple(map(str, stored["ids"]))
                # mapped: runs side by side share it, and only the rows that are used are in memory
                values = np.load(table, mmap_mode="r", allow_pickle=False)
                if values.shape == (len(ids_of_rows), len(columns)) and values.dtype == np.float64:
                    return FeatureValues(ids_of_rows, columns, values)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # missing or damaged: fall back to the CSV
    result = read()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"features-{ids_hash}-*.npy"):
            old.unlink()
        with atomic(table) as temporary, temporary.open("wb") as stream:
            np.save(stream, result.values, allow_pickle=False)
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, stamp=stamp, ids=np.array(result.ids), columns=np.array(result.columns))
    except OSError:
        pass  # a full or read-only disk only makes the next run slower
    return result

"""Datasets of mirdata, ``--dataset mirdata:NAME``: those whose tracks have one genre each.

mirdata (Bittner et al., "mirdata: Software for Reproducible Usage of Datasets", ISMIR 2019) has loaders for datasets of music
information retrieval. It is an extra; its indices are downloaded by mirdata itself.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genrebench.datasets.layout import PART_OF
from genrebench.datasets.table import clean, digest
from genrebench.errors import DataError, UsageError, did_you_mean
from genrebench.records import Dataset, Track

PREFIX = "mirdata:"

_ARTISTS = ("artist", "artist_name", "artists", "performer")
"""Attributes of tracks that may name the artist."""


def load(text: str, home: Path) -> Dataset:
    """Read a dataset of mirdata.

    Parameters
    ----------
    text : str
        ``mirdata:NAME`` or ``mirdata:NAME@VERSION``, as mirdata calls them.
    home : Path
        The data folder; the files are in ``mirdata/NAME`` below it, where mirdata has downloaded them or the user has put a
        copy or a link.

    Returns
    -------
    Dataset
        Tracks of mirdata's index that have a genre; the others are unlabelled. Its splits for training and test, if it has
        any, are the official split.

    Raises
    ------
    UsageError
        If mirdata isn't installed, or has no such dataset or version.
    DataError
        If the index isn't there, or the tracks have no genre, or several.
    """
    source = _source(text, home)
    if not Path(source.index_path).is_file():
        raise DataError(f"the index of {text} isn't on this machine; get it with: genrebench data get {text}")
    try:
        loaded = source.load_tracks()
    except Exception as error:  # whatever the loader of a dataset raises
        raise DataError(f"mirdata can't load {text}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    tracks, unlabelled = [], []
    for id_, track in loaded.items():
        genre = _genre(track, id_, text)
        if not genre:
            unlabelled.append(str(id_))
            continue
        path = getattr(track, "audio_path", None)
        tracks.append(
            Track(clean(str(id_), "id", text), clean(genre, "genre", text), _artist(track), Path(path) if path else None)
        )
    if not tracks:
        raise DataError(f"no track of {text} has a genre; choose another dataset of mirdata, such as mirdata:gtzan_genre")
    return Dataset(
        name=text,
        version=f"{source.version}-{digest(tracks)}",
        tracks=tuple(sorted(tracks, key=lambda track: track.id)),
        genres=tuple(sorted({track.genre for track in tracks})),
        official=_official(source, {track.id for track in tracks}),
        unlabelled=tuple(unlabelled),
        note=" ".join(str(getattr(source, "_license_info", "") or "").split()),
    )


def get(text: str, home: Path) -> Path:
    """Let mirdata download the index of a dataset and what it has of its files, and return the folder.

    Raises
    ------
    UsageError
        As in `load`.
    DataError
        If the download fails.
    """
    source = _source(text, home)
    try:
        source.download()
    except Exception as error:  # of mirdata, requests or the disk
        raise DataError(f"mirdata can't download {text}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    return Path(source.data_home)


def citation(text: str, home: Path) -> str:
    """The BibTeX of a dataset of mirdata."""
    return str(getattr(_source(text, home), "bibtex", "") or "")


def _source(text: str, home: Path) -> Any:
    """The dataset as mirdata has it."""
    name, _, version = text.removeprefix(PREFIX).partition("@")
    try:
        import mirdata
    except ImportError as error:
        raise UsageError(f'{text} needs mirdata ({error}); install it with: pip install "genrebench[mirdata]"') from None
    names = mirdata.list_datasets()
    if name not in names:
        raise UsageError(f"mirdata has no dataset {name!r}; {did_you_mean(name, names)}")
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # for the results of commands alone
            return mirdata.initialize(name, data_home=str(home / "mirdata" / name), version=version or "default")
    except ValueError as error:
        raise UsageError(f"{text}: {' '.join(str(error).split())}") from None


def _genre(track: Any, id_: str, text: str) -> str:
    """The genre of a track; empty if it has none."""
    if not hasattr(track, "genre"):
        raise DataError(f"{text} has no genre for its tracks; choose another dataset of mirdata, such as mirdata:gtzan_genre")
    genre = track.genre
    several = [one for one in genre if one] if isinstance(genre, Iterable) and not isinstance(genre, str | dict) else [genre]
    if isinstance(genre, dict) or len(several) > 1:
        raise DataError(
            f"{text}: track {id_!r} has several genres, {genre!r:.100}; genrebench compares models of one per track"
        )
    return str(several[0]).strip() if several and several[0] is not None else ""


def _artist(track: Any) -> str | None:
    for name in _ARTISTS:
        artist = getattr(track, name, None)
        if isinstance(artist, list | tuple):
            artist = ", ".join(map(str, artist))
        if isinstance(artist, str) and artist.strip():
            return clean(artist, "artist", "mirdata")
    return None


def _official(source: Any, ids: set[str]) -> dict[str, str]:
    """Parts by id, if mirdata has splits that are called training and test."""
    try:
        splits = source.get_track_splits()
    except (AttributeError, NotImplementedError):
        return {}
    parts = {PART_OF.get(str(name).casefold()): members for name, members in splits.items()}
    if None in parts or not {"training", "test"} <= parts.keys():
        return {}
    return {str(id_): str(part) for part, members in parts.items() for id_ in members if str(id_) in ids}

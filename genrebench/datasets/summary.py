"""Counts of a dataset's tracks, for `genrebench data show`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genrebench import audio
from genrebench.errors import AudioError
from genrebench.records import PARTS, Dataset
from genrebench.tables import Shown, Table, frame
from genrebench.tasks.audit import shared_artists
from genrebench.tasks.splits import make_split

if TYPE_CHECKING:
    import pandas as pd


def summarise(dataset: Dataset, split: str | None = None, split_seed: int = 0) -> dict[str, Any]:
    """Count a dataset's tracks by genre, part of the split and artist.

    Parameters
    ----------
    dataset : Dataset
    split : str, optional
        As in `genrebench.tasks.splits.make_split`.
    split_seed : int

    Returns
    -------
    dict
        In JSON types: name, version, note, synthetic, tracks, artists (None if unknown), split, folds, parts,
        shared_artists, warnings, audio (number of tracks with audio; shortest, median and longest duration in seconds; total
        in hours), features, excluded, and genres, a list of {genre, tracks, artists, training, validation, test}. For a split
        with several folds, the parts are those of the first fold.
    """
    made_split = make_split(dataset, split, split_seed)
    part_of = {id_: part for part in PARTS for id_ in getattr(made_split.folds[0], part)}
    tracks = Counter(track.genre for track in dataset.tracks)
    parts = Counter((track.genre, part_of.get(track.id)) for track in dataset.tracks)
    artists_by_genre = {
        genre: {t.artist for t in dataset.tracks if t.genre == genre and t.artist is not None} for genre in dataset.genres
    }
    artists = set().union(*artists_by_genre.values())
    return {
        "name": dataset.name,
        "version": dataset.version,
        "note": dataset.note,
        "synthetic": dataset.synthetic,
        "tracks": len(dataset.tracks),
        "artists": len(artists) or None,
        "split": made_split.name,
        "folds": len(made_split.folds),
        "parts": {part: len(getattr(made_split.folds[0], part)) for part in PARTS},
        "shared_artists": shared_artists(dataset, made_split),
        "warnings": list(made_split.warnings),
        "audio": _audio(dataset),
        "features": dataset.feature_source or ("given" if dataset.load_features else "none given; extracted from the audio"),
        "excluded": [f"{exclusion.id} ({exclusion.reason})" for exclusion in dataset.faulty],
        "genres": [
            {
                "genre": genre,
                "tracks": tracks[genre],
                "artists": len(artists_by_genre[genre]) or None,
                **{part: parts[genre, part] for part in PARTS},
            }
            for genre in dataset.genres
        ],
    }


def _audio(dataset: Dataset) -> dict[str, Any]:
    """Durations of what can be decoded, whatever the files' headers say; files that can't be are counted as unreadable."""
    seconds = []
    unreadable = 0
    paths = [track.path for track in dataset.tracks if track.path is not None]
    for path in paths:
        try:
            seconds.append(audio.info(path).seconds)
        except AudioError:
            unreadable += 1
    result: dict[str, Any] = {"tracks": len(paths)}
    if seconds:
        result |= {
            "shortest_s": float(min(seconds)),
            "median_s": float(np.median(seconds)),
            "longest_s": float(max(seconds)),
            "total_h": sum(seconds) / 3600,
        }
    return result | ({"unreadable": unreadable} if unreadable else {})


@dataclass(frozen=True, repr=False)
class DatasetSummary(Shown):
    """What `summarise` counted.

    Parameters
    ----------
    values : mapping
        In JSON types.
    """

    values: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The counts in JSON types."""
        return dict(self.values)

    def to_frame(self) -> pd.DataFrame:
        """The counts by genre as a pandas frame."""
        return frame(self.values["genres"], index="genre")

    def tables(self) -> list[Table]:
        """Facts of the dataset, and counts by genre."""
        facts = [(key, _text(item)) for key, item in self.values.items() if key != "genres"]
        columns = ("genre", "tracks", "artists", "training", "validation", "test")
        rows = [[row[key] for key in columns] for row in self.values["genres"]]
        return [Table.of(("what", "value"), facts), Table.of(columns, rows, right=columns[1:])]


def _text(item: Any) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key}: {_text(part)}" for key, part in item.items())
    if isinstance(item, list):
        return "; ".join(map(str, item)) or "none"
    return "unknown" if item is None else f"{item:.1f}" if isinstance(item, float) else str(item)

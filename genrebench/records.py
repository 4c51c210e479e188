"""The nouns of genrebench: frozen records that pass between its parts.

Records hold values and no behaviour beyond what follows from those values. None of them holds a host name, a user name
or a home path once it is written to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from genrebench.errors import UsageError
from genrebench.tables import frame

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

PARTS = ("training", "validation", "test")
MAX_EXCERPT = 1e6  # seconds


@dataclass(frozen=True, slots=True)
class Track:
    """One piece of music.

    Parameters
    ----------
    id : str
        Unique in its dataset.
    genre : str
        The label; blank where there is none, and then no task takes the track.
    artist : str or None
        Who made it; None where that is not known.
    path : Path or None
        The audio file; None where the dataset has no audio for the track.
    """

    id: str
    genre: str
    artist: str | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A track that is left out, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class FeatureValues:
    """A table of numbers, a row a track.

    Parameters
    ----------
    ids : tuple of str
        Track ids, one a row.
    columns : tuple of tuple of str
        What each column is: (feature, statistics, number) in FMA's form, else a single name.
    values : ndarray of float64, shape (n_tracks, n_columns)
    """

    ids: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """Tracks with their labels, and what is known about them.

    Parameters
    ----------
    name : str
        What the user calls it: a registered name, or the folder's name.
    version : str
        A version for people ("1.0", "demo-1"); the content is hashed separately, see `fingerprint`.
    tracks : tuple of Track
        In the dataset's own order; the known-faulty ones are not among them.
    genres : tuple of str
        All genres, in the order of the columns of every probability array.
    official : mapping of str to str
        Track id to part ("training", "validation" or "test") where the dataset comes with a split; else empty.
    faulty : tuple of Exclusion
        Tracks that the dataset names but that are known to be unusable.
    unlabelled : tuple of str
        Ids of tracks that the dataset names without a label, and that are therefore not among its tracks.
    load_features : callable or None
        Reads the feature values that came with the dataset; None where it came with none.
    feature_source : str or None
        Where the given feature values come from, for people: "distributed, from full-length tracks".
    synthetic : bool
        True if no human made this music; its scores are marked wherever they are shown.
    note : str
        One line for people about origin and licence.
    """

    name: str
    version: str
    tracks: tuple[Track, ...]
    genres: tuple[str, ...]
    official: Mapping[str, str] = field(default_factory=dict)
    faulty: tuple[Exclusion, ...] = ()
    unlabelled: tuple[str, ...] = ()
    load_features: Callable[[], FeatureValues] | None = None
    feature_source: str | None = None
    synthetic: bool = False
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """The tracks as a pandas frame: track_id, genre, artist, path, and their part in the official split, if any."""
        return frame(
            [
                {
                    "track_id": track.id,
                    "genre": track.genre,
                    "artist": track.artist,
                    "path": None if track.path is None else str(track.path),
                    "split": self.official.get(track.id),
                }
                for track in self.tracks
            ],
            index="track_id",
        )


@dataclass(frozen=True, slots=True)
class Fold:
    """Track ids of the three parts; no id is in two of them."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """How a dataset is cut: one fold, or several whose test parts don't overlap."""

    name: str
    seed: int
    folds: tuple[Fold, ...]
    warnings: tuple[str, ...] = ()

    @property
    def ids(self) -> list[str]:
        """Ids of all parts of all folds, each once, sorted as text."""
        return sorted({id_ for fold in self.folds for part in PARTS for id_ in getattr(fold, part)})


@dataclass(frozen=True)
class Excerpt:
    """The stretch of a track that every model sees: its middle `seconds`, or all of it where `seconds` is None."""

    seconds: float | None = 30.0

    def __str__(self) -> str:
        return "whole" if self.seconds is None else repr(float(self.seconds)).removesuffix(".0")

    @classmethod
    def parse(cls, text: str | float | None) -> Excerpt:
        """Read an excerpt: "whole" (or None), or a number of seconds, also as text.

        Raises
        ------
        UsageError
            If it is neither, or not above 0.
        """
        if text is None or text == "whole":
            return cls(None)
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < MAX_EXCERPT:
            raise UsageError(f"--excerpt {text!r} is neither 'whole' nor a number of seconds above 0")
        return cls(seconds)


@dataclass(frozen=True)
class ExtraTraining:
    """Tracks of small genres that a larger dataset adds to training.

    Parameters
    ----------
    dataset : str
        Name of the larger dataset.
    ids : mapping of str to tuple of str
        Ids of the added tracks by genre, for genres that got any.
    source : str
        How the user named the larger dataset, for repeating a run.
    """

    dataset: str
    ids: Mapping[str, tuple[str, ...]]
    source: str = ""

    @property
    def added(self) -> dict[str, int]:
        """Number of added tracks by genre."""
        return {genre: len(ids) for genre, ids in self.ids.items()}


@dataclass(frozen=True)
class Task:
    """A dataset, a split of it and an excerpt: what scores have to share in order to compare.

    Parameters
    ----------
    dataset : Dataset
    split : Split
    excerpt : Excerpt
    excluded : tuple of Exclusion
        The known-faulty tracks and those that the user left out.
    fingerprint : str
        Hash of what makes scores comparable; see `genrebench.tasks.task`.
    shared_artists : int or None
        Number of artists with tracks in more than one part of a fold, the largest over the folds; None where no artist
        is known.
    source : str
        How the user named the dataset, for repeating a run.
    extra : ExtraTraining or None
        What was added to training from a larger dataset.
    """

    dataset: Dataset
    split: Split
    excerpt: Excerpt
    excluded: tuple[Exclusion, ...]
    fingerprint: str
    shared_artists: int | None
    source: str = ""
    extra: ExtraTraining | None = None

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres in column order."""
        return self.dataset.genres

    def to_frame(self) -> pd.DataFrame:
        """The part of each track in each fold as a pandas frame: fold, part, track_id, genre, artist."""
        tracks = {track.id: track for track in self.dataset.tracks}
        return frame(
            [
                {"fold": number, "part": part, "track_id": id_, "genre": tracks[id_].genre, "artist": tracks[id_].artist}
                for number, fold in enumerate(self.split.folds)
                for part in PARTS
                for id_ in getattr(fold, part)
            ]
        )


@dataclass(frozen=True)
class Predictions:
    """What a model answered for the test tracks of all folds.

    Parameters
    ----------
    ids : tuple of str
        Track ids, one a row.
    genres : tuple of str
        One a column of `probabilities`.
    labels : ndarray of int64, shape (n_tracks,)
        Index of each track's true genre.
    folds : ndarray of int64, shape (n_tracks,)
        In which fold the track was tested.
    probabilities : ndarray of float64, shape (n_tracks, n_genres)
    groups : ndarray of int64, shape (n_tracks,), or None
        Opaque: tracks of one artist share a number; -1 where a track's artist isn't known. None where no artist is known.
    """

    ids: tuple[str, ...]
    genres: tuple[str, ...]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None

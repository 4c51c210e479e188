"""Frozen records of datasets, splits, tasks and predictions, shared by all parts of genrebench.

Records have no behaviour beyond properties of their values. Host names, user names and home folders are removed before a record
is written to disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from genrebench.errors import UsageError
from genrebench.tables import Shown, Table, frame

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

PARTS = ("training", "validation", "test")
FILE_SPLIT = "file:"
"""Begins the name of a split that was read from a file; no other split has a colon in its name."""

MAX_EXCERPT = 1e6  # seconds


@dataclass(frozen=True, slots=True)
class Track:
    """A piece of music.

    Parameters
    ----------
    id : str
        Unique in its dataset.
    genre : str
        The label; blank if there is none, in which case the track can't be part of a task.
    artist : str or None
        None if the artist isn't known.
    path : Path or None
        The audio file; None if the dataset has no audio for the track.
    """

    id: str
    genre: str
    artist: str | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An excluded track, and the reason."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a dataset that a reader of its scores should know.

    Parameters
    ----------
    kind : str
        One of the kinds of findings of the data check.
    severity : {"fault", "warning", "note"}
        A warning is shown before each run as well.
    detail : str
        Human-readable description, with numbers.
    """

    kind: str
    severity: Literal["fault", "warning", "note"]
    detail: str


@dataclass(frozen=True)
class FeatureValues:
    """A table with one feature vector per track.

    Parameters
    ----------
    ids : tuple of str
        Track ids, one per row.
    columns : tuple of tuple of str
        Column names: (feature, statistics, number) in FMA's format, else a single name.
    values : ndarray of float64, shape (n_tracks, n_columns)
    notes : tuple of str
        What was noticed about the ids when the table was read, for display.
    """

    ids: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Dataset(Shown):
    """Labelled tracks, with precomputed features and an official split if there are any.

    Parameters
    ----------
    name : str
        A registered name, or the name of the folder.
    version : str
        A version for display ("1.0", "demo-1"); task fingerprints hash the content instead.
    tracks : tuple of Track
        In the order of the dataset, without those that are known to be faulty.
    genres : tuple of str
        All genres, in the order of the columns of probability arrays.
    official : mapping of str to str
        Track id to part ("training", "validation" or "test") in the official split; empty if there is none.
    faulty : tuple of Exclusion
        Tracks of the dataset that are known to be faulty.
    unlabelled : tuple of str
        Ids of tracks without a label, which aren't among `tracks`.
    load_features : callable or None
        Reads the precomputed features; None if there are none.
    feature_source : str or None
        Source of the precomputed features, for display: "distributed, from full-length tracks".
    synthetic : bool
        True if the music is synthetic; its scores are marked wherever they are shown.
    note : str
        Origin and licence in one line, for display.
    remarks : tuple of Remark
        What was noticed while the dataset was read: what is left out, how the folders were understood.
    unusable : mapping of str to Remark
        Id of a track whose audio file can't be used, and why; such a track has no path.
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
    remarks: tuple[Remark, ...] = ()
    unusable: Mapping[str, Remark] = field(default_factory=dict)

    @property
    def knows_artists(self) -> bool:
        """Whether the artist of any track is known."""
        return any(track.artist is not None for track in self.tracks)

    def __repr__(self) -> str:
        return f"<Dataset {self.name!r}: {len(self.tracks)} tracks, {len(self.genres)} genres>"

    def to_frame(self) -> pd.DataFrame:
        """The tracks as a pandas DataFrame: track_id, genre, artist, path, and the part in the official split, if any."""
        return frame(self._rows(), index="track_id")

    def to_json(self) -> dict[str, Any]:
        """The dataset in JSON types; `tracks` has the values of `to_frame`."""
        return {
            "name": self.name,
            "version": self.version,
            "note": self.note,
            "synthetic": self.synthetic,
            "genres": list(self.genres),
            "tracks": self._rows(),
        }

    def tables(self) -> list[Table]:
        """The number of tracks and artists of each genre."""
        rows = []
        for genre in self.genres:
            artists = [track.artist for track in self.tracks if track.genre == genre]
            rows.append((genre, len(artists), len({*artists} - {None}) or None))
        title = f"{self.name}{' (synthetic music)' if self.synthetic else ''}: {len(self.tracks)} tracks"
        return [Table.of(("genre", "tracks", "artists"), rows, title, ("tracks", "artists"))]

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "track_id": track.id,
                "genre": track.genre,
                "artist": track.artist,
                "path": None if track.path is None else str(track.path),
                "split": self.official.get(track.id),
            }
            for track in self.tracks
        ]


@dataclass(frozen=True, slots=True)
class Fold:
    """Track ids of the three parts, which don't overlap."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A split of a dataset: one fold, or several folds whose test parts don't overlap.

    Parameters
    ----------
    name : str
    seed : int
    folds : tuple of Fold
    warnings : tuple of str
    source : str
        The file that the folds were read from, or the distribution and version of the plugin that made them; empty for the
        core's own splits.
    """

    name: str
    seed: int
    folds: tuple[Fold, ...]
    warnings: tuple[str, ...] = ()
    source: str = ""

    @property
    def ids(self) -> list[str]:
        """Ids of all parts of all folds without duplicates, sorted as text."""
        return sorted({id_ for fold in self.folds for part in PARTS for id_ in getattr(fold, part)})


@dataclass(frozen=True)
class Excerpt:
    """The segment of each track that all models use: its middle `seconds`, or the whole track if `seconds` is None.

    A track that is longer by less than `slack` seconds is used whole, as FMA's clips of 30.0027 s are.
    """

    seconds: float | None = 30.0
    slack: float = 0.5

    def __str__(self) -> str:
        return "whole" if self.seconds is None else repr(float(self.seconds)).removesuffix(".0")

    @classmethod
    def parse(cls, text: str | float | None) -> Excerpt:
        """Parse an excerpt: "whole" (or None), or a number of seconds, also as text.

        Raises
        ------
        UsageError
            If `text` is neither "whole" nor a number above 0.
        """
        if text is None or text == "whole":
            return cls(None)
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < MAX_EXCERPT:
            raise UsageError(f"the excerpt {text!r} is neither 'whole' nor a number of seconds above 0, such as 30")
        return cls(seconds)


@dataclass(frozen=True)
class ExtraTraining:
    """Tracks that a larger dataset adds to the training part, for small genres.

    Parameters
    ----------
    dataset : str
        Name of the larger dataset.
    ids : mapping of str to tuple of str
        Ids of the added tracks by genre; genres without added tracks are left out.
    source : str
        Name or path of the larger dataset as given by the user, for reproducing a run.
    """

    dataset: str
    ids: Mapping[str, tuple[str, ...]]
    source: str = ""

    @property
    def added(self) -> dict[str, int]:
        """Number of added tracks by genre."""
        return {genre: len(ids) for genre, ids in self.ids.items()}


@dataclass(frozen=True, repr=False)
class Task(Shown):
    """A dataset, its split and an excerpt; scores are comparable if they were measured on the same task.

    Parameters
    ----------
    dataset : Dataset
    split : Split
    excerpt : Excerpt
    excluded : tuple of Exclusion
        Tracks that are known to be faulty, and tracks excluded by the user.
    fingerprint : str
        Hash of everything that scores depend on apart from the model; see `genrebench.tasks.task`.
    shared_artists : int or None
        Number of artists with tracks in more than one part of a fold, maximum over the folds; None if no artist is known.
    source : str
        Name or path of the dataset as given by the user, for reproducing a run.
    extra : ExtraTraining or None
        Training tracks added from a larger dataset.
    segments : {"together", "apart"}
        Whether segments of one recording, inferred from ids, count as tracks of one artist; see `genrebench.tasks.grouping`.
    reading : str
        How many tracks are read otherwise than by version 0.1.0, and how; empty if none is.
    """

    dataset: Dataset
    split: Split
    excerpt: Excerpt
    excluded: tuple[Exclusion, ...]
    fingerprint: str
    shared_artists: int | None
    source: str = ""
    extra: ExtraTraining | None = None
    segments: str = "together"
    reading: str = ""

    def __repr__(self) -> str:
        folds = f", {len(self.split.folds)} folds" if len(self.split.folds) > 1 else ""
        return f"<Task {self.fingerprint}: {self.dataset.name}, split {self.split.name}{folds}>"

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres, in the order of the probability columns."""
        return self.dataset.genres

    def to_frame(self) -> pd.DataFrame:
        """The part of each track in each fold as a pandas DataFrame: fold, part, track_id, genre, artist."""
        return frame(self._rows())

    def to_json(self) -> dict[str, Any]:
        """The task in JSON types; `tracks` has the values of `to_frame`."""
        return {
            "dataset": self.dataset.name,
            "version": self.dataset.version,
            "split": self.split.name,
            "split_seed": self.split.seed,
            "excerpt": str(self.excerpt),
            "fingerprint": self.fingerprint,
            "genres": list(self.genres),
            "shared_artists": self.shared_artists,
            "excluded": [{"id": exclusion.id, "reason": exclusion.reason} for exclusion in self.excluded],
            "tracks": self._rows(),
        }

    def tables(self) -> list[Table]:
        """The number of tracks of each genre in each part, summed over the folds."""
        counts = Counter((row["genre"], row["part"]) for row in self._rows())
        rows = [(genre, *(counts[genre, part] for part in PARTS)) for genre in self.genres]
        synthetic = " (synthetic music)" if self.dataset.synthetic else ""
        title = f"{self.dataset.name}{synthetic}, split {self.split.name}, task {self.fingerprint}"
        return [Table.of(("genre", *PARTS), rows, title, PARTS)]

    def _rows(self) -> list[dict[str, Any]]:
        tracks = {track.id: track for track in self.dataset.tracks}
        return [
            {"fold": number, "part": part, "track_id": id_, "genre": tracks[id_].genre, "artist": tracks[id_].artist}
            for number, fold in enumerate(self.split.folds)
            for part in PARTS
            for id_ in getattr(fold, part)
        ]


@dataclass(frozen=True)
class Predictions:
    """Predicted probabilities for the test tracks of all folds, with the true labels.

    Parameters
    ----------
    ids : tuple of str
        Track ids, one per row.
    genres : tuple of str
        Genres, one per column of `probabilities`.
    labels : ndarray of int64, shape (n_tracks,)
        Index of each track's true genre.
    folds : ndarray of int64, shape (n_tracks,)
        Fold in which the track was tested.
    probabilities : ndarray of float64, shape (n_tracks, n_genres)
    groups : ndarray of int64, shape (n_tracks,), or None
        Anonymous artist numbers; -1 if the artist of a track isn't known. None if no artist is known.
    """

    ids: tuple[str, ...]
    genres: tuple[str, ...]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None

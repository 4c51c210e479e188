"""The record of a run: the content of run.json as frozen types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from genrebench.environment import without_home
from genrebench.evaluation.calibration import is_temperature
from genrebench.jsontypes import plain
from genrebench.plugin.hosted import HostedModel
from genrebench.records import FILE_SPLIT, PARTS, Exclusion, ExtraTraining, Task

Status = Literal["running", "finished", "failed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class ExtraTrainingRecord:
    """Record of the tracks that a larger dataset added to a task's training part.

    Parameters
    ----------
    dataset, source : str
        Name of the larger dataset, and its name or path as given by the user.
    added : mapping of str to int
        Number of added tracks by genre.
    ids : mapping of str to tuple of str, or None
        Ids of the added tracks by genre.
    """

    dataset: str
    source: str = ""
    added: Mapping[str, int]
    ids: Mapping[str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, extra: ExtraTraining) -> ExtraTrainingRecord:
        """Create the record from a task's extra training tracks."""
        source = without_home(extra.source or extra.dataset)
        return cls(dataset=extra.dataset, source=source, added=extra.added, ids=extra.ids)

    @property
    def n_added(self) -> int:
        """Number of added tracks."""
        return sum(self.added.values())

    def text(self, *, by_genre: bool = False) -> str:
        """Label for display, such as "64 training tracks of fma-large"; with `by_genre` also the number of tracks per genre."""
        genres = ", ".join(f"{genre} {n}" for genre, n in self.added.items())
        return f"{self.n_added} training tracks of {self.dataset}" + (f" ({genres})" if by_genre and genres else "")


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """Record of a task: all that is needed to identify and reproduce it.

    Parameters
    ----------
    dataset, source, version : str
        Name of the dataset, its name or path as given by the user, and its version for display.
    split : str
    split_seed : int
    split_source : str
        As in `Split`.
    fingerprint : str
    excerpt : str
        "whole" or seconds.
    excerpt_slack : float
        As in `Excerpt`; 0 in runs of version 0.1.0.
    n_training, n_validation, n_test : int
        Number of tracks, summed over the folds.
    n_folds, n_excluded : int
    excluded : tuple of Exclusion
    genres : tuple of str
        In column order.
    training_counts : tuple of tuple of int
        For each fold, the number of training tracks of each genre.
    shared_artists : int or None
        As in `Task`.
    extra_training : ExtraTrainingRecord or None
    synthetic : bool
    segments : {"together", "apart"}
        As in `Task`; "apart" for runs of 0.1.0, which inferred no recordings.
    warnings : tuple of str
        What a reader of the scores should know about the data and the split.
    reading : str
        As in `Task`.
    """

    dataset: str
    source: str = ""
    version: str = ""
    split: str
    split_seed: int = 0
    split_source: str = ""
    fingerprint: str
    excerpt: str = "30"
    excerpt_slack: float = 0.0
    n_training: int = 0
    n_validation: int = 0
    n_test: int = 0
    n_folds: int = 1
    n_excluded: int = 0
    excluded: tuple[Exclusion, ...] = ()
    genres: tuple[str, ...]
    training_counts: tuple[tuple[int, ...], ...] = ()
    shared_artists: int | None = None
    extra_training: ExtraTrainingRecord | None = None
    synthetic: bool = False
    segments: str = "apart"
    warnings: tuple[str, ...] = ()
    reading: str = ""

    @classmethod
    def of(cls, task: Task) -> TaskRecord:
        """Create the record of a task."""
        folds = task.split.folds
        genre_of = {track.id: track.genre for track in task.dataset.tracks}

        def counts(ids: Iterable[str]) -> tuple[int, ...]:
            tally = dict.fromkeys(task.genres, 0)
            for id_ in ids:
                tally[genre_of[id_]] += 1
            return tuple(tally.values())

        return cls(
            dataset=task.dataset.name,
            source=without_home(task.source or task.dataset.name),
            version=task.dataset.version,
            split=task.split.name,
            split_seed=task.split.seed,
            split_source=without_home(task.split.source),
            fingerprint=task.fingerprint,
            excerpt=str(task.excerpt),
            excerpt_slack=task.excerpt.slack,
            **{f"n_{part}": sum(len(getattr(fold, part)) for fold in folds) for part in PARTS},
            n_folds=len(folds),
            n_excluded=len(task.excluded),
            excluded=task.excluded,
            genres=task.genres,
            training_counts=tuple(counts(fold.training) for fold in folds),
            shared_artists=task.shared_artists,
            extra_training=None if task.extra is None else ExtraTrainingRecord.of(task.extra),
            synthetic=task.dataset.synthetic,
            segments=task.segments,
            warnings=task.split.warnings,
            reading=task.reading,
        )

    @property
    def training_frequencies(self) -> tuple[tuple[float, ...], ...] | None:
        """For each fold, the frequency of each genre in the training part; None if the counts aren't known."""
        counts = self.training_counts
        if not counts or not all(len(of_fold) == len(self.genres) and any(of_fold) for of_fold in counts):
            return None
        return tuple(tuple(n / sum(of_fold) for n in of_fold) for of_fold in counts)

    @property
    def split_file(self) -> str | None:
        """The file that the split was read from; None for all other splits."""
        return self.split_source if self.split.startswith(FILE_SPLIT) else None

    @property
    def dataset_title(self) -> str:
        """Label for display of the dataset, which marks synthetic music: "demo (synthetic music)"."""
        return f"{self.dataset} (synthetic music)" if self.synthetic else self.dataset

    @property
    def counts(self) -> str:
        """Label for display of the number of tracks in each part, of a fold on average where there are several."""
        if self.n_folds == 1:
            return f"{self.n_training} training, {self.n_validation} validation, {self.n_test} test tracks"
        training, validation = (round(n / self.n_folds) for n in (self.n_training, self.n_validation))
        each = f"each with about {training} training, {validation} validation tracks"
        return f"{self.n_test} test tracks in {self.n_folds} folds, {each}"

    @property
    def split_title(self) -> str:
        """Label for display of the split and extra training tracks: "official + 64 training tracks of fma-large"."""
        return self.split if self.extra_training is None else f"{self.split} + {self.extra_training.text()}"

    def summary(self) -> dict[str, Any]:
        """The record in JSON types, without values per track or per fold; boards show this."""
        shown: dict[str, Any] = plain(self)
        del shown["excluded"], shown["training_counts"]
        if shown["extra_training"] is not None:
            del shown["extra_training"]["ids"]
        return shown


Origin = Literal["plugin", "imported", "object", "file"]
"""Origin of a model: an installed plugin, imported predictions, an object in a Python session, or a file such as ./model.py."""


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """Record of a model, its version and its options.

    Parameters
    ----------
    name : str
    plugin, version : str
        Distribution that provides the model, and its version.
    options : mapping
        All options, in JSON types.
    changed : mapping
        The options that differ from their defaults.
    calibrated : bool
        Whether the probabilities were calibrated with a temperature fitted on the validation tracks.
    feature_source : str or None
        Source of the features.
    origin : {"plugin", "imported", "object", "file"}
        See `Origin`.
    trained_on : tuple of str
        Data sets that the model had seen before its training part, as its plugin says.
    file : str or None
        Path of a model in one file, with ~ for the home folder; its version is the hash of its content.
    """

    name: str
    plugin: str
    version: str
    options: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, Any] = field(default_factory=dict)
    calibrated: bool = False
    feature_source: str | None = None
    origin: Origin = "plugin"
    trained_on: tuple[str, ...] = ()
    file: str | None = None

    @classmethod
    def of(cls, model: HostedModel, *, calibrate: bool = False, feature_source: str | None = None) -> ModelRecord:
        """Create the record of a model."""
        return cls(
            name=model.name,
            plugin=model.plugin.distribution,
            version=model.plugin.version,
            options=model.option_values,
            changed=model.changed,
            calibrated=calibrate,
            feature_source=feature_source,
            origin=model.origin,
            trained_on=model.trained_on,
            file=model.plugin.file,
        )

    def same_model(self, other: ModelRecord) -> bool:
        """Whether both have the same model, version and options."""
        mine, theirs = (replace(one, feature_source=None, trained_on=(), file=None) for one in (self, other))
        return mine == theirs


@dataclass(frozen=True, kw_only=True)
class PredictionsRecord:
    """Record of predictions.csv.

    Parameters
    ----------
    sha256 : str
        Checksum of the file.
    rows : int
        Number of test tracks.
    test_counts : tuple of tuple of int
        For each fold, the number of test tracks of each genre.
    """

    sha256: str
    rows: int
    test_counts: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Run:
    """Record of a run.

    Parameters
    ----------
    id : str
    status : {"running", "finished", "failed", "interrupted"}
    task : TaskRecord
    model : ModelRecord
    seed : int
    metrics : mapping of str to (float or None), or None
        None until the run is scored.
    timings : mapping of str to float
        inputs_s, fit_s and predict_s, in seconds.
    peak_rss_mb : float or None
        In 10^6 bytes.
    environment : mapping of str to str
        Versions of packages and system; see `genrebench.environment`.
    facts : mapping
        Facts recorded by the model and the host, in JSON types.
    started : str
        ISO 8601, UTC.
    error : str or None
        Why the run isn't finished.
    metrics_version : int
        Version of the built-in metrics with which it was scored.
    predictions : PredictionsRecord or None
    lab : str
        Whose run it is, for one that was imported from a bundle; empty for one's own.
    """

    id: str
    status: Status
    task: TaskRecord
    model: ModelRecord
    seed: int
    metrics: Mapping[str, float | None] | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    peak_rss_mb: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    started: str = ""
    error: str | None = None
    metrics_version: int = 0
    predictions: PredictionsRecord | None = None
    lab: str = ""

    @property
    def device(self) -> str | None:
        """The device of the model, if recorded."""
        device = self.facts.get("device")
        return device if isinstance(device, str) else None

    @property
    def parameters(self) -> int | None:
        """Number of the model's parameters, if recorded."""
        parameters = self.facts.get("parameters")
        return parameters if isinstance(parameters, int) else None

    @property
    def temperatures(self) -> tuple[float, ...] | None:
        """Temperature that fits the validation tracks of each fold best, if recorded and valid."""
        recorded = self.facts.get("temperature_scaling")
        if not isinstance(recorded, Mapping):
            return None
        temperatures, *losses = (recorded.get(name) for name in ("temperatures", "log_loss", "log_loss_scaled"))
        if not isinstance(temperatures, list) or not all(isinstance(loss, float) for loss in losses):
            return None
        if len(temperatures) != self.task.n_folds or not all(map(is_temperature, temperatures)):
            return None
        return tuple(temperatures)

    @property
    def has_scores(self) -> bool:
        """Whether the run is finished and has test tracks; a run on the challenge split has none."""
        return self.status == "finished" and self.predictions is not None and self.predictions.rows > 0

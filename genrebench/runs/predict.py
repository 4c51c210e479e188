"""Predictions of finished runs for audio files that belong to no dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import AudioError, StoreError, UsageError
from genrebench.evaluation import calibration
from genrebench.inputs import prepare_usable
from genrebench.plugin.contract import ModelSpec, Timeline
from genrebench.plugin.hosted import BuiltModel, HostedModel
from genrebench.plugin.inputs import Clip, Prepared
from genrebench.plugin.registry import Registered
from genrebench.plugin.trained import registered_model_of, require_compatible
from genrebench.reading import parse_json, read_within, require_inside, require_ordinary_files
from genrebench.records import Excerpt
from genrebench.runs.file_predictions import FilePrediction, FilePredictions
from genrebench.runs.model_files import require_named
from genrebench.runs.record import Run
from genrebench.runs.recorder import COLUMNS, MODEL, MODEL_ERROR, model_folders
from genrebench.runs.store import RunStore
from genrebench.session import Session

MAX_COLUMNS_FILE = 64 * 2**20
MAX_LEVELS = 10
"""Largest size of the list of a model's columns, in bytes, and of the names of one of them."""


def predict(
    run: Run,
    store: RunStore,
    paths: Sequence[Path],
    session: Session,
    *,
    timeline: bool = False,
    registered: Registered[ModelSpec] | None = None,
) -> FilePredictions:
    """Classify audio files with a finished run's model; a k-fold run predicts the mean over its folds' models.

    Parameters
    ----------
    run : Run
    store : RunStore
        Where the run is kept.
    paths : sequence of Path
    session : Session
    timeline : bool
        Also give the probabilities along each file.
    registered : Registered of ModelSpec, optional
        The run's model, if it isn't an installed one.

    Returns
    -------
    FilePredictions
        One per file, in the order of `paths`; undecodable and silent files get the training prior and say so.

    Raises
    ------
    UsageError
        If the run hasn't finished, its model isn't installed, saw features that audio can't give, or has no timeline.
    """
    model = fitted_model(run, session, registered)
    if timeline:
        model.require_timeline()
    if (run.model.feature_source or "").startswith("given"):
        session.say(
            f"warning: {run.id} was fitted on features that came with its dataset; those of your files are computed from audio "
            "and may differ. Where the model has the option, a run with --set source=extract has no such gap"
        )
    excerpt = replace(Excerpt.parse(run.task.excerpt), slack=run.task.excerpt_slack)  # as the model saw its training tracks
    folder = store.folder(run.id)
    require_model(run, folder)
    prepared, problems = _prepare(paths, folder, model.input, excerpt, session)
    prior, genres = training_prior(run), run.task.genres
    predictions = {path: FilePrediction(path, prior, genres, problem) for path, problem in problems.items()}
    if prepared is not None:
        good = [path for path in paths if path not in problems]
        models = load_models(run, folder, model, prepared, session)
        by_model = [
            calibration.apply_temperature(built.predict(prepared.inputs), temperature)
            for built, temperature in zip(models, _temperatures(run), strict=True)
        ]
        lines = _mean_timelines([m.timelines(prepared.inputs) for m in models]) if timeline else [None] * len(good)
        for path, row, line in zip(good, np.mean(by_model, axis=0), lines, strict=True):
            predictions[path] = FilePrediction(path, row, genres, None, line and _in_file(line, path, excerpt))
    return FilePredictions([predictions[path] for path in paths], genres)


def fitted_model(run: Run, session: Session, registered: Registered[ModelSpec] | None = None) -> HostedModel:
    """Return the model that a finished run has fitted.

    Parameters
    ----------
    run : Run
    session : Session
    registered : Registered of ModelSpec, optional
        The model, if it isn't an installed one.

    Raises
    ------
    UsageError
        If the run has no fitted model, its model isn't installed or no longer has the run's options, or `registered` is
        another model than the run's.
    """
    if run.model.origin == "imported":
        raise UsageError(f"the predictions of {run.id} were made outside genrebench, so it has no fitted model")
    if run.status != "finished":
        raise UsageError(
            f"the status of run {run.id} is {run.status}, but only finished runs can predict; "
            "list the runs with 'genrebench runs list'"
        )
    if run.model.origin == "object" and registered is None:
        raise UsageError(
            f"the model of {run.id} was an object in a Python session; pass it to gb.predict as model, or make it a plugin"
        )
    trained = run.model
    if registered is None:
        require_named(run.id, trained.file)
        registered = registered_model_of(run.id, trained.name, trained.plugin, session.registry, trained.file)
    require_compatible(run.id, registered, trained.version, session.say, trained.plugin)
    model = HostedModel(registered, trained.options)
    # options that the plugin got since then have their defaults, which are what it did before
    if {name: model.option_values.get(name) for name in run.model.options} != dict(run.model.options):
        raise UsageError(
            f"{run.id} has fitted {run.model.options}, not {model.option_values}; pass the model that it was run with"
        )
    return model


def require_model(run: Run, folder: Path) -> None:
    """Check that a run has fitted models, and that a plugin can read their files: they may come from a stranger.

    Raises
    ------
    StoreError
        If a model isn't there, or something in its folder is no ordinary file or leads out of the folder.
    """
    if not all(place.is_dir() for place in model_folders(folder, run.task.n_folds)):
        reason = f" ({run.facts[MODEL_ERROR]!s:.300})" if MODEL_ERROR in run.facts else ""
        raise StoreError(f"run {run.id} has no fitted model{reason}; repeat it with 'genrebench run {run.model.name}'")
    try:
        require_inside(folder / MODEL, folder)
        require_ordinary_files(folder / MODEL)
    except (OSError, ValueError) as error:
        raise StoreError(f"the model in {folder / 'model'} isn't read: {error}; get the run again from where it came") from None


def load_models(run: Run, folder: Path, model: HostedModel, prepared: Prepared, session: Session) -> list[BuiltModel]:
    """Load the fitted model of each fold of a finished run from the run's folder.

    Raises
    ------
    StoreError
        As in `require_model`.
    """
    require_model(run, folder)
    context = session.context(run.task.genres, seed=run.seed, columns=prepared.columns)
    return [model.build(context).load(place) for place in model_folders(folder, run.task.n_folds)]


def training_prior(run: Run) -> NDArray[np.float64]:
    """Frequencies of the genres in a run's training part (mean over its folds), shape (n_genres,).

    Raises
    ------
    StoreError
        If the record has no valid counts.
    """
    frequencies = run.task.training_frequencies
    if frequencies is None or len(frequencies) != run.task.n_folds:
        raise StoreError(
            f"the record of run {run.id} is damaged (its training counts don't match its genres and folds); repeat the run"
        )
    prior: NDArray[np.float64] = np.array(frequencies).mean(axis=0)
    return prior


def _prepare(
    paths: Sequence[Path], folder: Path, requested: Any, excerpt: Excerpt, session: Session
) -> tuple[Prepared | None, dict[Path, str]]:
    """Inputs as the model saw them, of the files that can be decoded and aren't silent; why not, for the others."""
    problems = {path: problem for path in paths if (problem := _unreadable(path, excerpt))}
    readable = [path for path in paths if path not in problems]
    hashes = audio.content_hashes(readable, audio.hash_cache(session.home))
    clips = [Clip(str(path), path, content) for path, content in zip(readable, hashes, strict=True)]
    columns = _columns(folder)
    context = session.input_context(excerpt)
    prepared, unusable = prepare_usable(requested, clips, context, session.registry, columns)
    if prepared is not None and prepared.columns and not columns:
        raise _no_columns(folder)
    return prepared, problems | {clip.path: unusable[clip.id] for clip in clips if clip.id in unusable}


def _unreadable(path: Path, excerpt: Excerpt) -> str | None:
    """Why a file can't be hashed: it is missing, not a regular file (reading a pipe would wait forever), or unreadable."""
    if os.path.isfile(path) and os.access(path, os.R_OK):  # noqa: PTH113, False for a name that is too long
        return None
    try:
        audio.read(path, excerpt)
    except AudioError as error:
        return error.reason(path)
    return None


def _columns(folder: Path) -> tuple[tuple[str, ...], ...]:
    """Columns of the table that the model saw, in their order; none if it saw no table."""
    if not os.path.lexists(folder / "model" / COLUMNS):
        return ()
    try:
        columns = parse_json(read_within(folder, Path(MODEL, COLUMNS), MAX_COLUMNS_FILE))
    except (OSError, ValueError):
        columns = None
    if not isinstance(columns, list) or not all(
        isinstance(column, list) and 0 < len(column) <= MAX_LEVELS and all(isinstance(name, str) for name in column)
        for column in columns
    ):
        raise _no_columns(folder)
    return tuple(map(tuple, columns))


def _no_columns(folder: Path) -> StoreError:
    return StoreError(f"{folder} doesn't say which columns the model saw; repeat the run")


def _temperatures(run: Run) -> Sequence[float]:
    """Temperature of each fold's model: 1 unless the run was calibrated."""
    if not run.model.calibrated:
        return [1.0] * run.task.n_folds
    if run.temperatures is None:
        raise StoreError(f"the record of run {run.id} is damaged (it has no temperature for each of its folds); repeat the run")
    return run.temperatures


def _in_file(line: Timeline, path: Path, excerpt: Excerpt) -> Timeline:
    """A timeline in seconds of the file, of which the model has seen an excerpt."""
    start, _, rate = audio.bounds(path, excerpt)
    return Timeline(line.seconds + start / rate, line.probabilities)


def _mean_timelines(by_model: Sequence[Sequence[Timeline]]) -> list[Timeline]:
    return [
        Timeline(same_file[0].seconds, np.mean([line.probabilities for line in same_file], axis=0))
        for same_file in zip(*by_model, strict=True)
    ]

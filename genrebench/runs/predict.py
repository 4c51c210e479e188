"""Predictions of finished runs for audio files that no split knows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation import calibration
from genrebench import audio
from genrebench.runs.predictions import blame, checked, owner_of
from genrebench.plugin.contract import Clip, Context, FeatureTable, Inputs, Model, ModelSpec, Prepared, Timeline
from genrebench.errors import AudioError, PluginError, StoreError, UsageError
from genrebench.inputs import prepare_clips
from genrebench.plugin.options import parse_options
from genrebench.plugin.registry import Registered, Registry
from genrebench.session import Session
from genrebench.records import Excerpt, Run
from genrebench.runs.store import RunStore

SILENCE = 10 ** (-80 / 20)
"""A clip whose largest sample is below this, -80 dB of full scale, holds no music."""


@dataclass(frozen=True)
class Answer:
    """What a run says of one file.

    Parameters
    ----------
    path : Path
    probabilities : ndarray of shape (n_genres,)
        The training prior where the file holds nothing to go by.
    problem : str or None
        Why the training prior stands in.
    timeline : Timeline or None
        Probabilities along the excerpt that the model has seen, in seconds of the file, where they were asked for.
    """

    path: Path
    probabilities: NDArray[np.float64]
    problem: str | None = None
    timeline: Timeline | None = None


def predict(
    run: Run,
    store: RunStore,
    registry: Registry,
    paths: Sequence[Path],
    session: Session,
    *,
    timeline: bool = False,
) -> list[Answer]:
    """Let a finished run's model classify audio files; a k-fold run answers with the mean of its folds' models.

    Parameters
    ----------
    run : Run
    store : RunStore
        Where the run is kept.
    registry : Registry
    paths : sequence of Path
    session : Session
    timeline : bool
        Also give the probabilities along each file.

    Returns
    -------
    list of Answer
        One a file, in the order of `paths`; undecodable and silent files get the training prior and say so.

    Raises
    ------
    UsageError
        If the run hasn't finished, its model isn't installed, saw features that audio can't give, or has no timeline.
    """
    if run.model.get("plugin") == "external":
        raise UsageError(f"the predictions of {run.id} were made outside genrebench, so it has no model to ask")
    if run.status != "finished":
        raise UsageError(f"run {run.id} is {run.status}; only a finished run predicts, see 'genrebench runs list'")
    offer = registry.model(str(run.model["name"]))
    options = parse_options(offer.spec.name, offer.spec.options, run.model["options"])
    if timeline and not _has_timeline(offer, run, options):
        raise UsageError(f"{offer.spec.name} gives no timeline; leave out --timeline")
    if str(run.model.get("feature_source") or "").startswith("given"):
        session.say(
            f"warning: {run.id} was fitted on features that came with its dataset; those of your files come from audio and "
            "may differ. Where the model has the option, a run with --set source=extract has no such gap"
        )
    excerpt = Excerpt(None if run.task["excerpt"] == "whole" else float(run.task["excerpt"]))
    problems = _problems(paths, excerpt, session)
    good = [path for path in paths if path not in problems]
    prior = training_prior(run)
    answers = {path: Answer(path, prior, problem) for path, problem in problems.items()}
    if good:
        folder = store.folder(run.id) / "model"
        prepared = _prepare(good, folder, blame(offer, "inputs", lambda: offer.spec.inputs(options)), excerpt, session)
        models = load_models(run, folder, offer, options, prepared, session)
        softer = _temperatures(run, len(models))
        each = [
            calibration.apply_temperature(ask(offer, m, prepared.inputs, len(prior)), t)
            for m, t in zip(models, softer, strict=True)
        ]
        lines = _mean_timelines([_timeline(offer, m, prepared, len(prior)) for m in models]) if timeline else [None] * len(good)
        for path, row, line in zip(good, np.mean(each, axis=0), lines, strict=True):
            answers[path] = Answer(path, row, None, line and _in_file(line, path, excerpt))
    return [answers[path] for path in paths]


def training_prior(run: Run) -> NDArray[np.float64]:
    """Frequencies of the genres in a run's training part (mean over its folds), shape (n_genres,)."""
    counts = np.array(run.task["training_counts"], dtype=np.float64)
    prior: NDArray[np.float64] = (counts / counts.sum(axis=1, keepdims=True)).mean(axis=0)
    return prior


def load_models(
    run: Run, folder: Path, offer: Registered[ModelSpec], options: Any, prepared: Prepared, session: Session
) -> list[Model]:
    """Load the fitted model of each fold of a finished run from `folder`, the run's folder "model".

    Raises
    ------
    StoreError
        If a model isn't there.
    """
    n_folds = int(run.task.get("n_folds", 1))
    folders = [folder] if n_folds == 1 else [folder / f"fold-{i}" for i in range(n_folds)]
    context = Context(
        genres=tuple(run.task["genres"]),
        seed=run.seed,
        device=session.device,
        workers=session.workers,
        columns=prepared.columns,
        progress=session.progress,
    )
    models = []
    for place in folders:
        if not place.is_dir():
            raise StoreError(f"run {run.id} has no fitted model; repeat it with 'genrebench run {run.model['name']}'")
        model: Model = blame(offer, "build", lambda: offer.spec.build(context, options))
        blame(offer, "load", lambda: model.load(place))  # noqa: B023 - called at once
        models.append(model)
    return models


def _has_timeline(offer: Registered[ModelSpec], run: Run, options: Any) -> bool:
    context = Context(genres=tuple(run.task["genres"]), device="cpu")
    model = blame(offer, "build", lambda: offer.spec.build(context, options))
    return type(model).predict_timeline is not Model.predict_timeline


def ask(offer: Registered[ModelSpec], model: Model, inputs: Inputs, n_genres: int) -> NDArray[np.float64]:
    """Let a model answer, check the answer, and blame its plugin for what goes wrong."""
    answer = blame(offer, "predict_proba", lambda: model.predict_proba(inputs))
    return checked(answer, len(inputs), n_genres, owner_of(offer))


def _timeline(offer: Registered[ModelSpec], model: Model, prepared: Prepared, n_genres: int) -> list[Timeline]:
    lines: list[Timeline] = blame(offer, "predict_timeline", lambda: model.predict_timeline(prepared.inputs))
    if len(lines) != len(prepared.inputs):
        raise PluginError(f"{owner_of(offer)}: predict_timeline gave {len(lines)} timelines for {len(prepared.inputs)} files")
    return [Timeline(line.seconds, checked(line.probabilities, len(line.seconds), n_genres, owner_of(offer))) for line in lines]


def _prepare(paths: Sequence[Path], folder: Path, wanted: Any, excerpt: Excerpt, session: Session) -> Prepared:
    """Make the inputs that the model saw, with the same columns in the same order where it saw a table."""
    hashes = audio.content_hashes(list(paths), session.home / "audio-hashes.json")
    clips = [Clip(str(path), path, content) for path, content in zip(paths, hashes, strict=True)]
    context = session.context(excerpt)
    columns: tuple[tuple[str, ...], ...] = ()
    if isinstance(wanted, FeatureTable):
        try:
            columns = tuple(tuple(column) for column in json.loads((folder / "columns.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            raise StoreError(f"{folder} doesn't say which columns the model saw; repeat the run") from None
    return prepare_clips(wanted, clips, context, session.input_specs, columns)


def _problems(paths: Sequence[Path], excerpt: Excerpt, session: Session) -> dict[Path, str]:
    """Files that hold nothing to go by, with the reason."""
    import joblib

    jobs = (joblib.delayed(_problem)(path, excerpt) for path in paths)
    pool = joblib.Parallel(n_jobs=min(session.workers, max(1, len(paths) // 8)), return_as="generator")
    found = session.progress(pool(jobs), "listening", len(paths))
    return {path: problem for path, problem in zip(paths, found, strict=True) if problem}


def _problem(path: Path, excerpt: Excerpt) -> str | None:
    try:
        samples, _ = audio.read(path, excerpt)
    except AudioError as error:
        return error.reason(path)
    return "silent" if np.abs(samples).max() < SILENCE else None


def _temperatures(run: Run, n_models: int) -> list[float]:
    """Temperature of each fold's model: 1 unless the run was calibrated."""
    if not run.model.get("calibrated"):
        return [1.0] * n_models
    return [float(t) for t in run.facts["temperature_scaling"]["temperatures"]]


def _in_file(line: Timeline, path: Path, excerpt: Excerpt) -> Timeline:
    """A timeline in seconds of the file, of which the model has seen an excerpt."""
    start, _, rate = audio.bounds(path, excerpt)
    return Timeline(line.seconds + start / rate, line.probabilities)


def _mean_timelines(by_model: Sequence[Sequence[Timeline]]) -> list[Timeline]:
    return [
        Timeline(same_file[0].seconds, np.mean([line.probabilities for line in same_file], axis=0))
        for same_file in zip(*by_model, strict=True)
    ]

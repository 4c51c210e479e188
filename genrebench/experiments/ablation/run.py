"""Ablation of a finished run: its models predict the unchanged and the changed test tracks."""

from __future__ import annotations

from collections.abc import Sequence

from genrebench.boards.baselines import baselines
from genrebench.errors import PluginError, UsageError
from genrebench.experiments.ablation.ablate import SECONDS, Part, ablate, check_lengths, time_axis
from genrebench.experiments.ablation.conditions import Reference
from genrebench.experiments.ablation.outcome import Ablation
from genrebench.plugin.lazy import LazyInputs
from genrebench.runs.examples import TaskExamples
from genrebench.runs.job import Job
from genrebench.runs.predict import load_models
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.session import Session


def check_ablation(job: Job, session: Session, seconds: Sequence[float]) -> None:
    """Check before anything runs that an ablation of a job is possible.

    Raises
    ------
    UsageError
        If the model's input has no temporal order, the split has no test tracks, or a length isn't a number above 0.
    """
    time_axis(job.model.input, session.registry)
    check_lengths(seconds)
    if not any(fold.test for fold in job.task.split.folds):
        raise UsageError(
            f"the split {job.task.split.name!r} of {job.task.dataset.name} has no test tracks; choose another --split"
        )


def ablate_run(
    run: Run, job: Job, store: RunStore, session: Session, *, seconds: Sequence[float] = SECONDS, seed: int = 0
) -> Ablation:
    """Score a finished run's models on their test tracks in order, shuffled, reversed and shortened.

    Parameters
    ----------
    run : Run
        A finished run of `job`.
    job : Job
        One that `check_ablation` accepts.
    store : RunStore
        The store of the run.
    session : Session
    seconds, seed
        As in `genrebench.experiments.ablation.ablate.ablate`.

    Returns
    -------
    Ablation
        With the baselines as references.
    """
    examples = TaskExamples.prepare(job, session)
    models = load_models(run, store.folder(run.id), job.model, examples.prepared, session)
    parts = []
    for fold, model in zip(job.task.split.folds, models, strict=True):
        if not fold.test:
            continue
        test = examples(fold.test)
        if not isinstance(test.inputs, LazyInputs):
            raise PluginError(
                f"the input {type(job.model.input).__name__} has a frame rate, but is a table, which has no time axis"
            )
        parts.append(Part(model.predict, test.inputs, test.labels, examples.artists(fold.test)))
    references = [
        Reference(name, *(scored.scores[score] for score in ("log_loss", "f1_micro", "f1_macro")))
        for name, scored in baselines(run.task, store.scored(run)).items()
    ]
    return ablate(
        parts,
        job.model.input,
        run=run,
        seconds=seconds,
        seed=seed,
        references=references,
        registry=session.registry,
    )

"""Ablating a finished run: its models predict its test tracks again, as they are and changed."""

from __future__ import annotations

from collections.abc import Sequence

from genrebench.boards.baselines import baselines
from genrebench.errors import UsageError
from genrebench.experiments.ablation.ablate import SECONDS, Part, ablate, check_lengths, order_of
from genrebench.experiments.ablation.conditions import Reference
from genrebench.experiments.ablation.outcome import Ablation
from genrebench.plugin.lazy import LazyInputs
from genrebench.runs.examples import TaskExamples
from genrebench.runs.job import Job
from genrebench.runs.predict import load_models
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.session import Session


def refuse_unfit(job: Job, seconds: Sequence[float]) -> None:
    """Refuse what can't be ablated, before anything runs.

    Raises
    ------
    UsageError
        If the model's input has no order in time, the split tests nothing, or a length isn't a number above 0.
    """
    order_of(job.model.input)
    check_lengths(seconds)
    if not any(fold.test for fold in job.task.split.folds):
        raise UsageError(
            f"the split {job.task.split.name!r} of {job.task.dataset.name} has no test tracks to ablate; choose another --split"
        )


def ablate_run(
    run: Run, job: Job, store: RunStore, session: Session, *, seconds: Sequence[float] = SECONDS, seed: int = 0
) -> Ablation:
    """Score a finished run's models on their test tracks in order, shuffled, reversed and cut short.

    Parameters
    ----------
    run : Run
        A finished run of `job`.
    job : Job
    store : RunStore
        Where the run is kept.
    session : Session
    seconds, seed
        As in `genrebench.experiments.ablation.ablate.ablate`.

    Returns
    -------
    Ablation
        With the baselines as references.
    """
    refuse_unfit(job, seconds)
    examples = TaskExamples.prepare(job, session)
    models = load_models(run, store.folder(run.id), job.model, examples.prepared, session)
    parts = []
    for fold, model in zip(job.task.split.folds, models, strict=True):
        if not fold.test:
            continue
        test = examples(fold.test)
        assert isinstance(test.inputs, LazyInputs)  # noqa: S101 - frames and waveforms are
        parts.append(Part(model.predict, test.inputs, test.labels, examples.artists(fold.test)))
    references = [
        Reference(name, *(scored.scores[score] for score in ("log_loss", "f1_micro", "f1_macro")))
        for name, scored in baselines(run.task, store.scored(run)).items()
    ]
    return ablate(parts, job.model.input, run=run, seconds=seconds, seed=seed, references=references)

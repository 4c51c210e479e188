"""Ablation of a finished run: its models predict the unchanged and the changed test tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from genrebench.boards.baselines import baselines
from genrebench.errors import PluginError, UsageError
from genrebench.experiments.ablation.ablate import SECONDS, Part, ablate, check_lengths, time_axis
from genrebench.experiments.ablation.conditions import Reference
from genrebench.experiments.ablation.outcome import Ablation
from genrebench.plugin.inputs import Prepared
from genrebench.plugin.lazy import LazyInputs
from genrebench.progress import no_progress
from genrebench.runs.examples import TaskExamples
from genrebench.runs.job import Job
from genrebench.runs.predict import load_models
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.workers import in_processes


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
    parts, numbers = [], []
    for number, (fold, model) in enumerate(zip(job.task.split.folds, models, strict=True)):
        if not fold.test:
            continue
        numbers.append(number)
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
        predict_all=None if session.cluster is None else partial(_on_cluster, _Models(run, job, store, session), numbers),
    )


@dataclass(frozen=True)
class _Models:
    """The models of a run, for the workers of a cluster.

    Parameters
    ----------
    run : Run
    job : Job
    store : RunStore
    session : Session
    """

    run: Run
    job: Job
    store: RunStore
    session: Session

    def predict(self, number: int, inputs: LazyInputs) -> NDArray[np.float64]:
        """Probabilities by the model of a fold."""
        folder = self.store.folder(self.run.id)
        return load_models(self.run, folder, self.job.model, Prepared(inputs), self.session)[number].predict(inputs)


def _on_cluster(models: _Models, numbers: Sequence[int], calls: Sequence[tuple[int, LazyInputs]]) -> list[NDArray[np.float64]]:
    """Predict with the models of the folds `numbers` on the workers of a cluster, as `ablate` asks for."""
    assert models.session.cluster is not None  # noqa: S101 - the caller's condition
    alone = replace(
        models.session, cluster=None, workers=models.session.cluster.threads, progress=no_progress, say=_say_nothing
    )
    packed = [
        (place, cloudpickle.dumps((replace(models, session=alone), numbers[part], inputs)))
        for place, (part, inputs) in enumerate(calls)
    ]
    with models.session.cluster.used(gpu=models.session.device.startswith("cuda")):
        found = dict(in_processes(_predicted, packed, models.session.workers, batch_size=1))
    return [found[place] for place in range(len(packed))]


def _predicted(place: int, packed: bytes) -> tuple[int, NDArray[np.float64]]:
    models, number, inputs = cloudpickle.loads(packed)
    return place, models.predict(number, inputs)


def _say_nothing(_: str) -> None:
    pass

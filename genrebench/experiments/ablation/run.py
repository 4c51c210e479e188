"""A finished run's models, asked again: its test tracks as they are, and changed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.boards.baselines import baselines
from genrebench.errors import UsageError
from genrebench.experiments.ablation import ablate as ablation
from genrebench.experiments.ablation.outcome import Ablation, Reference
from genrebench.plugin.contract import LazyInputs, ModelSpec
from genrebench.plugin.registry import Registered
from genrebench.records import Run, Task
from genrebench.runs.predict import ask, load_models
from genrebench.runs.predictions import blame
from genrebench.runs.runner import TaskExamples, prepare_inputs
from genrebench.runs.store import RunStore
from genrebench.session import Session


def refuse_unfit(task: Task, offer: Registered[ModelSpec], options: Any, seconds: Sequence[float]) -> None:
    """Refuse what can't be ablated, before anything runs.

    Raises
    ------
    UsageError
        If the model's input has no order in time, the split tests nothing, or a length isn't a number above 0.
    """
    blame(offer, "inputs", lambda: ablation.order_of(offer.spec.inputs(options)))
    ablation.check_lengths(seconds)
    if not any(fold.test for fold in task.split.folds):
        raise UsageError(
            f"the split {task.split.name!r} of {task.dataset.name} has no test tracks to ablate; choose another --split"
        )


def ablate_run(
    run: Run,
    task: Task,
    offer: Registered[ModelSpec],
    options: Any,
    store: RunStore,
    session: Session,
    *,
    seconds: Sequence[float] = ablation.SECONDS,
    seed: int = 0,
) -> Ablation:
    """Score a finished run's models on their test tracks in order, shuffled, reversed and cut short.

    Parameters
    ----------
    run : Run
        Finished, on `task`, of `offer` with `options`.
    task, offer, options, store, session
        As in `genrebench.runs.runner.run`.
    seconds, seed
        As in `genrebench.experiments.ablation.ablate.ablate`.

    Returns
    -------
    Ablation
        With the rows that know no music as references.
    """
    refuse_unfit(task, offer, options, seconds)
    wanted = blame(offer, "inputs", lambda: offer.spec.inputs(options))
    prepared = prepare_inputs(task, wanted, session)
    examples = TaskExamples(task, prepared)
    folder: Path = store.folder(run.id) / "model"
    known = {track.id: track.artist is not None for track in task.dataset.tracks}
    parts = []
    for fold, model in zip(task.split.folds, load_models(run, folder, offer, options, prepared, session), strict=True):
        if not fold.test:
            continue
        test = examples(fold.test)
        assert isinstance(test.inputs, LazyInputs)  # noqa: S101 - frames and waveforms are
        groups = np.where([known[id_] for id_ in fold.test], test.groups, -1).astype(np.int64)
        parts.append(ablation.Part(partial(ask, offer, model, n_genres=len(task.genres)), test.inputs, test.labels, groups))
    references = [
        Reference(name, *(found.scores[score] for score in ("log_loss", "f1_micro", "f1_macro")))
        for name, found in baselines(run.task, store.scored(run)).items()
    ]
    return ablation.ablate(parts, wanted, seconds=seconds, seed=seed, references=references)

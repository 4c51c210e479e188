"""A finished run's models, asked again: its test tracks as they are, and changed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from genrebench import ablation
from genrebench.answers import blame
from genrebench.contract import FeatureTable, LazyInputs, ModelSpec
from genrebench.errors import UsageError
from genrebench.plugins import Offer
from genrebench.predicting import ask, load_models
from genrebench.recorder import Surroundings
from genrebench.records import Run, Task
from genrebench.runner import TaskExamples, prepare_inputs
from genrebench.store import RunStore


def refuse_tables(offer: Offer[ModelSpec], options: Any) -> None:
    """Refuse a model that sees no sequence in time, before anything runs."""
    wanted = blame(offer, "inputs", lambda: offer.spec.inputs(options))
    if isinstance(wanted, FeatureTable):
        raise UsageError(
            f"{offer.spec.name} sees a table of features, which has no order in time; choose a model of frames or waveforms"
        )


def ablate_run(
    run: Run,
    task: Task,
    offer: Offer[ModelSpec],
    options: Any,
    store: RunStore,
    surroundings: Surroundings,
    *,
    seconds: Sequence[float] = ablation.SECONDS,
    seed: int = 0,
) -> ablation.Ablation:
    """Score a finished run's models on their test tracks in order, shuffled, reversed and cut short.

    Parameters
    ----------
    run : Run
        Finished, on `task`, of `offer` with `options`.
    task, offer, options, store, surroundings
        As in `genrebench.runner.run`.
    seconds, seed
        As in `genrebench.ablation.ablate`.
    """
    refuse_tables(offer, options)
    wanted = blame(offer, "inputs", lambda: offer.spec.inputs(options))
    prepared = prepare_inputs(task, wanted, surroundings)
    examples = TaskExamples(task, prepared)
    folder: Path = store.folder(run.id) / "model"
    known = {track.id: track.artist is not None for track in task.dataset.tracks}
    parts = []
    for fold, model in zip(task.split.folds, load_models(run, folder, offer, options, prepared, surroundings), strict=True):
        test = examples(fold.test)
        if not isinstance(test.inputs, LazyInputs):
            raise UsageError(f"{offer.spec.name} sees a table, which has no order in time")
        groups = np.where([known[id_] for id_ in fold.test], test.groups, -1).astype(np.int64)
        parts.append(ablation.Part(partial(ask, offer, model, n_genres=len(task.genres)), test.inputs, test.labels, groups))
    return ablation.ablate(parts, wanted, seconds=seconds, seed=seed)

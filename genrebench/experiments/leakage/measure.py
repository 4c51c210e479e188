"""Run a model without and with the test artists in training, and compare the runs track by track."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genrebench.errors import RunError
from genrebench.evaluation.intervals import (
    CONFIDENCE,
    MIN_UNITS,
    Floats,
    Units,
    mean_error,
    sampling_units,
    t_quantile,
)
from genrebench.evaluation.significance import permutation_interval, permutation_test
from genrebench.experiments.leakage.outcome import Leakage
from genrebench.experiments.leakage.splits import WITH, WITHOUT, leakage_splits
from genrebench.plugin.hosted import HostedModel
from genrebench.records import Task
from genrebench.runs import runner
from genrebench.runs.job import Job
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import retask


def measure(task: Task, model: HostedModel, seeds: Sequence[int], store: RunStore, session: Session) -> Leakage:
    """Measure how much a model gains if the test artists have other tracks in training.

    Parameters
    ----------
    task : Task
        Provides the tracks; the seed of its split decides which artists are tested.
    model : HostedModel
    seeds : sequence of int
        One pair of runs per seed; scores are means over the seeds.
    store : RunStore
        Where the runs are stored; see `folder`.
    session : Session

    Raises
    ------
    RunError
        If a run fails.
    """
    without, with_, n_replaced = leakage_splits(task)
    runs: dict[str, list[Run]] = {WITHOUT: [], WITH: []}
    for split in (without, with_):
        split_task = retask(task, split, session.home)
        for seed in seeds:
            run = runner.run(Job(split_task, model, seed), store, session, resume=True)
            if run.status != "finished":
                raise RunError(f"run {run.id} failed: {run.error}")
            runs[split.name].append(run)
    scored = {name: [store.scored(run) for run in by_seed] for name, by_seed in runs.items()}
    losses = {name: np.mean([one.losses for one in by_seed], axis=0) for name, by_seed in scored.items()}
    hits = {name: np.mean([one.predicted == one.labels for one in by_seed], axis=0) for name, by_seed in scored.items()}
    units = sampling_units(scored[WITHOUT][0].groups)
    loss_gap = losses[WITHOUT] - losses[WITH]
    hit_gap = hits[WITHOUT] - hits[WITH]
    return Leakage(
        without=tuple(runs[WITHOUT]),
        with_=tuple(runs[WITH]),
        n_test=len(without.folds[0].test),
        n_training=len(without.folds[0].training),
        n_replaced=n_replaced,
        log_loss_gap=float(loss_gap.mean()),
        log_loss_interval=permutation_interval(loss_gap, units),
        f1_micro_gap=float(hit_gap.mean()),
        f1_micro_interval=_t_interval(hit_gap, units),
        p_value=float(permutation_test(loss_gap[:, None], units)[0]),
    )


def folder(runs: Path) -> Path:
    """Folder of the pairs of runs, separate from other runs, since one run of each pair leaks on purpose."""
    return runs / ".leakage"


def _t_interval(gaps: Floats, units: Units) -> tuple[float, float]:
    """Student's t interval over the units, for differences that take only a few values."""
    if len(units) < MIN_UNITS:
        return -math.inf, math.inf
    half = t_quantile((1 + CONFIDENCE) / 2, len(units) - 1) * float(mean_error(gaps[:, None], units)[0])
    return float(gaps.mean()) - half, float(gaps.mean()) + half

"""Run a model without and with the test artists in training, and compare the runs track by track."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genrebench.evaluation.intervals import sampling_units, t_interval
from genrebench.evaluation.significance import permutation_interval, permutation_test
from genrebench.experiments.leakage.outcome import Leakage
from genrebench.experiments.leakage.splits import WITH, WITHOUT, leakage_splits
from genrebench.plugin.hosted import HostedModel
from genrebench.records import Task
from genrebench.runs import runner
from genrebench.runs.job import Job
from genrebench.runs.record import Run
from genrebench.runs.scored import mean_hits, mean_losses
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
            runs[split.name].append(runner.finished_run(Job(split_task, model, seed), store, session))
    scored = {name: [store.scored(run) for run in by_seed] for name, by_seed in runs.items()}
    units = sampling_units(scored[WITHOUT][0].groups)
    loss_gap = mean_losses(scored[WITHOUT]) - mean_losses(scored[WITH])
    hit_gap = mean_hits(scored[WITHOUT]) - mean_hits(scored[WITH])
    return Leakage(
        without=tuple(runs[WITHOUT]),
        with_=tuple(runs[WITH]),
        n_test=len(without.folds[0].test),
        n_training=len(without.folds[0].training),
        n_replaced=n_replaced,
        log_loss_gap=float(loss_gap.mean()),
        log_loss_interval=permutation_interval(loss_gap, units),
        f1_micro_gap=float(hit_gap.mean()),
        f1_micro_interval=t_interval(hit_gap, units),
        p_value=float(permutation_test(loss_gap[:, None], units)[0]),
    )


def folder(runs: Path) -> Path:
    """Folder of the pairs of runs, separate from other runs, since one run of each pair leaks on purpose."""
    return runs / ".leakage"

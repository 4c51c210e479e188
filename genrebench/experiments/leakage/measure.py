"""Run a model without and with the test artists in training, and compare the runs track by track."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genrebench.evaluation.differences import Difference, mean_difference
from genrebench.evaluation.intervals import RESAMPLES, Floats, Integers, sampling_units
from genrebench.evaluation.variance import Trainings
from genrebench.experiments.leakage.outcome import Draw, Leakage
from genrebench.experiments.leakage.splits import leakage_splits
from genrebench.plugin.hosted import HostedModel
from genrebench.records import Split, Task
from genrebench.runs.grid import finished_runs
from genrebench.runs.job import Job
from genrebench.runs.record import Run
from genrebench.runs.scored import mean_hits
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.task import retask


def measure(task: Task, model: HostedModel, seeds: Sequence[int], store: RunStore, session: Session, *, draws: int) -> Leakage:
    """Measure how much a model gains if the test artists have other tracks in training.

    Parameters
    ----------
    task : Task
        Provides the tracks; the seed of its split decides which artists are tested in the first draw.
    model : HostedModel
    seeds : sequence of int
        One pair of runs per seed and draw; scores are means over the seeds.
    store : RunStore
        Where the runs are stored; see `folder`.
    session : Session
    draws : int
        How often test artists are drawn, with split seeds that follow on that of the task.

    Raises
    ------
    RunError
        If a run fails.
    """
    splits = [leakage_splits(task, task.split.seed + i) for i in range(draws)]
    tasks = [retask(task, split, session.home) for without, with_, _ in splits for split in (without, with_)]
    runs = finished_runs([Job(one, model, seed) for one in tasks for seed in seeds], store, session)
    measured = []
    for i, (without, _, n_replaced) in enumerate(splits):
        of_draw, runs = runs[: 2 * len(seeds)], runs[2 * len(seeds) :]
        pair = of_draw[: len(seeds)], of_draw[len(seeds) :]
        measured.append(_draw(task.split.seed + i, without, n_replaced, pair, store))
    artist = {track.id: track.artist for track in task.dataset.tracks}
    number = {name: i for i, name in enumerate(sorted({name for name in artist.values() if name is not None}))}
    groups = np.array([number.get(artist[track] or "", -1) for draw in measured for track in draw.test])
    loss, hits = (mean_gap([getattr(draw, values) for draw in measured], groups) for values in ("loss_gaps", "hit_gaps"))
    return Leakage(
        draws=tuple(measured),
        n_artists=len(sampling_units(groups)),
        log_loss_gap=loss.mean,
        log_loss_interval=loss.interval,
        f1_micro_gap=hits.mean,
        f1_micro_interval=hits.interval,
        p_value=loss.p_value,
    )


def mean_gap(by_draw: Sequence[Floats], groups: Integers, *, n: int = RESAMPLES, seed: int = 0) -> Difference:
    """Mean gap over draws of test artists and trainings, with interval and test.

    Parameters
    ----------
    by_draw : sequence of ndarray, each of shape (n_seeds, n_test)
        Gap per training and test track.
    groups : ndarray of int
        Artist of each track of all draws, in the order of the draws.
    n, seed : int
        As in `genrebench.evaluation.differences.mean_difference`.
    """
    # several draws differ by their trainings as well as by their artists
    repeated = by_draw if len(by_draw) > 1 else list(by_draw[0])
    means = [float(np.mean(one)) for one in repeated]
    pooled = np.concatenate([one.mean(axis=0) for one in by_draw])
    return mean_difference(pooled, sampling_units(groups), Trainings.of([means]), n=n, seed=seed)


def _draw(split_seed: int, without: Split, n_replaced: int, runs: tuple[list[Run], list[Run]], store: RunStore) -> Draw:
    runs_without, runs_with = map(tuple, runs)
    pairs = [(store.scored(a), store.scored(b)) for a, b in zip(runs_without, runs_with, strict=True)]
    return Draw(
        split_seed=split_seed,
        without=runs_without,
        with_=runs_with,
        test=tuple(sorted(without.folds[0].test)),
        n_training=len(without.folds[0].training),
        n_replaced=n_replaced,
        loss_gaps=np.stack([a.losses - b.losses for a, b in pairs]),
        hit_gaps=np.stack([mean_hits([a]) - mean_hits([b]) for a, b in pairs]),
    )


def folder(runs: Path) -> Path:
    """Folder of the pairs of runs, separate from other runs, since one run of each pair leaks on purpose."""
    return runs / ".leakage"

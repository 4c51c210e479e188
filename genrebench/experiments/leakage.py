"""What shared artists are worth: one test set, two training sets of the same size and the same genre counts.

Half of each genre's artists lend half of their tracks to the test. The training set "without" holds tracks of the other
artists alone; in "with" some of them are replaced by the test artists' remaining tracks, genre by genre as many. The gap in the
scores is what knowing the test's artists gives.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.errors import RunError, UsageError
from genrebench.evaluation import intervals
from genrebench.evaluation.significance import permutation_interval, permutation_test
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.registry import Registered
from genrebench.records import Fold, Run, Split, Task, Track
from genrebench.runs import runner
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.splits import seeded_order
from genrebench.tasks.task import retask

WITHOUT, WITH = "leakage-without", "leakage-with"


@dataclass(frozen=True)
class Leakage:
    """The outcome, per seed averaged.

    Parameters
    ----------
    without, with_ : tuple of Run
        One a seed.
    n_test, n_training, n_replaced : int
        Tracks in the test, in each training set, and of the latter the test artists' own in "with".
    log_loss_gap, f1_micro_gap : float
        Without minus with; a positive log loss gap is what the leak hides.
    log_loss_interval, f1_micro_interval : (float, float)
        95 %, paired, over artists.
    p_value : float
        Paired permutation test of the log loss, by artist.
    """

    without: tuple[Run, ...]
    with_: tuple[Run, ...]
    n_test: int
    n_training: int
    n_replaced: int
    log_loss_gap: float
    log_loss_interval: tuple[float, float]
    f1_micro_gap: float
    f1_micro_interval: tuple[float, float]
    p_value: float


def leakage_splits(task: Task) -> tuple[Split, Split, int]:
    """Cut the task's tracks with and without shared artists.

    Parameters
    ----------
    task : Task
        Its split's seed decides which artists are tested.

    Returns
    -------
    without, with_ : Split
        The same test part; training parts of the same size and genre counts; no validation.
    n_replaced : int
        How many training tracks of "with" are by artists of the test.

    Raises
    ------
    UsageError
        If no artist is known, or no genre has two artists of whom one has two tracks.
    """
    if not any(track.artist for track in task.dataset.tracks):
        raise UsageError(f"{task.dataset.name} names no artist, so what shared artists are worth can't be measured")
    seed = task.split.seed
    by_genre: dict[str, dict[str, list[Track]]] = defaultdict(lambda: defaultdict(list))
    used = {id_ for fold in task.split.folds for part in (fold.training, fold.validation, fold.test) for id_ in part}
    for track in task.dataset.tracks:
        if track.artist is not None and track.id in used:
            by_genre[track.genre][track.artist].append(track)
    main = _main_genres(by_genre)
    test: list[str] = []
    base: list[str] = []
    others: list[str] = []
    own: list[str] = []
    for genre in task.genres:
        artists = sorted((a for a in by_genre[genre] if main[a] == genre), key=lambda a: seeded_order(seed, a))
        tested = [a for a in artists if len(by_genre[genre][a]) > 1][: len(artists) // 2]
        tracks = {a: sorted(by_genre[genre][a], key=lambda t: seeded_order(seed, t.id)) for a in artists}
        spare = [t.id for a in tested for t in tracks[a][len(tracks[a]) // 2 :]]
        clean = sorted((t.id for a in artists if a not in tested for t in tracks[a]), key=lambda id_: seeded_order(seed, id_))
        n = min(len(spare), len(clean))
        if not tested or not n:
            base += clean
            continue
        test += [t.id for a in tested for t in tracks[a][: len(tracks[a]) // 2]]
        own += spare[:n]
        others += clean[:n]
        base += clean[n:]
    if not test:
        raise UsageError(
            f"no genre of {task.dataset.name} has two artists of whom one has two tracks, so the leak can't be measured"
        )
    without = Split(WITHOUT, seed, (Fold(tuple(base + others), (), tuple(test)),))
    with_ = Split(WITH, seed, (Fold(tuple(base + own), (), tuple(test)),))
    return without, with_, len(own)


def measure(
    task: Task, offer: Registered[ModelSpec], options: Any, seeds: list[int], store: RunStore, session: Session
) -> Leakage:
    """Run the model with and without shared artists and compare, track by track.

    Parameters
    ----------
    task : Task
    offer, options, store, session
        As in `genrebench.runs.runner.run`.
    seeds : list of int
        A pair of runs each; scores are means over the seeds.

    Raises
    ------
    RunError
        If a run fails.
    """
    without, with_, n_replaced = leakage_splits(task)
    runs: dict[str, list[Run]] = {WITHOUT: [], WITH: []}
    for split in (without, with_):
        half = retask(task, split, session.home)
        for seed in seeds:
            run = runner.run(half, offer, options, seed, store, session, resume=True)
            if run.status != "finished":
                raise RunError(f"run {run.id} failed: {run.error}")
            runs[split.name].append(run)
    losses, hits = {}, {}
    for name, of_seeds in runs.items():
        scored = [store.scored(run) for run in of_seeds]
        losses[name] = np.mean([s.losses for s in scored], axis=0)
        hits[name] = np.mean([s.answers == s.labels for s in scored], axis=0)
        units = intervals.sampling_units(scored[0].groups)
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


def as_json(found: Leakage) -> dict[str, Any]:
    """Return the outcome in JSON types."""
    value = dataclasses.asdict(dataclasses.replace(found, without=(), with_=()))
    del value["with_"]

    def side(runs: tuple[Run, ...]) -> dict[str, Any]:
        scores = {name: float(np.mean([(run.metrics or {})[name] or 0.0 for run in runs])) for name in ("log_loss", "f1_micro")}
        return {"runs": [run.id for run in runs], **scores}

    return value | {"without": side(found.without), "with": side(found.with_)}


def _t_interval(gaps: intervals.Floats, units: intervals.Units) -> tuple[float, float]:
    """Student's interval over the units, for differences that take few values."""
    if len(units) < intervals.MIN_UNITS:
        return -math.inf, math.inf
    edge = intervals.t_quantile((1 + intervals.CONFIDENCE) / 2, len(units) - 1)
    half = edge * float(intervals.mean_error(gaps[:, None], units)[0])
    return float(gaps.mean()) - half, float(gaps.mean()) + half


def folder(runs: Path) -> Path:
    """Where the pairs of runs are kept: apart, since one of each pair is a leak on purpose."""
    return runs / ".leakage"


def _main_genres(by_genre: dict[str, dict[str, list[Track]]]) -> dict[str, str]:
    """Genre in which an artist has most tracks; with the rest of their tracks an artist isn't used."""
    best: dict[str, tuple[int, str]] = {}
    for genre, artists in by_genre.items():
        for artist, tracks in artists.items():
            best[artist] = max(best.get(artist, (0, "")), (len(tracks), genre))
    return {artist: genre for artist, (_, genre) in best.items()}

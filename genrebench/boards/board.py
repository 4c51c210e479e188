"""Ranked boards, computed from the records and stored predictions of runs; no model is loaded.

Conventions: a board holds the finished runs of one task fingerprint. A row is one model with its plugin version and options; it
takes the newest finished run of each seed, and its scores are means over the seeds. Rank 1 has the lowest log loss.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.boards import columns as board_columns
from genrebench.boards.baselines import baselines
from genrebench.boards.board_metrics import BoardMetrics
from genrebench.boards.by_metric import ByMetric, by_metric
from genrebench.boards.comparability import not_comparable
from genrebench.boards.naming import dataset_name, has_seen, told_apart
from genrebench.boards.row import Row
from genrebench.boards.rows import Board
from genrebench.boards.uncertainty import UncertaintyCache, board_units
from genrebench.errors import StoreError
from genrebench.plugin.datasets import Reference
from genrebench.plugin.metrics import RESERVED
from genrebench.progress import Progress, no_progress
from genrebench.runs.measured import Metrics, code_of
from genrebench.runs.record import ModelRecord, Run, TaskRecord
from genrebench.runs.scored import Scored, contradictions
from genrebench.runs.scoring import score_new
from genrebench.runs.store import RunStore


def boards(
    stores: RunStore | Iterable[RunStore],
    dataset: str | None = None,
    split: str | None = None,
    references: Mapping[str, Sequence[Reference]] | None = None,
    metrics: BoardMetrics | None = None,
    progress: Progress = no_progress,
) -> tuple[list[Board], list[str]]:
    """Rank finished runs, with one board per task.

    Parameters
    ----------
    stores : RunStore or iterable of them
    dataset : str, optional
        Only boards of this dataset: its recorded name, or the path of a folder with that name.
    split : str, optional
        Only boards of this split.
    references : mapping of str to sequence of Reference, optional
        Published scores by dataset name.
    metrics : BoardMetrics, optional
        Metrics of plugins to measure, and those to show.
    progress : callable, optional
        As in `genrebench.plugin.contract.Context`; shows the reading of predictions, and what is computed from many of them.

    Returns
    -------
    boards : list of Board
        Sorted by dataset, split and fingerprint.
    problems : list of str
        One line per run that is left out because its record or predictions are damaged.
    """
    name = None if dataset is None else dataset_name(dataset)
    by_task: dict[str, list[tuple[RunStore, Run]]] = defaultdict(list)
    problems: list[str] = []
    for store in [stores] if isinstance(stores, RunStore) else stores:
        runs, damaged = store.scan()
        problems += damaged
        for run in runs:
            if run.has_scores and name in (None, run.task.dataset) and split in (None, run.task.split):
                by_task[run.task.fingerprint].append((store, run))
    caches: dict[Path, UncertaintyCache] = {}
    tasks = [pairs[0][1].task for pairs in by_task.values()]
    result = []
    metrics = metrics or BoardMetrics()
    for pairs in by_task.values():
        root = pairs[0][0].root
        cache = caches.setdefault(root, UncertaintyCache(root))
        board = _board(pairs, cache, tasks, problems, metrics, progress)
        if board is not None:
            result.append(replace(board, references=tuple((references or {}).get(board.task.dataset, ()))))
    for cache in caches.values():
        cache.save()
    return sorted(result, key=lambda board: (board.task.dataset, board.task.split, board.task.fingerprint)), problems


def row_id(fingerprint: str, model: Mapping[str, Any]) -> str:
    """Identifier of a row: ten hexadecimal digits."""
    return hashlib.sha256(json.dumps([fingerprint, model], sort_keys=True).encode()).hexdigest()[:10]


def row_of(run: Run) -> str:
    """Identifier of the row that a run belongs to."""
    return row_id(run.task.fingerprint, _identity(run.model) | ({"lab": run.lab} if run.lab else {}))


def _identity(model: ModelRecord) -> dict[str, Any]:
    """What identifies a row within its task; its hash is the same as in version 0.1.0."""
    identity = {"name": model.name, "plugin": model.plugin, "version": model.version, "options": dict(model.options)}
    return identity if model.origin == "imported" else identity | {"calibrated": model.calibrated}


def _board(
    pairs: list[tuple[RunStore, Run]],
    cache: UncertaintyCache,
    tasks: Sequence[TaskRecord],
    problems: list[str],
    metrics: BoardMetrics,
    progress: Progress,
) -> Board | None:
    by_row = _scored_rows(pairs, problems, metrics.measured, progress)
    if not by_row:
        return None
    task = _usual_task([run for pairs in by_row.values() for run, _ in pairs])
    rows = [_row(name, pairs) for name, pairs in by_row.items()]
    scored = [[one for _, one in pairs] for pairs in by_row.values()]
    checksums = [["" if run.predictions is None else run.predictions.sha256 for run, _ in pairs] for pairs in by_row.values()]
    for name, baseline in baselines(task, scored[0][0], [one.spec for one in metrics.measured]).items():
        rows.append(_baseline_row(task.fingerprint, name, baseline))
        scored.append([baseline])
        checksums.append([name, json.dumps(task.training_counts)])
    uncertainty = cache.uncertainty(task, scored, checksums, len(by_row), progress)
    names = [row.row for row in rows]
    by_metric = _by_metric(metrics, scored, names, task.split)
    tied = [set(others) for others in uncertainty.tied_with]
    ranked = sorted(range(len(rows)), key=lambda i: (rows[i].scores["log_loss"], rows[i].model, rows[i].row))
    rows = [
        replace(
            rows[i],
            intervals=uncertainty.intervals[i],
            tied_with=tuple(names[j] for j in ranked if j in tied[i]),
            rank_interval=uncertainty.rank_intervals[i],
            may_be_best=uncertainty.may_be_best[i],
            by_metric={metric: of_rows[i].in_order(names[j] for j in ranked) for metric, of_rows in by_metric.items()},
        )
        for i in ranked
    ]
    return Board(
        task=task,
        rows=tuple(replace(row, rank=rank) for rank, row in enumerate(told_apart(rows), start=1)),
        smallest_difference=uncertainty.smallest_difference,
        unit=uncertainty.unit,
        n_units=uncertainty.n_units,
        effective_units=uncertainty.effective_units,
        apart=tuple(not_comparable(tasks, task)),
        warnings=(*uncertainty.warnings, *_constant(rows)),
        metrics=metrics,
        columns=board_columns.of_metrics(metrics),
    )


def _by_metric(
    metrics: BoardMetrics, scored: Sequence[Sequence[Scored]], names: Sequence[str], split: str
) -> dict[str, list[ByMetric]]:
    """Ranks and intervals of all rows by each metric of a plugin that is a mean over tracks."""
    units = board_units(scored[0][0], split)
    found = {
        one.spec.name: by_metric(one.spec, code_of(one), scored, names, units) for one in metrics.measured if one.spec.per_track
    }
    return {name: of_rows for name, of_rows in found.items() if of_rows is not None}


def _constant(rows: Sequence[Row]) -> tuple[str, ...]:
    """One line that names the rows whose log loss has no interval, though other scores of theirs have; none without any."""
    names = ", ".join(row.label for row in rows if row.intervals and "log_loss" not in row.intervals)
    why = "it is the same on every test track, which can't say how far it is from that on others"
    return (f"The log loss of {names} has no interval: {why}.",) if names else ()


def _usual_task(runs: Sequence[Run]) -> TaskRecord:
    """The task as most runs recorded it, so that a single record decides neither titles nor the baseline; ties: the newest."""
    newest_first = sorted(runs, key=lambda run: (run.started, run.id), reverse=True)
    tasks = {repr(run.task): run.task for run in newest_first}
    return tasks[Counter(repr(run.task) for run in newest_first).most_common(1)[0][0]]


def _scored_rows(
    pairs: list[tuple[RunStore, Run]], problems: list[str], measured: Metrics, progress: Progress
) -> dict[str, list[tuple[Run, Scored]]]:
    """Row id to the newest readable run of each seed; the newest row is first, seeds are in order.

    Runs of one task have the same test tracks. A run that claims the task but has other tracks than most is left out.
    """
    readable: list[tuple[Run, Scored]] = []
    newest_first = sorted(pairs, key=lambda pair: (pair[1].started, pair[1].id), reverse=True)
    score_new([(store.folder(run.id), run) for store, run in newest_first], progress)
    for store, run in progress(newest_first, "reading predictions"):
        try:
            scored, failed = store.measured(run, measured)
            problems += failed
            readable.append((run, scored.sharing(readable[0][1]) if readable else scored))
            problems += contradictions(run, scored)
        except StoreError as error:
            problems.append(str(error))
    oldest_first = [scored.tracks for _, scored in reversed(readable)]
    usual = Counter(oldest_first).most_common(1)[0][0] if oldest_first else ""
    newest: dict[str, dict[int, tuple[Run, Scored]]] = defaultdict(dict)
    for run, scored in readable:
        by_seed = newest[row_of(run)]
        if scored.tracks == usual:
            by_seed.setdefault(run.seed, (run, scored))
        else:
            problems.append(
                f"run {run.id!r} is left out: its test tracks differ from those of most runs of its task; repeat the run"
            )
    return {name: [by_seed[seed] for seed in sorted(by_seed)] for name, by_seed in newest.items() if by_seed}


def _row(name: str, scored: Sequence[tuple[Run, Scored]]) -> Row:
    newest = max((run for run, _ in scored), key=lambda run: (run.started, run.id))
    names = [metric for metric in scored[0][1].scores if all(metric in one.scores for _, one in scored)]
    values = {metric: np.array([one.scores[metric] for _, one in scored]) for metric in names}
    # metrics of plugins that aren't installed, as recorded; 0.1.0 reserved no names
    for metric in (newest.metrics or {}).keys() - set(values) - RESERVED:
        numbers = [(run.metrics or {}).get(metric) for run, _ in scored]
        if all(isinstance(number, int | float) for number in numbers):
            values[metric] = np.array(numbers, dtype=np.float64)
    runs = [run for run, _ in scored]
    timings = {key for run in runs for key in run.timings}
    several_seeds = len(scored) > 1
    return Row(
        row=name,
        rank=0,
        model=newest.model.name,
        plugin=newest.model.plugin,
        version=newest.model.version,
        options=newest.model.options,
        runs=tuple(run.id for run, _ in scored),
        seeds=tuple(run.seed for run, _ in scored),
        scores={metric: float(numbers.mean()) for metric, numbers in values.items()},
        spread={metric: float(numbers.std(ddof=1)) if several_seeds else None for metric, numbers in values.items()},
        changed=newest.model.changed,
        calibrated=newest.model.calibrated,
        feature_source=newest.model.feature_source,
        origin=newest.model.origin,
        lab=newest.lab,
        device=newest.device,
        parameters=newest.parameters,
        timings={key: float(np.mean([run.timings[key] for run in runs if key in run.timings])) for key in sorted(timings)},
        trained_on=newest.model.trained_on,
        test_seen=has_seen(newest.model.trained_on, newest.task.dataset),
        peak_rss_mb=max((run.peak_rss_mb for run in runs if run.peak_rss_mb is not None), default=None),
    )


def _baseline_row(fingerprint: str, name: str, scored: Scored) -> Row:
    return Row(
        row=row_id(fingerprint, {"name": name, "plugin": "genrebench"}),
        rank=0,
        model=name,
        plugin="genrebench",
        version="",
        options={},
        runs=(),
        seeds=(),
        scores=scored.scores,
        spread=dict.fromkeys(scored.scores),
        baseline=True,
    )

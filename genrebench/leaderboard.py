"""Records of runs to ranked boards. Reads records and stored predictions, and knows no model.

Conventions: a board holds the finished runs of one task fingerprint; a row is one model with its plugin version and its
options, the newest finished run of each seed, scored by the mean over seeds. Rank 1 has the lowest log loss.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import metrics
from genrebench.errors import StoreError
from genrebench.records import Run
from genrebench.references import REFERENCES
from genrebench.scores import Scored
from genrebench.store import RunStore

SCORES = tuple(metric.name for metric in metrics.METRICS)


@dataclass(frozen=True)
class Row:
    """One model on a board.

    Parameters
    ----------
    row : str
        Short identifier, the same wherever this model, version and options meet this task.
    rank : int
        From 1, by log loss.
    model, plugin, version : str
    options : mapping
    runs : tuple of str
        Run ids, one a seed.
    seeds : tuple of int
    scores : mapping of str to float
        Mean over the seeds of each metric.
    spread : mapping of str to (float or None)
        Standard deviation over the seeds (n - 1); None with one seed.
    log_loss_interval : (float, float) or None
        95 % interval over the tracks.
    tied_with : tuple of str
        Rows whose log loss this test set can't tell from this one's.
    baseline : bool
        True for the rows that follow from the labels alone.
    facts : mapping
        feature_source, device, parameters, the mean timings, peak_rss_mb, where the records have them.
    """

    row: str
    rank: int
    model: str
    plugin: str
    version: str
    options: Mapping[str, Any]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: Mapping[str, float]
    spread: Mapping[str, float | None]
    log_loss_interval: tuple[float, float] | None = None
    tied_with: tuple[str, ...] = ()
    baseline: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The row as JSON's types, its scores on the top level."""
        return {
            "row": self.row,
            "rank": self.rank,
            "model": self.model,
            "plugin": self.plugin,
            "version": self.version,
            "options": dict(self.options),
            "runs": list(self.runs),
            "seeds": list(self.seeds),
            **self.scores,
            "log_loss_interval": list(self.log_loss_interval) if self.log_loss_interval else None,
            "spread": dict(self.spread),
            "tied_with": list(self.tied_with),
            "baseline": self.baseline,
            **self.facts,
        }


@dataclass(frozen=True)
class Board:
    """The rows of one task.

    Parameters
    ----------
    task : mapping
        As in the records of its newest run, without the per-track lists.
    rows : tuple of Row
        By rank.
    references : tuple of mapping
        Published figures, none of which compares.
    """

    task: Mapping[str, Any]
    rows: tuple[Row, ...]
    references: tuple[Mapping[str, Any], ...] = REFERENCES

    def to_json(self) -> dict[str, Any]:
        """The board as JSON's types."""
        return {
            "task": dict(self.task),
            "rows": [row.to_json() for row in self.rows],
            "references": [dict(reference) for reference in self.references],
        }


def boards(
    stores: RunStore | Iterable[RunStore], dataset: str | None = None, split: str | None = None
) -> tuple[list[Board], list[str]]:
    """Rank the finished runs.

    Parameters
    ----------
    stores : RunStore or iterable of them
    dataset : str, optional
        Only boards of this dataset: its recorded name, or the path of a folder of that name.
    split : str, optional
        Only boards of this split.

    Returns
    -------
    boards : list of Board
        By dataset, split and fingerprint.
    problems : list of str
        One line for each run that should be on a board and isn't, because its record or predictions are damaged.
    """
    wanted = None if dataset is None else dataset_name(dataset)
    by_task: dict[str, list[tuple[RunStore, Run]]] = defaultdict(list)
    problems: list[str] = []
    for store in [stores] if isinstance(stores, RunStore) else stores:
        runs, damaged = store.scan()
        problems += damaged
        for run in runs:
            ranked = run.status == "finished" and (run.predictions or {}).get("rows")  # a challenge run has no test tracks
            if ranked and wanted in (None, run.task.get("dataset")) and split in (None, run.task.get("split")):
                by_task[str(run.task.get("fingerprint"))].append((store, run))
    found = []
    for runs_of_task in by_task.values():
        board = _board(runs_of_task, problems)
        if board is not None:
            found.append(board)
    return sorted(found, key=lambda b: tuple(str(b.task.get(k)) for k in ("dataset", "split", "fingerprint"))), problems


def dataset_name(dataset: str) -> str:
    """The name under which runs of `dataset`, a name or a folder, are recorded."""
    path = Path(dataset)
    return path.resolve().name if dataset in (".", "..") or len(path.parts) > 1 or dataset.startswith("./") else dataset


def row_id(fingerprint: str, model: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that stand for a row."""
    return hashlib.sha256(json.dumps([fingerprint, model], sort_keys=True).encode()).hexdigest()[:10]


def _board(found: list[tuple[RunStore, Run]], problems: list[str]) -> Board | None:
    found = sorted(found, key=lambda pair: (pair[1].started, pair[1].id), reverse=True)
    newest: dict[str, dict[int, tuple[Run, Scored]]] = defaultdict(dict)
    for store, run in found:
        of_row = newest[_row_of(run)]
        if run.seed in of_row:
            continue
        try:
            of_row[run.seed] = (run, store.scored(run))
        except StoreError as error:
            problems.append(str(error))
    rows = [_row(name, list(of_seed.values())) for name, of_seed in newest.items() if of_seed]
    if not rows:
        return None
    first = next(run for _, run in found)
    rows += baselines(first)
    rows.sort(key=lambda row: (row.scores["log_loss"], row.model, row.row))
    ranked = tuple(replace(row, rank=rank) for rank, row in enumerate(rows, start=1))
    task = {key: value for key, value in first.task.items() if key not in ("excluded", "training_counts")}
    return Board(task, ranked)


def _row_of(run: Run) -> str:
    model = {key: value for key, value in run.model.items() if key not in ("feature_source", "changed")}
    return row_id(str(run.task.get("fingerprint")), model)


def _row(name: str, scored: Sequence[tuple[Run, Scored]]) -> Row:
    scored = sorted(scored, key=lambda pair: pair[0].seed)
    newest = max((run for run, _ in scored), key=lambda run: (run.started, run.id))
    values = {metric: np.array([found.scores[metric] for _, found in scored]) for metric in SCORES}
    for metric in (newest.metrics or {}).keys() - set(SCORES):  # those of plugins, as the run has them
        numbers = [(run.metrics or {}).get(metric) for run, _ in scored]
        if all(isinstance(number, int | float) for number in numbers):
            values[metric] = np.array(numbers, dtype=np.float64)
    many = len(scored) > 1
    return Row(
        row=name,
        rank=0,
        model=str(newest.model.get("name")),
        plugin=str(newest.model.get("plugin")),
        version=str(newest.model.get("version")),
        options=newest.model.get("options") or {},
        runs=tuple(run.id for run, _ in scored),
        seeds=tuple(run.seed for run, _ in scored),
        scores={metric: float(numbers.mean()) for metric, numbers in values.items()},
        spread={metric: float(numbers.std(ddof=1)) if many else None for metric, numbers in values.items()},
        facts=_facts([run for run, _ in scored], newest),
    )


def _facts(runs: Sequence[Run], newest: Run) -> dict[str, Any]:
    named = {"name", "plugin", "version", "options"}
    timings = {key for run in runs for key in run.timings}
    peaks = [run.peak_rss_mb for run in runs if run.peak_rss_mb is not None]
    return {
        **{key: value for key, value in newest.model.items() if key not in named},
        "device": newest.facts.get("device"),
        "parameters": newest.facts.get("parameters"),
        "timings": {key: float(np.mean([run.timings[key] for run in runs if key in run.timings])) for key in sorted(timings)},
        "peak_rss_mb": max(peaks) if peaks else None,
    }


# ------------------------------------------------------------------ the rows that follow from the labels


def baselines(run: Run) -> list[Row]:
    """What uniform probabilities and the genre frequencies of the training part score on the run's task.

    Parameters
    ----------
    run : Run
        Finished; its record holds the counts of test tracks (`predictions`) and of training tracks (`task`) per fold and
        genre.

    Returns
    -------
    list of Row
        "uniform", and "training-prior" where the training counts are known.
    """
    test = np.array((run.predictions or {}).get("test_counts") or [], dtype=np.int64)
    if test.ndim != 2 or not test.sum():
        return []
    answers = {"uniform": np.full(test.shape, 1 / test.shape[1])}
    training = np.array(run.task.get("training_counts") or [], dtype=np.float64)
    if training.shape == test.shape and training.sum(axis=1).all():
        answers["training-prior"] = training / training.sum(axis=1, keepdims=True)
    return [_baseline(run, name, test, by_fold) for name, by_fold in answers.items()]


def _baseline(run: Run, name: str, test: NDArray[np.int64], by_fold: NDArray[np.float64]) -> Row:
    n_folds, n_genres = test.shape
    labels = np.repeat(np.tile(np.arange(n_genres), n_folds), test.ravel())
    probabilities = np.repeat(by_fold, test.sum(axis=1), axis=0)
    model = {"name": name, "plugin": "genrebench"}
    return Row(
        row=row_id(str(run.task.get("fingerprint")), model),
        rank=0,
        model=name,
        plugin="genrebench",
        version="",
        options={},
        runs=(),
        seeds=(),
        scores=metrics.evaluate(labels, probabilities),
        spread=dict.fromkeys(SCORES),
        baseline=True,
    )

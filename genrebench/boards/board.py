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

from genrebench.boards.baselines import baselines
from genrebench.boards.comparability import apart, without_tracks
from genrebench.boards.references import REFERENCES
from genrebench.boards.uncertainty import UncertaintyCache
from genrebench.errors import StoreError
from genrebench.evaluation import metrics
from genrebench.records import Run
from genrebench.runs.scored import Scored
from genrebench.runs.store import RunStore

WITH_INTERVAL = ("log_loss", "f1_micro", "f1_macro", "f1_weighted")
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
    intervals : mapping of str to (float, float)
        95 % interval over the test tracks, by artist where artists are known, of log_loss and the F1 scores; empty with fewer
        than six artists or tracks.
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
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
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
            **{f"{metric}_interval": self._interval(metric) for metric in WITH_INTERVAL},
            "spread": dict(self.spread),
            "tied_with": list(self.tied_with),
            "baseline": self.baseline,
            **self.facts,
        }

    def _interval(self, metric: str) -> list[float] | None:
        return list(self.intervals[metric]) if metric in self.intervals else None


@dataclass(frozen=True)
class Board:
    """The rows of one task.

    Parameters
    ----------
    task : mapping
        As in the records of its newest run, without the per-track lists.
    rows : tuple of Row
        By rank.
    smallest_difference : float or None
        Difference in log loss between two rows that these test tracks would show four times out of five.
    unit : {"artist", "track"}
        What intervals and tests draw.
    n_units : int
        How many of them.
    apart : tuple of str
        Why boards of the same dataset and split names are other boards.
    references : tuple of mapping
        Published figures, none of which compares.
    """

    task: Mapping[str, Any]
    rows: tuple[Row, ...]
    smallest_difference: float | None = None
    unit: str = "track"
    n_units: int = 0
    apart: tuple[str, ...] = ()
    references: tuple[Mapping[str, Any], ...] = REFERENCES

    def to_json(self) -> dict[str, Any]:
        """The board as JSON's types."""
        return {
            "task": dict(self.task),
            "rows": [row.to_json() for row in self.rows],
            "smallest_difference": self.smallest_difference,
            "unit": self.unit,
            "n_units": self.n_units,
            "apart": list(self.apart),
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
    memories: dict[Path, UncertaintyCache] = {}
    tasks = [pairs[0][1].task for pairs in by_task.values()]
    found = []
    for pairs in by_task.values():
        root = pairs[0][0].root
        memory = memories.setdefault(root, UncertaintyCache(root))
        board = _board(pairs, memory, tasks, problems)
        if board is not None:
            found.append(board)
    for memory in memories.values():
        memory.save()
    return sorted(found, key=lambda b: tuple(str(b.task.get(k)) for k in ("dataset", "split", "fingerprint"))), problems


def dataset_name(dataset: str) -> str:
    """The name under which runs of `dataset`, a name or a folder, are recorded."""
    path = Path(dataset).expanduser()
    folder = dataset in (".", "..") or len(path.parts) > 1 or dataset.startswith("./") or dataset.endswith("/")
    return path.resolve().name if folder else dataset


def row_id(fingerprint: str, model: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits that stand for a row."""
    return hashlib.sha256(json.dumps([fingerprint, model], sort_keys=True).encode()).hexdigest()[:10]


def _board(
    pairs: list[tuple[RunStore, Run]], memory: UncertaintyCache, tasks: Sequence[Mapping[str, Any]], problems: list[str]
) -> Board | None:
    by_row = _scored(pairs, problems)
    if not by_row:
        return None
    task = next(iter(by_row.values()))[0][0].task
    fingerprint = str(task.get("fingerprint"))
    rows = [_row(name, pairs) for name, pairs in by_row.items()]
    scored = [[found for _, found in pairs] for pairs in by_row.values()]
    checksums = [[str((run.predictions or {}).get("sha256")) for run, _ in pairs] for pairs in by_row.values()]
    for name, found in baselines(task, scored[0][0]).items():
        rows.append(_baseline_row(fingerprint, name, found))
        scored.append([found])
        checksums.append([name, json.dumps(task.get("training_counts"))])
    known = memory.uncertainty(task, scored, checksums, len(by_row))
    names = [row.row for row in rows]
    rows = [
        replace(row, intervals=known.intervals[i], tied_with=tuple(names[j] for j in known.tied_with[i]))
        for i, row in enumerate(rows)
    ]
    rows.sort(key=lambda row: (row.scores["log_loss"], row.model, row.row))
    return Board(
        without_tracks(task),
        tuple(replace(row, rank=rank) for rank, row in enumerate(rows, start=1)),
        known.smallest_difference,
        known.unit,
        known.n_units,
        tuple(apart(tasks, task)),
    )


def _scored(pairs: list[tuple[RunStore, Run]], problems: list[str]) -> dict[str, list[tuple[Run, Scored]]]:
    """Row id to the newest readable run of each seed, newest row first, seeds in order."""
    newest: dict[str, dict[int, tuple[Run, Scored]]] = defaultdict(dict)
    tracks = None
    for store, run in sorted(pairs, key=lambda pair: (pair[1].started, pair[1].id), reverse=True):
        of_row = newest[_row_of(run)]
        if run.seed in of_row:
            continue
        try:
            found = store.scored(run)
        except StoreError as error:
            problems.append(str(error))
            continue
        tracks = tracks or found.tracks
        if found.tracks == tracks:
            of_row[run.seed] = (run, found)
        else:
            problems.append(f"run {run.id!r} answers other tracks than the newest run of its task; repeat it")
    return {name: [of_seed[seed] for seed in sorted(of_seed)] for name, of_seed in newest.items() if of_seed}


def _row_of(run: Run) -> str:
    model = {key: value for key, value in run.model.items() if key not in ("feature_source", "changed")}
    return row_id(str(run.task.get("fingerprint")), model)


def _row(name: str, scored: Sequence[tuple[Run, Scored]]) -> Row:
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


def _baseline_row(fingerprint: str, name: str, found: Scored) -> Row:
    return Row(
        row=row_id(fingerprint, {"name": name, "plugin": "genrebench"}),
        rank=0,
        model=name,
        plugin="genrebench",
        version="",
        options={},
        runs=(),
        seeds=(),
        scores=found.scores,
        spread=dict.fromkeys(found.scores),
        baseline=True,
    )

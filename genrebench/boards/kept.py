"""Boards as they were last computed: they are shown again without reading a run, until a run, a metric or genrebench changes.

What was computed is kept in the reader's own cache, see `genrebench.runs.reader_cache`. It holds for the stamps of all records
and predictions in the folders of runs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from genrebench import temporary
from genrebench.boards import columns as board_columns
from genrebench.boards import uncertainty
from genrebench.boards.board_metrics import BoardMetrics
from genrebench.boards.by_metric import ByMetric
from genrebench.boards.naming import dataset_name
from genrebench.boards.row import Row
from genrebench.boards.rows import Board
from genrebench.plugin.datasets import Reference
from genrebench.progress import Progress, no_progress
from genrebench.runs.contents import PREDICTIONS, RECORD
from genrebench.runs.measured import code_of
from genrebench.runs.reader_cache import read_cached, write_cached
from genrebench.runs.serialization import task_from_json
from genrebench.runs.store import RunStore

VERSION = 2
"""Version of the cache; incremented whenever a board changes for the same runs, but for its intervals and ties."""

CACHE = "shown-boards"
_GIVEN = ("references", "metrics", "columns")
"""Fields of a board that aren't computed from runs."""


def boards(
    stores: Sequence[RunStore],
    dataset: str | None = None,
    split: str | None = None,
    references: Mapping[str, Sequence[Reference]] | None = None,
    metrics: BoardMetrics | None = None,
    progress: Progress = no_progress,
) -> tuple[list[Board], list[str]]:
    """Rank finished runs as `genrebench.boards.board.boards` does, or as it did if nothing has changed since."""
    metrics = metrics or BoardMetrics()
    for store in stores:
        temporary.sweep(store.root)
    key = [[str(store.root) for store in stores], dataset and dataset_name(dataset), split]
    stamp = _stamp(stores, metrics)
    kept = _read(key, stamp)
    if kept is None:
        # here, since what computes boards takes longer to import than most boards to read
        from genrebench.boards import board

        kept = board.boards(stores, dataset, split, metrics=metrics, progress=progress)
        if stamp == _stamp(stores, metrics):  # no run has ended in the meantime
            _write(key, stamp, *kept)
    found, problems = kept
    columns = board_columns.of_metrics(metrics)
    published = references or {}
    return [
        replace(one, metrics=metrics, columns=columns, references=tuple(published.get(one.task.dataset, ()))) for one in found
    ], problems


def _stamp(stores: Sequence[RunStore], metrics: BoardMetrics) -> str:
    """What changes whenever a run comes, goes or is written, or a metric of a plugin changes."""
    digest = hashlib.sha256(json.dumps([VERSION, uncertainty.VERSION, [code_of(one) for one in metrics.measured]]).encode())
    for store in stores:
        for run_id in store.ids():
            for name in (RECORD, PREDICTIONS):
                try:
                    stat = os.stat(f"{store.root}/{run_id}/{name}")  # noqa: PTH116 - for thousands of runs
                    stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]
                except OSError:
                    stamp = []
                digest.update(f"{run_id}/{name}{stamp}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _write(key: list[Any], stamp: str, found: list[Board], problems: list[str]) -> None:
    content = [{name: value for name, value in _fields(one).items() if name not in _GIVEN} for one in found]
    kept = json.dumps({"stamp": stamp, "boards": content, "problems": problems}, default=_fields)
    write_cached(kept.encode(), CACHE, *key)


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a row, a board or what is in them; NaN, which `genrebench.jsontypes.plain` drops, stays."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _read(key: list[Any], stamp: str) -> tuple[list[Board], list[str]] | None:
    """What was kept; None if there is nothing, it is damaged, or something has changed since."""
    try:
        kept = json.loads(read_cached(CACHE, *key) or b"{}")
        return ([_board(one) for one in kept["boards"]], kept["problems"]) if kept.get("stamp") == stamp else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _board(values: dict[str, Any]) -> Board:
    rows = tuple(_row(one) for one in values["rows"])
    return Board(**_with_tuples(values) | {"task": task_from_json(values["task"]), "rows": rows})


def _row(values: dict[str, Any]) -> Row:
    intervals = {name: tuple(ends) for name, ends in values["intervals"].items()}
    by_metric = {name: ByMetric(**_with_tuples(one)) for name, one in values["by_metric"].items()}
    return Row(**_with_tuples(values) | {"intervals": intervals, "by_metric": by_metric})


def _with_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

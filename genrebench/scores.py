"""Scores of stored runs, computed from their predictions and remembered.

What is remembered of a run stands in `.scores.json` beside the runs and holds as long as its predictions.csv has the same
size and times on disk, the record names the same checksum, and the metrics have the same version; else the file is read and
verified anew. The file may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from genrebench import metrics
from genrebench.errors import StoreError
from genrebench.records import Run
from genrebench.store import PREDICTIONS, RunStore, write

INDEX = ".scores.json"


class ScoreBook:
    """Scores of the runs of any number of stores; used in a ``with`` block, which saves what is new at its end."""

    def __init__(self) -> None:
        self._books: dict[Path, dict[str, Any]] = {}
        self._changed: set[Path] = set()

    def __enter__(self) -> ScoreBook:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for root in self._changed:
            content = {"metrics": metrics.VERSION, "runs": self._books[root]}
            with contextlib.suppress(OSError):  # a read-only folder only costs time
                write(root / INDEX, json.dumps(content).encode())

    def scores(self, store: RunStore, run: Run) -> Mapping[str, float]:
        """Every built-in metric of a finished run.

        Raises
        ------
        StoreError
            If its predictions are missing or were changed.
        """
        book = self._book(store.root)
        known = book.get(run.id)
        stamp = _stamp(store.folder(run.id) / PREDICTIONS)
        checksum = (run.predictions or {}).get("sha256")
        if known is None or stamp is None or known["stamp"] != stamp or known["sha256"] != checksum:
            answers = store.predictions(run)
            try:
                scores = metrics.evaluate(answers.labels, answers.probabilities)
            except ValueError as error:
                raise StoreError(f"run {run.id!r} can't be scored: {error}; repeat it") from error
            known = {"stamp": stamp, "sha256": checksum, "scores": dict(scores)}
            book[run.id] = known
            self._changed.add(store.root)
        scores_known: Mapping[str, float] = known["scores"]
        return scores_known

    def _book(self, root: Path) -> dict[str, Any]:
        if root not in self._books:
            self._books[root] = _read(root / INDEX)
        return self._books[root]


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
        entries = content["runs"] if content["metrics"] == metrics.VERSION else {}
        return {key: entry for key, entry in entries.items() if {"stamp", "sha256", "scores"} <= set(entry)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _stamp(file: Path) -> list[int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]

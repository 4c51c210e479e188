"""Predictions that were made elsewhere, as a run on the board."""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

import numpy as np

from genrebench.errors import DataError, UsageError
from genrebench.evaluation import metrics
from genrebench.plugin.hosted import SUM_TOLERANCE, checked
from genrebench.records import Task
from genrebench.runs.examples import TaskLabels
from genrebench.runs.job import begin_record
from genrebench.runs.record import ModelRecord, Run, TaskRecord
from genrebench.runs.store import RunStore

PLUGIN = "external"
"""What stands as the plugin of predictions that were made elsewhere."""


def score(task: Task, file: Path, name: str, version: str, seed: int, store: RunStore) -> Run:
    """Score a CSV of probabilities and keep it as a finished run.

    Parameters
    ----------
    task : Task
    file : Path
        CSV with `track_id` and a column a genre, named as the genre or as ``p:<genre>``; a row for each test track.
        Further columns are ignored, further rows are not.
    name, version : str
        How the model is called on the board.
    seed : int
        Which of several runs of the model this is.
    store : RunStore

    Returns
    -------
    Run

    Raises
    ------
    DataError
        If the file can't be read, lacks a genre or a test track, has one twice or one that isn't a test track, or a row is
        no distribution.
    """
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise UsageError(f"--name {name!r}: use the letters a-z, digits and '-'")
    wanted = [id_ for fold in task.split.folds for id_ in fold.test]
    if not wanted:
        raise UsageError(
            f"the split {task.split.name!r} of {task.dataset.name} has no test tracks to score; choose another --split"
        )
    rows = _read(file, task.genres)
    missing = [id_ for id_ in wanted if id_ not in rows]
    if missing:
        raise DataError(f"{file}: {len(missing)} of {len(wanted)} test tracks have no row, track {missing[0]!r} for one")
    extra = sorted(set(rows) - set(wanted))
    if extra:
        raise DataError(f"{file}: {len(extra)} rows are not of this split's test tracks, {extra[0]!r} for one; check --split")
    probabilities = [np.array([rows[id_] for id_ in fold.test]).reshape(-1, len(task.genres)) for fold in task.split.folds]
    predictions = TaskLabels(task).predictions([checked(p, len(p), len(task.genres), str(file)) for p in probabilities])
    model = ModelRecord(name=name, plugin=PLUGIN, version=version, origin="imported")
    run = dataclasses.replace(begin_record(TaskRecord.of(task), model, seed), timings={})
    store.begin(run)
    values = metrics.evaluate(predictions.labels, predictions.probabilities)
    return store.finish(dataclasses.replace(run, metrics=values, metrics_version=metrics.VERSION), predictions)


def _read(file: Path, genres: tuple[str, ...]) -> dict[str, list[float]]:
    """Probabilities by track id, in the genres' order."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            header = reader.fieldnames or []
            if "track_id" not in header:
                raise DataError(
                    f"{file} has no column 'track_id'; its columns are {', '.join(map(repr, header[:5])) or 'none'}"
                )
            columns = []
            for genre in genres:
                column = next((name for name in (f"p:{genre}", genre) if name in header), None)
                if column is None:
                    raise DataError(f"{file} has no column {'p:' + genre!r} for the genre {genre!r}")
                columns.append(column)
            result: dict[str, list[float]] = {}
            for line, row in enumerate(reader, 2):
                id_ = row["track_id"]
                if id_ is None or None in row:
                    raise DataError(f"{file}, line {line}: {'too few' if id_ is None else 'too many'} values for the header")
                if id_ in result:
                    raise DataError(f"{file}, line {line}: track {id_!r} has a row already")
                result[id_] = [_number(file, line, column, row[column]) for column in columns]
                if abs(sum(result[id_]) - 1) > SUM_TOLERANCE:
                    raise DataError(f"{file}, line {line}: the row of track {id_!r} sums to {sum(result[id_]):.6g}, not to 1")
            return result
    except OSError as error:
        raise DataError(f"can't read {str(file)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{str(file)!r} is no CSV: {error}") from None


def _number(file: Path, line: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise DataError(f"{file}, line {line}, column {column!r}: {text!r} is no number") from None
    if not 0 <= value <= 1 + SUM_TOLERANCE:
        raise DataError(f"{file}, line {line}, column {column!r}: {text!r} is no probability")
    return value

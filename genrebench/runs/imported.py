"""Import of predictions made outside genrebench, as a run on the board."""

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
"""Recorded as the plugin of imported predictions."""


def score(task: Task, file: Path, name: str, version: str, seed: int, store: RunStore) -> Run:
    """Score a CSV file of probabilities and record it as a finished run.

    Parameters
    ----------
    task : Task
    file : Path
        CSV file with `track_id` and one column per genre, named GENRE or p:GENRE, and one row per test track. Other columns are
        ignored; other rows are an error.
    name, version : str
        Name and version of the model on the board.
    seed : int
        Number that distinguishes several runs of the same model.
    store : RunStore

    Returns
    -------
    Run

    Raises
    ------
    DataError
        If the file can't be read, a genre or a test track is missing, a track has two rows or isn't a test track, or a row
        isn't a probability distribution.
    UsageError
        If the name is invalid, or the split has no test tracks.
    """
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise UsageError(f"--name {name!r} isn't a valid name; use a-z, 0-9 and '-'")
    test_ids = [id_ for fold in task.split.folds for id_ in fold.test]
    if not test_ids:
        raise UsageError(
            f"the split {task.split.name!r} of {task.dataset.name} has no test tracks to score; choose another --split"
        )
    rows = _read(file, task.genres)
    missing = [id_ for id_ in test_ids if id_ not in rows]
    if missing:
        raise DataError(f"{file}: {len(missing)} of {len(test_ids)} test tracks have no row, for example track {missing[0]!r}")
    extra = sorted(set(rows) - set(test_ids))
    if extra:
        raise DataError(
            f"{file}: {len(extra)} rows aren't for test tracks of this split, for example {extra[0]!r}; check --split"
        )
    probabilities = [np.array([rows[id_] for id_ in fold.test]).reshape(-1, len(task.genres)) for fold in task.split.folds]
    predictions = TaskLabels(task).predictions([checked(p, len(p), len(task.genres), str(file)) for p in probabilities])
    model = ModelRecord(name=name, plugin=PLUGIN, version=version, origin="imported")
    run = dataclasses.replace(begin_record(TaskRecord.of(task), model, seed), timings={})
    values = metrics.evaluate(predictions.labels, predictions.probabilities)
    return store.add(dataclasses.replace(run, metrics=values, metrics_version=metrics.VERSION), predictions)


def _read(file: Path, genres: tuple[str, ...]) -> dict[str, list[float]]:
    """Read the probabilities by track id, in the order of `genres`."""
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
                    raise DataError(
                        f"{file}, line {line}: {'fewer' if id_ is None else 'more'} values than the header has columns"
                    )
                if id_ in result:
                    raise DataError(f"{file}, line {line}: track {id_!r} already has a row")
                result[id_] = [_number(file, line, column, row[column]) for column in columns]
                if abs(sum(result[id_]) - 1) > SUM_TOLERANCE:
                    raise DataError(
                        f"{file}, line {line}: the row of track {id_!r} sums to {sum(result[id_]):.6g} instead of 1"
                    )
            return result
    except OSError as error:
        raise DataError(f"can't read {str(file)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{str(file)!r} isn't a CSV file: {error}") from None


def _number(file: Path, line: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise DataError(f"{file}, line {line}, column {column!r}: {text!r} isn't a number") from None
    if not 0 <= value <= 1 + SUM_TOLERANCE:
        raise DataError(f"{file}, line {line}, column {column!r}: {text!r} isn't a probability")
    return value

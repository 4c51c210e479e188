"""What stands in the files of a run: run.json and predictions.csv."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from genrebench.records import Predictions, Run

FORMAT = 1
"""Version of the layout of run.json; a record with a larger one was written by a newer genrebench."""

_COLUMNS = ["track_id", "genre", "fold", "group"]
_FIELDS = frozenset(field.name for field in fields(Run))
_KINDS: dict[str, Any] = {
    "id": str,
    "status": str,
    "task": dict,
    "model": dict,
    "seed": int,
    "metrics": dict | None,
    "timings": dict,
    "peak_rss_mb": int | float | None,
    "environment": dict,
    "facts": dict,
    "curves": list | tuple,
    "started": str,
    "error": str | None,
    "predictions": dict | None,
}


class NewerFormatError(ValueError):
    """A newer genrebench wrote the record."""


# ------------------------------------------------------------------ run.json


def plain(value: Any) -> Any:
    """`value` in JSON's types: NumPy's and paths translated, numbers that JSON doesn't know (NaN, infinity) as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def record_to_json(run: Run) -> bytes:
    """The content of run.json, in ASCII."""
    record = {"format": FORMAT} | {field.name: plain(getattr(run, field.name)) for field in fields(Run)}
    # ASCII, so that a file name that isn't Unicode survives too
    return (json.dumps(record, indent=1) + "\n").encode("ascii")


def record_from_json(data: bytes) -> Run:
    """Read run.json.

    Raises
    ------
    ValueError, TypeError
        If it isn't the record of a run; `NewerFormatError` if a newer genrebench wrote it.
    """
    record = json.loads(data)
    if not isinstance(record, dict):
        raise TypeError("not an object")
    if record.get("format", 0) > FORMAT:
        raise NewerFormatError
    run = Run(**{key: value for key, value in record.items() if key in _FIELDS})
    for name, kind in _KINDS.items():
        value = getattr(run, name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r:.40}")
    if run.status == "finished" and not isinstance(run.task.get("genres"), list):
        raise TypeError("its task has no genres")
    return replace(run, curves=tuple(run.curves))


# ------------------------------------------------------------------ predictions.csv


def test_counts(predictions: Predictions) -> list[list[int]]:
    """For each fold, the number of tracks of each genre."""
    n_folds = int(predictions.folds.max(initial=0)) + 1
    counts = np.zeros((n_folds, len(predictions.genres)), dtype=np.int64)
    np.add.at(counts, (predictions.folds, predictions.labels), 1)
    listed: list[list[int]] = counts.tolist()
    return listed


def predictions_to_csv(predictions: Predictions) -> bytes:
    """The content of predictions.csv; numbers are written so that they come back bit by bit."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_COLUMNS + [f"p:{genre}" for genre in predictions.genres])
    n = len(predictions.ids)
    groups = [""] * n if predictions.groups is None else ["" if g < 0 else g for g in predictions.groups.tolist()]
    names = [predictions.genres[label] for label in predictions.labels.tolist()]
    rows = zip(predictions.ids, names, predictions.folds.tolist(), groups, predictions.probabilities.tolist(), strict=True)
    writer.writerows([track, genre, fold, group, *row] for track, genre, fold, group, row in rows)
    return out.getvalue().encode("utf-8", "surrogateescape")


def predictions_from_csv(data: bytes) -> Predictions:
    """Read predictions.csv.

    Raises
    ------
    ValueError, KeyError, csv.Error
        If it isn't a table of predictions.
    """
    reader = csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""), strict=True)
    header = next(reader, [])
    n = len(_COLUMNS)
    if header[:n] != _COLUMNS or not all(name.startswith("p:") for name in header[n:]):
        raise ValueError(f"the columns are not {', '.join(_COLUMNS)} and p:<genre>")
    genres = tuple(name[2:] for name in header[n:])
    index = {genre: i for i, genre in enumerate(genres)}
    rows = list(reader)
    if any(len(row) != len(header) for row in rows):
        raise ValueError("its rows differ in length")
    probabilities = np.array([list(map(float, row[n:])) for row in rows], dtype=np.float64).reshape(len(rows), len(genres))
    groups = np.array([int(row[3] or -1) for row in rows], dtype=np.int64)
    return Predictions(
        ids=tuple(row[0] for row in rows),
        genres=genres,
        labels=np.array([index[row[1]] for row in rows], dtype=np.int64),
        folds=np.array([int(row[2]) for row in rows], dtype=np.int64),
        probabilities=probabilities,
        groups=groups if (groups >= 0).any() else None,
    )

"""Reading and writing of predictions.csv, the predictions of a run's test tracks."""

from __future__ import annotations

import csv
import io

import numpy as np

from genrebench.records import Predictions

_COLUMNS = ["track_id", "genre", "fold", "group"]


def test_counts(predictions: Predictions) -> tuple[tuple[int, ...], ...]:
    """Number of test tracks per fold and genre."""
    n_folds = int(predictions.folds.max(initial=0)) + 1
    counts = np.zeros((n_folds, len(predictions.genres)), dtype=np.int64)
    np.add.at(counts, (predictions.folds, predictions.labels), 1)
    return tuple(map(tuple, counts.tolist()))


def predictions_to_csv(predictions: Predictions) -> bytes:
    """Content of predictions.csv; probabilities are written with full precision."""
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
    """Parse predictions.csv.

    Raises
    ------
    ValueError, KeyError, csv.Error
        If it isn't a table of predictions.
    """
    reader = csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""), strict=True)
    header = next(reader, [])
    n = len(_COLUMNS)
    if header[:n] != _COLUMNS or not all(name.startswith("p:") for name in header[n:]):
        raise ValueError(f"the columns aren't {', '.join(_COLUMNS)} and p:GENRE")
    genres = tuple(name[2:] for name in header[n:])
    index = {genre: i for i, genre in enumerate(genres)}
    rows = list(reader)
    if any(len(row) != len(header) for row in rows):
        raise ValueError("the rows differ in length")
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

"""Reading and writing of predictions.csv, the predictions of a run's test tracks."""

from __future__ import annotations

import csv
import io
from array import array

import numpy as np

from genrebench.records import Predictions

MAX_FOLDS = 10_000
MAX_GROUP = 2**31 - 1
MAX_DIGITS = 20

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
    ValueError, csv.Error
        If it isn't a table of predictions.
    """
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape", newline=""), strict=True)
    header = next(reader, [])
    n = len(_COLUMNS)
    if header[:n] != _COLUMNS or not all(name.startswith("p:") for name in header[n:]):
        raise ValueError(f"the columns aren't {', '.join(_COLUMNS)} and p:GENRE")
    genres = tuple(name[2:] for name in header[n:])
    index = {genre: i for i, genre in enumerate(genres)}
    if len(index) < len(genres):
        raise ValueError("two columns have the same genre")
    ids: list[str] = []
    labels, folds, groups, probabilities = array("q"), array("q"), array("q"), array("d")
    for row in reader:
        if len(row) != len(header):
            raise ValueError("the rows differ in length")
        if row[1] not in index:
            raise ValueError(f"there is no column for the genre {row[1]!r:.60}")
        ids.append(row[0])
        labels.append(index[row[1]])
        folds.append(_whole(row[2], 0, MAX_FOLDS))
        groups.append(_whole(row[3] or "-1", -1, MAX_GROUP))
        probabilities.extend(map(float, row[n:]))
    if len(set(zip(ids, folds, strict=True))) < len(ids):
        raise ValueError("a track is in it twice")
    known = np.array(groups, dtype=np.int64)
    return Predictions(
        ids=tuple(ids),
        genres=genres,
        labels=np.array(labels, dtype=np.int64),
        folds=np.array(folds, dtype=np.int64),
        probabilities=np.array(probabilities, dtype=np.float64).reshape(len(ids), len(genres)),
        groups=known if (known >= 0).any() else None,
    )


def _whole(text: str, low: int, high: int) -> int:
    number = int(text) if len(text) < MAX_DIGITS else high + 1
    if not low <= number <= high:
        raise ValueError(f"{text:.40} isn't a number from {low} to {high}")
    return number

"""Reading and writing of predictions.csv, the predictions of a run's test tracks."""

from __future__ import annotations

import csv
import functools
import io
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

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
    return _as_written(data) or _of_any_form(data)


def _as_written(data: bytes) -> Predictions | None:
    """Parse a table as `predictions_to_csv` writes it where no name needs quotes; None for any other, which csv has to read.

    The numbers are read as one JSON array, which is ten times faster than by float() and gives the same values.
    """
    head, _, body = data.partition(b"\r\n")
    if b'"' in data or b"\n" in head or b"\r" in head or not body.endswith(b"\r\n"):
        return None
    text = np.frombuffer(body, np.uint8)
    ends, returns, commas = (np.flatnonzero(text == ord(sign)) for sign in "\n\r,")
    genres = _genres(head.decode("utf-8", "surrogateescape").split(","))
    n_rows, n_commas = len(ends), len(_COLUMNS) + len(genres) - 1
    if not genres or len(commas) != n_rows * n_commas:
        return None
    of_rows = commas.reshape(n_rows, n_commas)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if not np.array_equal(returns, ends - 1) or (of_rows[:, 0] < starts).any() or (of_rows[:, -1] > ends).any():
        return None
    lengths = of_rows[:, len(_COLUMNS) - 1] + 1 - starts  # of the columns about the tracks, with the comma after them
    stops = np.cumsum(lengths)
    about_tracks = np.arange(stops[-1]) + np.repeat(starts - stops + lengths, lengths)
    tracks, numbers = text[about_tracks], text.copy()
    tracks[stops - 1] = ord("\n")
    numbers[about_tracks], numbers[returns] = ord(" "), ord(",")
    listed = numbers[: returns[-1]].tobytes()
    minus = np.flatnonzero(numbers == ord("-"))
    if listed.translate(None, b"0123456789.,eE+- \n") or (numbers[minus - 1] != ord("e")).any():  # -0 is 0 in JSON
        return None
    try:
        probabilities = np.array(from_json(b"[%b]" % listed), dtype=np.float64)
    except (ValueError, OverflowError):
        return None
    return _predictions(*_tracks(tracks[:-1].tobytes(), genres), genres, probabilities)


def _of_any_form(data: bytes) -> Predictions:
    """Parse a table with quotes, other ends of lines or other forms of numbers."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape", newline=""), strict=True)
    header = next(reader, [])
    genres = _genres(header)
    n = len(_COLUMNS)
    tracks: list[list[str]] = []
    probabilities = array("d")
    for row in reader:
        if len(row) != len(header):
            raise ValueError("the rows differ in length")
        tracks.append(row[:n])
        probabilities.extend(map(float, row[n:]))
    return _predictions(*_columns(tracks, genres), genres, np.array(probabilities, dtype=np.float64))


def _genres(header: list[str]) -> tuple[str, ...]:
    n = len(_COLUMNS)
    if header[:n] != _COLUMNS or not all(name.startswith("p:") for name in header[n:]):
        raise ValueError(f"the columns aren't {', '.join(_COLUMNS)} and p:GENRE")
    genres = tuple(name[2:] for name in header[n:])
    if len(set(genres)) < len(genres):
        raise ValueError("two columns have the same genre")
    return genres


Columns = tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Ids, labels, folds and groups."""


@functools.lru_cache(maxsize=4)
def _tracks(lines: bytes, genres: tuple[str, ...]) -> Columns:
    """Parse lines of the first four columns, which the runs of a task share."""
    rows = lines.decode("utf-8", "surrogateescape").split("\n") if lines else []
    columns = _columns([row.split(",") for row in rows], genres)
    for column in columns[1:]:
        column.setflags(write=False)
    return columns


def _columns(rows: Sequence[Sequence[str]], genres: tuple[str, ...]) -> Columns:
    index = {genre: i for i, genre in enumerate(genres)}
    labels, folds, groups = array("q"), array("q"), array("q")
    for _, genre, fold, group in rows:
        if genre not in index:
            raise ValueError(f"there is no column for the genre {genre!r:.60}")
        labels.append(index[genre])
        folds.append(_whole(fold, 0, MAX_FOLDS))
        groups.append(_whole(group or "-1", -1, MAX_GROUP))
    ids = tuple(row[0] for row in rows)
    if len(set(zip(ids, folds, strict=True))) < len(ids):
        raise ValueError("a track is in it twice")
    return ids, np.array(labels, dtype=np.int64), np.array(folds, dtype=np.int64), np.array(groups, dtype=np.int64)


def _predictions(
    ids: tuple[str, ...],
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    groups: NDArray[np.int64],
    genres: tuple[str, ...],
    probabilities: NDArray[np.float64],
) -> Predictions:
    return Predictions(
        ids=ids,
        genres=genres,
        labels=labels,
        folds=folds,
        probabilities=probabilities.reshape(len(ids), len(genres)),
        groups=groups if (groups >= 0).any() else None,
    )


def _whole(text: str, low: int, high: int) -> int:
    number = int(text) if len(text) < MAX_DIGITS else high + 1
    if not low <= number <= high:
        raise ValueError(f"{text:.40} isn't a number from {low} to {high}")
    return number

"""Reading the files in a run's folder: they may have been edited, or come from a stranger."""

from __future__ import annotations

import contextlib
import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genrebench.errors import StoreError
from genrebench.evaluation import metrics
from genrebench.reading import read_within
from genrebench.records import Predictions
from genrebench.runs.predictions import predictions_from_csv
from genrebench.runs.reader_cache import is_cached, read_cached, write_cached
from genrebench.runs.record import Run
from genrebench.runs.scored import Scored, decode, encode, score
from genrebench.runs.serialization import NewerFormatError, curve_point, curves_from_json, record_from_json

RECORD = "run.json"
PREDICTIONS = "predictions.csv"
CURVES = "curves.jsonl"

MAX_RECORD = 64 * 2**20
MAX_PREDICTIONS = 512 * 2**20
MAX_CURVES = 32 * 2**20
"""Largest sizes of the files of a run, in bytes; those of all of FMA are far smaller."""

SCORES = "scores"
"""Folder of the reader's cache."""


def removal(run_id: str) -> str:
    """How to remove a run, for messages."""
    return f"remove it with `genrebench runs rm {run_id}`"


def read_record(folder: Path) -> Run:
    """Read the record of the run in a folder.

    Raises
    ------
    StoreError
        If it is damaged, or that of another run.
    """
    file, run_id = folder / RECORD, folder.name
    try:
        run = record_from_json(read_within(folder, RECORD, MAX_RECORD))
    except OSError as error:
        raise StoreError(f"{file} can't be read: {error.strerror}; {removal(run_id)}") from error
    except NewerFormatError as error:
        raise StoreError(f"{file} was written by a newer version of genrebench; update genrebench") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"{file} is damaged ({' '.join(str(error).split())}); {removal(run_id)}") from error
    if run.id != run_id:
        raise StoreError(f"{file} is the record of another run, {run.id!r}; {removal(run_id)}")
    return run


# ------------------------------------------------------------------ curves


def read_curves(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """Read the points of a run's training curves: fold, epoch, and values by name.

    If there are several points for the same fold and epoch, the last one is used. Incomplete lines, left by a killed run, are
    skipped.

    Raises
    ------
    StoreError
        If the file can't be read.
    """
    try:
        lines = read_within(folder, CURVES, MAX_CURVES).splitlines()
    except FileNotFoundError:
        return curves_in_record(folder)
    except OSError as error:
        raise StoreError(f"{folder / CURVES} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{folder / CURVES} can't be read: {error}; remove it to go on without curves") from error
    points: dict[tuple[int, int], Mapping[str, Any]] = {}
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            point = curve_point(line)
            key = point["fold"], point["epoch"]
            points.pop(key, None)
            points[key] = point
    return tuple(points.values())


def curves_in_record(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """Read the curves from run.json, where version 0.1.0 wrote them."""
    try:
        return curves_from_json(read_within(folder, RECORD, MAX_RECORD))
    except (OSError, ValueError, TypeError, RecursionError):
        return ()


# ------------------------------------------------------------------ predictions and their scores


def read_predictions(folder: Path, run: Run) -> Predictions:
    """Read the predictions of a finished run.

    Raises
    ------
    StoreError
        If the run isn't finished, the file is missing or was edited, or doesn't fit the record.
    """
    return _parsed(folder, run, verified_file(folder, run))


def read_scored(folder: Path, run: Run) -> Scored:
    """Score a finished run's predictions; cached scores are used if the file hasn't changed.

    Raises
    ------
    StoreError
        As in `read_predictions`, or if the predictions can't be scored.
    """
    if run.predictions is None:
        return score(read_predictions(folder, run))  # raises the error that names the run's status
    stamp = stamp_of(folder)
    data = read_cached(SCORES, *_cache_key(folder, run))
    cached = None if data is None else decode(data)
    if cached and cached[1] == stamp:
        return cached[0]
    data = verified_file(folder, run)
    try:
        scored = cached[0] if cached else score(_parsed(folder, run, data))
    except ValueError as error:
        raise StoreError(f"the predictions of run {run.id!r} can't be scored: {error}; repeat the run") from error
    cache_scores(folder, run, scored, stamp)
    return scored


def has_scores(folder: Path, run: Run) -> bool:
    """Whether scores of these predictions are cached."""
    return is_cached(SCORES, *_cache_key(folder, run))


def cache_scores(folder: Path, run: Run, scored: Scored, stamp: list[int] | None) -> None:
    """Keep the scores of a run; `stamp` is that of its predictions, None where there are none."""
    if stamp is not None:
        write_cached(encode(scored, stamp), SCORES, *_cache_key(folder, run))


def stamp_of(folder: Path) -> list[int] | None:
    """What changes whenever a run's predictions are written or another file takes their place."""
    try:
        stat = (folder / PREDICTIONS).stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]


def _cache_key(folder: Path, run: Run) -> list[Any]:
    """All that the scores depend on, the version of the metrics among it, and all that the predictions were checked for."""
    recorded, task = run.predictions, run.task
    checked = [] if recorded is None else [recorded.sha256, recorded.rows]
    return [metrics.VERSION, str(folder / PREDICTIONS), *checked, task.n_folds, list(task.genres)]


def verified_file(folder: Path, run: Run) -> bytes:
    """The content of predictions.csv, after a check that it wasn't edited."""
    if run.predictions is None:
        raise StoreError(f"run {run.id!r} has no predictions (status {run.status}); repeat it with `genrebench run`")
    file = folder / PREDICTIONS
    try:
        data = read_within(folder, PREDICTIONS, MAX_PREDICTIONS)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StoreError(f"{file} can't be read: {reason}; repeat the run, or {removal(run.id)}") from error
    if hashlib.sha256(data).hexdigest() != run.predictions.sha256:
        raise StoreError(
            f"{file} was changed after the run (its checksum differs from the one in {RECORD}); "
            f"restore the original, repeat the run, or {removal(run.id)}"
        )
    return data


def _parsed(folder: Path, run: Run, data: bytes) -> Predictions:
    file = folder / PREDICTIONS
    try:
        predictions = predictions_from_csv(data)
    except (csv.Error, ValueError) as error:
        raise StoreError(f"{file} isn't a table of predictions ({error}); repeat the run, or {removal(run.id)}") from error
    rows = None if run.predictions is None else run.predictions.rows
    for what, differ in (
        ("other genres", run.task.genres != predictions.genres),
        ("another number of test tracks", rows != len(predictions.ids)),
        ("more folds", predictions.folds.max(initial=0) >= run.task.n_folds),
    ):
        if differ:
            raise StoreError(f"{file} has {what} than {RECORD} says; repeat the run, or {removal(run.id)}")
    return predictions

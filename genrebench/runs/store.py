"""Runs on disk: ``<root>/<run id>/`` has run.json, predictions.csv, figures/ and model/.

Files are written atomically, and the status of a run becomes "finished" only after its predictions are written. So several
processes can write into the same root, and a crash never leaves a partial result that looks complete.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from genrebench import temporary
from genrebench.errors import StoreError, UsageError
from genrebench.evaluation import metrics
from genrebench.files import write, write_json
from genrebench.jsontypes import plain
from genrebench.reading import read_within, require_ordinary_files
from genrebench.records import Predictions
from genrebench.runs.predictions import predictions_from_csv, predictions_to_csv, test_counts
from genrebench.runs.reader_cache import read_cached, write_cached
from genrebench.runs.record import PredictionsRecord, Run
from genrebench.runs.scored import Scored, decode, encode, score
from genrebench.runs.serialization import (
    NewerFormatError,
    curve_point,
    curves_from_json,
    record_from_json,
    record_to_dict,
)

RECORD = "run.json"
PREDICTIONS = "predictions.csv"
CURVES = "curves.jsonl"
CHECKPOINT = "checkpoint"

MAX_RECORD = 64 * 2**20
MAX_PREDICTIONS = 512 * 2**20
MAX_CURVES = 32 * 2**20
"""Largest sizes of the files of a run, in bytes; those of all of FMA are far smaller."""

MAX_ID = 200
SCORES = "scores"
"""Folder of the reader's cache."""

P = ParamSpec("P")
R = TypeVar("R")


def _store_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Convert an OSError into a StoreError."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except OSError as error:
            where = error.filename if error.filename is not None else getattr(args[0], "root", "the runs folder")
            raise StoreError(
                f"the runs folder can't be used: {where}: {error.strerror or error}; free disk space, fix the permissions, or "
                "choose another folder with --runs"
            ) from error

    return wrapped


class RunStore:
    """The runs in a folder.

    Parameters
    ----------
    root : Path
        Created when the first run begins.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()  # a plugin may change the current folder

    def folder(self, run_id: str) -> Path:
        """Folder of a run, which needn't exist.

        Raises
        ------
        StoreError
            If `run_id` isn't of the form [a-z0-9-]+, which prevents paths outside the root.
        """
        if not re.fullmatch(r"[a-z0-9-]+", run_id) or len(run_id) > MAX_ID:
            raise StoreError(
                f"{run_id!r:.250} isn't a run id (a-z, 0-9 and -, at most {MAX_ID}); list the runs with `genrebench runs list`"
            )
        return self.root / run_id

    @_store_errors
    def begin(self, run: Run) -> Path:
        """Create the run's folder with its record, atomically.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        StoreError
            If there is already a run with this id, or the folder can't be written.
        """
        with self._new_folder(run.id) as new:
            write_json(new / RECORD, record_to_dict(run))
        return self.folder(run.id)

    @_store_errors
    def add(self, run: Run, predictions: Predictions) -> Run:
        """Create the folder of a run whose predictions are there already, atomically.

        Returns
        -------
        Run
            As `finish`.

        Raises
        ------
        StoreError
            As `begin`.
        """
        with self._new_folder(run.id) as new:
            data = predictions_to_csv(predictions)
            write(new / PREDICTIONS, data)
            finished = replace(run, status="finished", predictions=_predictions_record(predictions, data))
            write_json(new / RECORD, record_to_dict(finished))
        return finished

    @contextlib.contextmanager
    def _new_folder(self, run_id: str) -> Iterator[Path]:
        """Yield a hidden folder that becomes the run's when the body has ended."""
        folder = self.folder(run_id)
        self.root.mkdir(parents=True, exist_ok=True)
        exists = StoreError(f"there is already a run {run_id!r} in {self.root}; choose another id")
        if folder.exists():
            raise exists
        temporary.sweep(self.root)
        with temporary.owned(folder, folder=True) as (new, _):
            yield new
            try:
                new.rename(folder)
            except OSError as error:
                if folder.exists():  # another process created it in the meantime
                    raise exists from error
                raise

    @_store_errors
    def save(self, run: Run) -> None:
        """Replace the record of a run that has begun."""
        write_json(self.folder(run.id) / RECORD, record_to_dict(run))

    @_store_errors
    def write_part(self, file: Path, content: bytes) -> None:
        """Write a file into the folder of a run that has begun."""
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, content)

    @_store_errors
    def finish(self, run: Run, predictions: Predictions) -> Run:
        """Write the predictions, then the record with status "finished".

        Returns
        -------
        Run
            The finished run, with the checksum of its predictions.
        """
        data = predictions_to_csv(predictions)
        write(self.folder(run.id) / PREDICTIONS, data)
        record = _predictions_record(predictions, data)
        finished = replace(run, status="finished", predictions=record)
        self.save(finished)
        with contextlib.suppress(ValueError):  # predictions that can't be scored are still stored
            self._cache_scores(finished, score(predictions), _stamp(self.folder(run.id) / PREDICTIONS))
        return finished

    def load(self, run_id: str) -> Run:
        """Read the record of a run.

        Raises
        ------
        StoreError
            If there is no such run, or its record is damaged.
        """
        folder = self.folder(run_id)
        if not folder.is_dir():
            raise StoreError(f"there is no run {run_id!r} in {self.root}; list the runs with `genrebench runs list`")
        file = folder / RECORD
        try:
            run = record_from_json(read_within(folder, RECORD, MAX_RECORD))
        except OSError as error:
            raise StoreError(f"{file} can't be read: {error.strerror}; {_removal(run_id)}") from error
        except NewerFormatError as error:
            raise StoreError(f"{file} was written by a newer version of genrebench; update genrebench") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreError(f"{file} is damaged ({' '.join(str(error).split())}); {_removal(run_id)}") from error
        if run.id != run_id:
            raise StoreError(f"{file} is the record of another run, {run.id!r}; {_removal(run_id)}")
        return run

    @_store_errors
    def scan(self) -> tuple[list[Run], list[str]]:
        """Read all records, and remove what killed processes left behind.

        Returns
        -------
        runs : list of Run
            Newest first.
        problems : list of str
            One line per folder that isn't a readable run.
        """
        runs, problems = [], []
        temporary.sweep(self.root)
        for name in self._names():
            try:
                runs.append(self.load(name))
            except StoreError as error:
                problems.append(str(error))
        for run in runs:
            self._tidy(run)
        runs.sort(key=lambda run: (run.started, run.id), reverse=True)
        return runs, problems

    def _tidy(self, run: Run) -> None:
        """Remove what a killed process left in a run's folder: temporary files, and the checkpoints of a finished run."""
        folder = self.folder(run.id)
        if folder.is_symlink():
            return
        temporary.sweep(folder)
        if run.status == "finished" and (folder / CHECKPOINT).is_dir():
            with contextlib.suppress(StoreError, UsageError), locked(folder):
                shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)

    def runs(self) -> list[Run]:
        """The readable runs, newest first; `scan` also returns the problems."""
        return self.scan()[0]

    def require_ordinary(self, run_id: str) -> None:
        """Check, before anything is written into a run's folder, that no link in it leads elsewhere.

        Raises
        ------
        StoreError
        """
        folder = self.folder(run_id)
        try:
            require_ordinary_files(folder)
        except (OSError, ValueError) as error:
            raise StoreError(f"{folder} isn't continued: {error}; start without --resume, or {_removal(run_id)}") from error

    def curves(self, run: Run) -> tuple[Mapping[str, Any], ...]:
        """Read the points of a run's training curves: fold, epoch, and values by name.

        If there are several points for the same fold and epoch, the last one is used. Incomplete lines, left by a killed run,
        are skipped.
        """
        folder = self.folder(run.id)
        try:
            lines = read_within(folder, CURVES, MAX_CURVES).splitlines()
        except FileNotFoundError:
            return self._curves_in_record(folder)
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

    @_store_errors
    def keep_curves(self, run_id: str) -> None:
        """Move the curves of a run of version 0.1.0 into curves.jsonl, before its record is rewritten without them."""
        folder = self.folder(run_id)
        points = self._curves_in_record(folder)
        if points and not (folder / CURVES).exists():
            write(folder / CURVES, b"".join(json.dumps(plain(point)).encode() + b"\n" for point in points))

    @staticmethod
    def _curves_in_record(folder: Path) -> tuple[Mapping[str, Any], ...]:
        """Read the curves from run.json, where version 0.1.0 wrote them."""
        try:
            return curves_from_json(read_within(folder, RECORD, MAX_RECORD))
        except (OSError, ValueError, TypeError, RecursionError):
            return ()

    def predictions(self, run: Run) -> Predictions:
        """Read the predictions of a finished run.

        Raises
        ------
        StoreError
            If the run isn't finished, the file is missing or was edited, or doesn't fit the record.
        """
        return self._parsed(run, self._verified(run))

    def scored(self, run: Run) -> Scored:
        """Score a finished run's predictions; cached scores are used if the file hasn't changed.

        Raises
        ------
        StoreError
            As in `predictions`, or if the predictions can't be scored.
        """
        if run.predictions is None:
            return score(self.predictions(run))  # raises the error that names the run's status
        stamp = _stamp(self.folder(run.id) / PREDICTIONS)
        data = read_cached(SCORES, *self._cache_key(run))
        cached = None if data is None else decode(data)
        if cached and cached[1] == stamp:
            return cached[0]
        data = self._verified(run)
        try:
            scored = cached[0] if cached else score(self._parsed(run, data))
        except ValueError as error:
            raise StoreError(f"the predictions of run {run.id!r} can't be scored: {error}; repeat the run") from error
        self._cache_scores(run, scored, stamp)
        return scored

    def _verified(self, run: Run) -> bytes:
        """The content of predictions.csv, after a check that it wasn't edited."""
        if run.predictions is None:
            raise StoreError(f"run {run.id!r} has no predictions (status {run.status}); repeat it with `genrebench run`")
        file = self.folder(run.id) / PREDICTIONS
        try:
            data = read_within(file.parent, PREDICTIONS, MAX_PREDICTIONS)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise StoreError(f"{file} can't be read: {reason}; repeat the run, or {_removal(run.id)}") from error
        if hashlib.sha256(data).hexdigest() != run.predictions.sha256:
            raise StoreError(
                f"{file} was changed after the run (its checksum differs from the one in {RECORD}); "
                f"restore the original, repeat the run, or {_removal(run.id)}"
            )
        return data

    def _parsed(self, run: Run, data: bytes) -> Predictions:
        file = self.folder(run.id) / PREDICTIONS
        try:
            predictions = predictions_from_csv(data)
        except (csv.Error, ValueError) as error:
            raise StoreError(f"{file} isn't a table of predictions ({error}); repeat the run, or {_removal(run.id)}") from error
        rows = None if run.predictions is None else run.predictions.rows
        for what, differ in (
            ("other genres", run.task.genres != predictions.genres),
            ("another number of test tracks", rows != len(predictions.ids)),
            ("more folds", predictions.folds.max(initial=0) >= run.task.n_folds),
        ):
            if differ:
                raise StoreError(f"{file} has {what} than {RECORD} says; repeat the run, or {_removal(run.id)}")
        return predictions

    def _cache_key(self, run: Run) -> list[Any]:
        """All that the scores depend on, the version of the metrics among it, and all that the predictions were checked for."""
        recorded, task = run.predictions, run.task
        file = str((self.folder(run.id) / PREDICTIONS).absolute())
        checked = [] if recorded is None else [recorded.sha256, recorded.rows]
        return [metrics.VERSION, file, *checked, task.n_folds, list(task.genres)]

    def _cache_scores(self, run: Run, scored: Scored, stamp: list[int] | None) -> None:
        if stamp is not None:
            write_cached(encode(scored, stamp), SCORES, *self._cache_key(run))

    @_store_errors
    def remove(self, run_id: str) -> None:
        """Delete a run's folder, even if its record is damaged.

        Raises
        ------
        StoreError
            If there is no such folder, or it can't be deleted.
        UsageError
            If another process is working on the run.
        """
        folder = self.folder(run_id)
        if not folder.is_dir():
            raise StoreError(f"there is no run {run_id!r} in {self.root}; list the runs with `genrebench runs list`")
        if folder.is_symlink():
            folder.unlink()
            return
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(StoreError):  # a damaged folder may have no place for a lock
                stack.enter_context(locked(folder))
            hidden = temporary.beside(folder)
            folder.rename(hidden)  # atomic, so that no other process reads a partly deleted run
        shutil.rmtree(hidden)

    def _names(self) -> Iterator[str]:
        try:
            with os.scandir(self.root) as entries:
                yield from sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry))
        except (FileNotFoundError, NotADirectoryError):
            return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run, so that no other process resumes or removes it; the lock of a process that dies is released.

    Raises
    ------
    UsageError
        If another process has locked it.
    StoreError
        If the folder can't be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(temporary.exclusive(folder / ".lock", wait=False))
        except OSError as error:
            raise StoreError(
                f"{folder} can't be written: {error.strerror}; fix the permissions, or start without --resume"
            ) from error
        if not held:
            raise UsageError(f"{folder.name} is in use by another process; wait for it to end, or stop it first")
        yield


def _predictions_record(predictions: Predictions, data: bytes) -> PredictionsRecord:
    return PredictionsRecord(
        sha256=hashlib.sha256(data).hexdigest(), rows=len(predictions.ids), test_counts=test_counts(predictions)
    )


def _stamp(file: Path) -> list[int] | None:
    """What changes whenever a file is written or another one takes its place."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev]


def _removal(run_id: str) -> str:
    return f"remove it with `genrebench runs rm {run_id}`"

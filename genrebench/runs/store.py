"""Runs on disk: ``<root>/<run id>/`` has run.json, predictions.csv, figures/ and model/.

Files are written atomically, and the status of a run becomes "finished" only after its predictions are written. So several
processes can write into the same root, and a crash never leaves a partial result that looks complete.
"""

from __future__ import annotations

import contextlib
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
from genrebench.files import write, write_json
from genrebench.jsontypes import plain
from genrebench.reading import require_ordinary_files
from genrebench.records import Predictions
from genrebench.runs.contents import (
    CURVES,
    PREDICTIONS,
    RECORD,
    cache_scores,
    curves_in_record,
    read_curves,
    read_predictions,
    read_record,
    read_scored,
    removal,
    stamp_of,
    verified_file,
)
from genrebench.runs.measured import Metrics, read_measured
from genrebench.runs.predictions import predictions_to_csv, test_counts
from genrebench.runs.record import PredictionsRecord, Run
from genrebench.runs.scored import Scored, score
from genrebench.runs.serialization import record_to_dict

CHECKPOINT = "checkpoint"
LOCK = ".lock"
MAX_ID = 200

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


class RunInUseError(UsageError):
    """Another process works on a run."""


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
            return _write_finished(new, run, predictions)

    @_store_errors
    def adopt(self, run: Run, files: Path) -> Run:
        """Create the folder of a finished run with the files of another folder, atomically, and with this record.

        Returns
        -------
        Run

        Raises
        ------
        StoreError
            As `begin`.
        """
        with self._new_folder(run.id) as new:
            shutil.copytree(files, new, dirs_exist_ok=True)
            write_json(new / RECORD, record_to_dict(run))
        return run

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
        folder = self.folder(run.id)
        finished = _write_finished(folder, run, predictions)
        with contextlib.suppress(ValueError):  # predictions that can't be scored are still stored
            cache_scores(folder, finished, score(predictions), stamp_of(folder))
        return finished

    def load(self, run_id: str) -> Run:
        """Read the record of a run.

        Raises
        ------
        StoreError
            If there is no such run, or its record is damaged.
        """
        return read_record(self._existing(run_id))

    def _existing(self, run_id: str) -> Path:
        folder = self.folder(run_id)
        if not folder.is_dir():
            raise StoreError(f"there is no run {run_id!r} in {self.root}; list the runs with `genrebench runs list`")
        return folder

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
        for name in self.ids():
            try:
                runs.append(self.load(name))
            except StoreError as error:
                problems.append(str(error))
        for run in runs:
            self._tidy(run)
        runs.sort(key=lambda run: (run.started, run.id), reverse=True)
        return runs, problems

    def _tidy(self, run: Run) -> None:
        """Remove what a killed process left in a run's folder: temporary files, lock and checkpoints of a finished run."""
        folder = self.folder(run.id)
        if folder.is_symlink():
            return
        others = temporary.sweep(folder)
        if run.status == "finished" and (CHECKPOINT in others or LOCK in others):
            with contextlib.suppress(StoreError, UsageError), locked(folder):  # which removes the file of the lock
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
            raise StoreError(f"{folder} isn't continued: {error}; start without --resume, or {removal(run_id)}") from error

    def curves(self, run: Run) -> tuple[Mapping[str, Any], ...]:
        """Read a run's training curves; see `genrebench.runs.contents.read_curves`."""
        return read_curves(self.folder(run.id))

    @_store_errors
    def keep_curves(self, run_id: str) -> None:
        """Move the curves of a run of version 0.1.0 into curves.jsonl, before its record is rewritten without them."""
        folder = self.folder(run_id)
        points = curves_in_record(folder)
        if points and not (folder / CURVES).exists():
            write(folder / CURVES, b"".join(json.dumps(plain(point)).encode() + b"\n" for point in points))

    def predictions(self, run: Run) -> Predictions:
        """Read a finished run's predictions; see `genrebench.runs.contents.read_predictions`."""
        return read_predictions(self.folder(run.id), run)

    def predictions_file(self, run: Run) -> bytes:
        """Content of predictions.csv as the run wrote it; errors as for `predictions`, but it isn't parsed."""
        return verified_file(self.folder(run.id), run)

    def scored(self, run: Run) -> Scored:
        """Score a finished run's predictions; see `genrebench.runs.contents.read_scored`."""
        return read_scored(self.folder(run.id), run)

    def measured(self, run: Run, specs: Metrics) -> tuple[Scored, list[str]]:
        """Score a finished run by the built-in metrics and those of plugins; and one line for each of these that failed."""
        scored = self.scored(run)
        measured, problems = read_measured(self.folder(run.id), run, specs) if specs else ({}, [])
        return scored.with_metrics(measured), [f"run {run.id!r}: {problem}" for problem in problems]

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
        folder = self._existing(run_id)
        if folder.is_symlink():
            folder.unlink()
            return
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(StoreError):  # a damaged folder may have no place for a lock
                stack.enter_context(locked(folder))
            hidden = folder.rename(temporary.beside(folder))  # atomic, so that no other process reads a partly deleted run
        shutil.rmtree(hidden)

    def ids(self) -> Iterator[str]:
        """Yield the names of the folders of runs, in order; those of damaged runs, too."""
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
    RunInUseError
        If another process has locked it.
    StoreError
        If the folder can't be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(temporary.exclusive(folder / LOCK, wait=False))
        except OSError as error:
            raise StoreError(
                f"{folder} can't be written: {error.strerror}; fix the permissions, or start without --resume"
            ) from error
        if not held:
            raise RunInUseError(f"{folder.name} is in use by another process; wait for it to end, or stop it first")
        yield


def _write_finished(folder: Path, run: Run, predictions: Predictions) -> Run:
    """Write the predictions, then the record of the finished run, which is returned."""
    data = predictions_to_csv(predictions)
    write(folder / PREDICTIONS, data)
    recorded = PredictionsRecord(
        sha256=hashlib.sha256(data).hexdigest(), rows=len(predictions.ids), test_counts=test_counts(predictions)
    )
    finished = replace(run, status="finished", predictions=recorded)
    write_json(folder / RECORD, record_to_dict(finished))
    return finished

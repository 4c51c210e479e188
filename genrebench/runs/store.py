"""Runs on disk: ``<root>/<run id>/`` holds run.json, predictions.csv, and what the run leaves in figures/ and model/.

Every file appears whole or not at all, and a run's status turns to "finished" only after its predictions are there. So
several processes may write into one root, and a crash leaves nothing that reads like a result.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from genrebench.errors import StoreError
from genrebench.files import beside, write, write_json
from genrebench.records import Predictions
from genrebench.runs.predictions import predictions_from_csv, predictions_to_csv, test_counts
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
SCORES = "scores.cache"

P = ParamSpec("P")
R = TypeVar("R")


def _one_line(method: Callable[P, R]) -> Callable[P, R]:
    """Turn what the disk says into a StoreError."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except OSError as error:
            where = error.filename if error.filename is not None else getattr(args[0], "root", "the runs folder")
            raise StoreError(
                f"the runs folder refuses: {where}: {error.strerror or error}; make room or give another folder with --runs"
            ) from error

    return wrapped


class RunStore:
    """The runs below one folder.

    Parameters
    ----------
    root : Path
        Made when the first run begins.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, run_id: str) -> Path:
        """Folder of a run, whether or not it is there.

        Raises
        ------
        StoreError
            If `run_id` is not of the form [a-z0-9-]+, so that no id leads out of the root.
        """
        if not re.fullmatch(r"[a-z0-9-]+", run_id):
            raise StoreError(f"{run_id!r} is no run id (a-z, 0-9 and -); `genrebench runs list` shows them")
        return self.root / run_id

    @_one_line
    def begin(self, run: Run) -> Path:
        """Make the run's folder with its record in it, both at once.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        StoreError
            If a run of that id is there already, or the disk refuses.
        """
        folder = self.folder(run.id)
        self.root.mkdir(parents=True, exist_ok=True)
        taken = StoreError(f"there is a run {run.id!r} in {self.root} already; take another id")
        if folder.exists():
            raise taken
        new = beside(folder)
        new.mkdir()
        try:
            write_json(new / RECORD, record_to_dict(run))
            new.rename(folder)
        except BaseException as error:
            shutil.rmtree(new, ignore_errors=True)
            if isinstance(error, OSError) and folder.exists():  # another process was first
                raise taken from error
            raise
        return folder

    @_one_line
    def save(self, run: Run) -> None:
        """Replace the record of a run that has begun."""
        write_json(self.folder(run.id) / RECORD, record_to_dict(run))

    @_one_line
    def finish(self, run: Run, predictions: Predictions) -> Run:
        """Write the predictions, then the record with status "finished".

        Returns
        -------
        Run
            As it was written, with the checksum of its predictions.
        """
        data = predictions_to_csv(predictions)
        write(self.folder(run.id) / PREDICTIONS, data)
        about = PredictionsRecord(
            sha256=hashlib.sha256(data).hexdigest(), rows=len(predictions.ids), test_counts=test_counts(predictions)
        )
        with contextlib.suppress(ValueError):  # what can't be scored is stored all the same
            self._remember(self.folder(run.id), score(predictions), about.sha256)
        finished = replace(run, status="finished", predictions=about)
        self.save(finished)
        return finished

    def load(self, run_id: str) -> Run:
        """Read the record of a run.

        Raises
        ------
        StoreError
            If there is no such run or its record is damaged.
        """
        folder = self.folder(run_id)
        if not folder.is_dir():
            raise StoreError(f"there is no run {run_id!r} in {self.root}; `genrebench runs list` shows those that are")
        file = folder / RECORD
        try:
            run = record_from_json(file.read_bytes())
        except OSError as error:
            raise StoreError(f"{file} can't be read: {error.strerror}; {_removal(run_id)}") from error
        except NewerFormatError as error:
            raise StoreError(f"{file} was written by a newer genrebench; update this one") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreError(f"{file} is damaged ({str(error).splitlines()[0]}); {_removal(run_id)}") from error
        if run.id != run_id:
            raise StoreError(f"{file} is the record of {run.id!r}; {_removal(run_id)}")
        return run

    @_one_line
    def scan(self) -> tuple[list[Run], list[str]]:
        """Read all records.

        Returns
        -------
        runs : list of Run
            Newest first.
        problems : list of str
            One line for each folder that isn't a readable run.
        """
        runs, problems = [], []
        for name in self._names():
            try:
                runs.append(self.load(name))
            except StoreError as error:
                problems.append(str(error))
        runs.sort(key=lambda run: (run.started, run.id), reverse=True)
        return runs, problems

    def runs(self) -> list[Run]:
        """The readable runs, newest first; `scan` also tells which folders can't be read."""
        return self.scan()[0]

    def curves(self, run: Run) -> tuple[Mapping[str, Any], ...]:
        """Read the points of a run's curves: fold, epoch, and values by name.

        Of several points of one fold and epoch, the last counts; a line that was cut short when the run died is left out.
        """
        folder = self.folder(run.id)
        try:
            lines = (folder / CURVES).read_bytes().splitlines()
        except FileNotFoundError:
            return self._curves_of_the_record(folder)
        except OSError as error:
            raise StoreError(f"{folder / CURVES} can't be read: {error.strerror}") from error
        points: dict[tuple[int, int], Mapping[str, Any]] = {}
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, RecursionError):
                point = curve_point(line)
                key = point["fold"], point["epoch"]
                points.pop(key, None)
                points[key] = point
        return tuple(points.values())

    @staticmethod
    def _curves_of_the_record(folder: Path) -> tuple[Mapping[str, Any], ...]:
        """Version 0.1.0 kept curves in run.json."""
        try:
            return curves_from_json((folder / RECORD).read_bytes())
        except (OSError, ValueError, TypeError, RecursionError):
            return ()

    def predictions(self, run: Run) -> Predictions:
        """Read the predictions of a finished run.

        Raises
        ------
        StoreError
            If the run isn't finished, the file is missing, or it isn't the one that the run wrote.
        """
        return self._parsed(run, self._verified(run))

    def scored(self, run: Run) -> Scored:
        """Scores of a finished run's predictions; quick where they were scored before and haven't been touched since.

        Raises
        ------
        StoreError
            As `predictions` does, or if the predictions can't be scored.
        """
        folder = self.folder(run.id)
        sha256 = "" if run.predictions is None else run.predictions.sha256
        stamp = _stamp(folder / PREDICTIONS)
        cache = folder / SCORES
        known = decode(cache.read_bytes(), sha256) if stamp and cache.is_file() else None
        if known and known[1] == stamp:
            return known[0]
        data = self._verified(run)
        try:
            found = known[0] if known else score(self._parsed(run, data))
        except ValueError as error:
            raise StoreError(f"the predictions of run {run.id!r} can't be scored: {error}; repeat it") from error
        self._remember(folder, found, sha256)
        return found

    def _verified(self, run: Run) -> bytes:
        """The content of predictions.csv, if it is what the run wrote."""
        if run.predictions is None:
            raise StoreError(f"run {run.id!r} has no predictions (status {run.status}); repeat it with `genrebench run`")
        file = self.folder(run.id) / PREDICTIONS
        try:
            data = file.read_bytes()
        except OSError as error:
            raise StoreError(f"{file} can't be read: {error.strerror}; repeat the run, or {_removal(run.id)}") from error
        if hashlib.sha256(data).hexdigest() != run.predictions.sha256:
            raise StoreError(
                f"{file} was changed after the run (its checksum isn't the one in {RECORD}); "
                f"put the original back, repeat the run, or {_removal(run.id)}"
            )
        return data

    def _parsed(self, run: Run, data: bytes) -> Predictions:
        try:
            return predictions_from_csv(data)
        except (csv.Error, ValueError, KeyError, IndexError) as error:
            file = self.folder(run.id) / PREDICTIONS
            raise StoreError(f"{file} isn't a table of predictions ({error}); repeat the run, or {_removal(run.id)}") from error

    @staticmethod
    def _remember(folder: Path, found: Scored, sha256: str) -> None:
        stamp = _stamp(folder / PREDICTIONS)
        with contextlib.suppress(OSError):  # a folder that can't be written costs time, nothing else
            if stamp:
                write(folder / SCORES, encode(found, sha256, stamp), durable=False)

    @_one_line
    def remove(self, run_id: str) -> None:
        """Delete a run's folder, readable or not.

        Raises
        ------
        StoreError
            If there is no such folder, or the disk refuses.
        """
        folder = self.folder(run_id)
        if not folder.is_dir():
            raise StoreError(f"there is no run {run_id!r} in {self.root}; `genrebench runs list` shows those that are")
        if folder.is_symlink():
            folder.unlink()
            return
        doomed = beside(folder)
        folder.rename(doomed)  # at once, so that nobody reads half of it
        shutil.rmtree(doomed)

    def _names(self) -> Iterator[str]:
        try:
            with os.scandir(self.root) as entries:
                yield from sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return


def _stamp(file: Path) -> list[int] | None:
    """Size and times of a file: what changes whenever it is written."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _removal(run_id: str) -> str:
    return f"remove it with `genrebench runs rm {run_id}`"

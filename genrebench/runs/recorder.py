"""Recording of a run in progress: its record and the files in its folder."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
from numpy.typing import NDArray

from genrebench import files
from genrebench.environment import PeakMemory, without_home
from genrebench.errors import GenrebenchError, StoreError, UsageError
from genrebench.evaluation import metrics
from genrebench.evaluation.scoring import Scoring
from genrebench.jsontypes import plain
from genrebench.plugin.contract import Context
from genrebench.plugin.hosted import BuiltModel, one_line
from genrebench.reading import read_arrays
from genrebench.runs.record import Run
from genrebench.runs.store import CURVES, RunStore
from genrebench.session import Session

COLUMNS = "columns.json"


@dataclass(frozen=True)
class FoldOutput:
    """The result of one fold of a run.

    Parameters
    ----------
    probabilities : ndarray of shape (n_test_tracks, n_genres)
    temperature : float
        Temperature fitted on the fold's validation tracks; nan if there are none.
    """

    probabilities: NDArray[np.float64]
    temperature: float


class Recorder:
    """Keeps the record and the folder of a run in progress up to date.

    Parameters
    ----------
    run : Run
        A run that has begun in the store.
    store : RunStore
    session : Session
    columns : tuple of tuple of str
        Column names of the model's feature table; empty for other inputs.
    """

    def __init__(self, run: Run, store: RunStore, session: Session, columns: tuple[tuple[str, ...], ...] = ()) -> None:
        self.run, self.store, self.session, self.columns = run, store, session, columns
        self.folder = store.folder(run.id)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Lock the run while the body fits and scores it, and record errors and interruptions.

        Raises
        ------
        UsageError
            If another process has locked the run.
        KeyboardInterrupt
            After the run was recorded as interrupted. Other errors are recorded as failures and not raised.
        """
        with locked(self.folder):
            self.store.keep_curves(self.run.id)
            try:
                with PeakMemory() as memory:
                    self._memory = memory
                    yield
            except KeyboardInterrupt:
                self.save(status="interrupted", error="interrupted by the user; continue with 'genrebench run ... --resume'")
                raise
            except Exception as error:
                self.save(status="failed", error=one_line(error))
                with contextlib.suppress(OSError):
                    (self.folder / "error.txt").write_text(without_home(traceback.format_exc()), encoding="utf-8")

    def save(self, **changes: Any) -> None:
        """Write the record with `changes`.

        If the disk is full, the model, figures and checkpoints are deleted to make room for the record.
        """
        self.run = dataclasses.replace(self.run, **changes)
        try:
            self.store.save(self.run)
        except StoreError:
            for name in ("model", "figures", "checkpoint"):
                shutil.rmtree(self.folder / name, ignore_errors=True)
            with contextlib.suppress(StoreError):
                self.store.save(self.run)

    def finish(self, scoring: Scoring) -> None:
        """Write the predictions and the final record, and remove files that only an unfinished run needs."""
        for problem in scoring.problems:
            self.session.say(f"warning: {problem}")
        run = dataclasses.replace(
            self.run,
            metrics=scoring.metrics,
            metrics_version=metrics.VERSION,
            facts={**self.run.facts, **plain(scoring.facts)},
            peak_rss_mb=round(max(self._memory.peak_mb, self.run.peak_rss_mb or 0.0), 1),
        )
        self.run = self.store.finish(run, scoring.predictions)
        shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)
        (self.folder / "error.txt").unlink(missing_ok=True)  # from a failure before --resume

    def saved_output(self, number: int) -> FoldOutput | None:
        """Return the output of a fold if it was finished before an interruption; a damaged file counts as not finished."""
        try:
            saved = read_arrays(self._fold_file(number))
            return FoldOutput(saved["probabilities"], float(saved["temperature"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save_output(self, number: int, output: FoldOutput) -> FoldOutput:
        """Save the output of a fold until the run is finished, and return it."""
        with files.atomic(self._fold_file(number)) as temporary, temporary.open("wb") as file:
            np.savez(file, probabilities=output.probabilities, temperature=output.temperature)
        return output

    def save_model(self, model: BuiltModel, number: int) -> None:
        """Save the fitted model of a fold, and its column names, so that later inputs can have the same columns."""
        n_folds = self.run.task.n_folds
        folder = model_folders(self.folder, n_folds)[number]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        model.save(folder)
        if self.columns:
            files.write(self.folder / "model" / COLUMNS, json.dumps(self.columns).encode())
        if number == n_folds - 1:
            self._save_figures(model)

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the duration of the body to a timing."""
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = self.run.timings.get(name, 0.0) + time.perf_counter() - start
            self.run = dataclasses.replace(self.run, timings={**self.run.timings, name: seconds})

    def context(self, number: int) -> Context:
        """Context for the model of fold `number`."""
        return self.session.context(
            self.run.task.genres,
            seed=self.run.seed,
            checkpoints=self._subfolder("checkpoint", f"model-{number}"),
            columns=self.columns,
            log=lambda epoch, values: self._log(number, epoch, values),
            record=self.record_fact,
        )

    def record_fact(self, name: str, value: Any) -> None:
        """Record a fact about the run."""
        self.save(facts={**self.run.facts, name: plain(value)})

    def _save_figures(self, model: BuiltModel) -> None:
        """Save the model's figures as images; an error is a warning and doesn't fail the run."""
        try:
            for title, figure in model.figures().items():
                name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "figure"
                figure.savefig(self._subfolder("figures") / f"{name}.png", dpi=120, metadata={"Title": title})
        except Exception as error:
            reason = one_line(error)
            label = "" if isinstance(error, GenrebenchError) else f"{model.label}: "
            self.session.say(f"warning: the figures can't be drawn: {label}{reason}")
            self.record_fact("figures_error", reason)

    def _fold_file(self, number: int) -> Path:
        return self._subfolder("checkpoint") / f"fold-{number}.npz"

    def _subfolder(self, *names: str) -> Path:
        folder = self.folder.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """Append a point to the training curves; an incomplete last line, left by a killed run, is terminated first."""
        point = {"fold": fold, "epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        file = self.folder / CURVES
        try:
            with file.open("ab+") as stream:
                if stream.seek(0, os.SEEK_END) and _last_byte(file) != b"\n":
                    stream.write(b"\n")
                stream.write(json.dumps(plain(point)).encode() + b"\n")
        except OSError as error:  # a full disk shouldn't fail the run because of a curve
            self.session.say(f"warning: {file} can't be written: {error.strerror}")
        text = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.session.say(f"fold {fold + 1} epoch {epoch}: {text}")


def model_folders(folder: Path, n_folds: int) -> list[Path]:
    """Folders of the fitted models of a run, one per fold."""
    model = folder / "model"
    return [model] if n_folds == 1 else [model / f"fold-{number}" for number in range(n_folds)]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run, so that no other process resumes it; the lock of a process that dies is released."""
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UsageError(f"{folder.name} is running in another process; wait for it, or start without --resume") from None
    except OSError as error:
        raise StoreError(
            f"{folder} can't be written: {error.strerror}; fix the permissions, or start without --resume"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _last_byte(file: Path) -> bytes:
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)

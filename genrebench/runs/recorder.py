"""A run while it grows: its record, and what it leaves in its folder."""

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
from genrebench.runs.record import Run
from genrebench.runs.store import CURVES, RunStore
from genrebench.session import Session

COLUMNS = "columns.json"


@dataclass(frozen=True)
class FoldOutput:
    """What a fold contributes to a run.

    Parameters
    ----------
    probabilities : ndarray of shape (n_test_tracks, n_genres)
    temperature : float
        The one that fits the fold's validation tracks best; nan where it has none.
    """

    probabilities: NDArray[np.float64]
    temperature: float


class Recorder:
    """The record of a run that is under way, and its folder.

    Parameters
    ----------
    run : Run
        Has begun in the store.
    store : RunStore
    session : Session
    columns : tuple of tuple of str
        Names of the columns that the model sees; empty where it sees no table.
    """

    def __init__(self, run: Run, store: RunStore, session: Session, columns: tuple[tuple[str, ...], ...] = ()) -> None:
        self.run, self.store, self.session, self.columns = run, store, session, columns
        self.folder = store.folder(run.id)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Hold the run while the body fits and scores it; what ends the body is recorded.

        Raises
        ------
        UsageError
            If another process holds the run.
        KeyboardInterrupt
            After the run was recorded as interrupted. Other errors end here: the run is recorded as failed.
        """
        with locked(self.folder):
            try:
                with PeakMemory() as memory:
                    self._memory = memory
                    yield
            except KeyboardInterrupt:
                self.save(status="interrupted", error="interrupted by the user; 'genrebench run ... --resume' goes on")
                raise
            except Exception as error:
                self.save(status="failed", error=one_line(error))
                with contextlib.suppress(OSError):
                    (self.folder / "error.txt").write_text(without_home(traceback.format_exc()), encoding="utf-8")

    def save(self, **changes: Any) -> None:
        """Write the record with `changes`.

        Where a full disk refuses, an unfinished run's model and checkpoints make room: they are worth less than its status.
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
        """Write the predictions and close the record; what only an unfinished run needs is removed."""
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
        (self.folder / "error.txt").unlink(missing_ok=True)  # of a failure before --resume

    def kept_output(self, number: int) -> FoldOutput | None:
        """What an interrupted run kept of a fold that it had finished."""
        file = self._fold_file(number)
        if not file.is_file():
            return None
        with np.load(file) as saved:
            return FoldOutput(saved["probabilities"], float(saved["temperature"]))

    def keep_output(self, number: int, output: FoldOutput) -> FoldOutput:
        """Keep the output of a finished fold until the run ends, and return it."""
        with files.atomic(self._fold_file(number)) as temporary, temporary.open("wb") as file:
            np.savez(file, probabilities=output.probabilities, temperature=output.temperature)
        return output

    def keep_model(self, model: BuiltModel, number: int) -> None:
        """Save the fitted model of a fold, and the names of its columns, so that it can be given the same ones later."""
        n_folds = self.run.task.n_folds
        folder = model_folders(self.folder, n_folds)[number]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        model.save(folder)
        if self.columns:
            files.write(self.folder / "model" / COLUMNS, json.dumps(self.columns).encode())
        if number == n_folds - 1:
            self._draw(model)

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of the body to a timing."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = self.run.timings.get(name, 0.0) + time.perf_counter() - began
            self.run = dataclasses.replace(self.run, timings={**self.run.timings, name: seconds})

    def context(self, number: int) -> Context:
        """What the model of fold `number` knows of the run."""
        return self.session.context(
            self.run.task.genres,
            seed=self.run.seed,
            checkpoints=self._made("checkpoint", f"model-{number}"),
            columns=self.columns,
            log=lambda epoch, values: self._log(number, epoch, values),
            record=self.fact,
        )

    def fact(self, name: str, value: Any) -> None:
        """Keep a fact of the run."""
        self.save(facts={**self.run.facts, name: plain(value)})

    def _draw(self, model: BuiltModel) -> None:
        """Keep the model's figures as images; one that can't be drawn doesn't cost the run."""
        try:
            for title, figure in model.figures().items():
                name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "figure"
                figure.savefig(self._made("figures") / f"{name}.png", dpi=120, metadata={"Title": title})
        except Exception as error:
            reason = one_line(error)
            owner = "" if isinstance(error, GenrebenchError) else f"{model.label}: "
            self.session.say(f"warning: the figures can't be drawn: {owner}{reason}")
            self.fact("figures_error", reason)

    def _fold_file(self, number: int) -> Path:
        return self._made("checkpoint") / f"fold-{number}.npz"

    def _made(self, *names: str) -> Path:
        folder = self.folder.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """Append a point to the curves; a line that a killed run left half-written ends first."""
        point = {"fold": fold, "epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        file = self.folder / CURVES
        try:
            with file.open("ab+") as stream:
                if stream.seek(0, os.SEEK_END) and _last_byte(file) != b"\n":
                    stream.write(b"\n")
                stream.write(json.dumps(plain(point)).encode() + b"\n")
        except OSError as error:  # a full disk: the curve isn't worth the run
            self.session.say(f"warning: {file} can't be written: {error.strerror}")
        told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.session.say(f"fold {fold + 1} epoch {epoch}: {told}")


def model_folders(folder: Path, n_folds: int) -> list[Path]:
    """Where the fitted models of a run are kept, one folder per fold."""
    model = folder / "model"
    return [model] if n_folds == 1 else [model / f"fold-{number}" for number in range(n_folds)]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run, so that no second process goes on with it; a process that dies lets go."""
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UsageError(f"{folder.name} is still running in another process; wait for it, or start without --resume") from None
    try:
        yield
    finally:
        lock.release()


def _last_byte(file: Path) -> bytes:
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)

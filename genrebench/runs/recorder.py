"""Recording of a run in progress: its record and the files in its folder."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from genrebench import files, temporary
from genrebench.environment import PeakMemory, without_home
from genrebench.errors import GenrebenchError, PluginError, StoreError
from genrebench.evaluation import metrics
from genrebench.evaluation.calibration import is_temperature
from genrebench.evaluation.scoring import Scoring
from genrebench.jsontypes import plain
from genrebench.plugin.blame import one_line
from genrebench.plugin.contract import Context
from genrebench.plugin.hosted import BuiltModel, checked
from genrebench.plugin.inputs import Prepared
from genrebench.plugin.isolation import undisturbed
from genrebench.reading import read_arrays
from genrebench.records import Fold
from genrebench.runs.contents import CURVES
from genrebench.runs.log import logging_to
from genrebench.runs.observed import Observers
from genrebench.runs.record import Run
from genrebench.runs.result import RunResult
from genrebench.runs.store import CHECKPOINT, RunStore, locked
from genrebench.session import Session

COLUMNS = "columns.json"
MODEL = "model"
MODEL_ERROR = "model_error"
ERROR = "error.txt"
BY_FOLD = "by_fold"
"""The fact that has the facts of all folds."""

T = TypeVar("T")


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

    Attributes
    ----------
    columns : tuple of tuple of str
        Column names of the model's feature table; empty for other inputs.
    """

    def __init__(self, run: Run, store: RunStore, session: Session) -> None:
        self.run, self.store, self.session = run, store, session
        self.columns: tuple[tuple[str, ...], ...] = ()
        self.folder = store.folder(run.id)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Lock the run while the body works on it, keep its log, and record errors and interruptions.

        What the body changes in the state of the process is put back at the end.

        Raises
        ------
        UsageError
            If another process has locked the run.
        KeyboardInterrupt
            After the run was recorded as interrupted. Other errors are recorded as failures and not raised.
        """
        with locked(self.folder), logging_to(self.folder, self.session, self.run.model.plugin) as self.session:
            temporary.sweep(self.folder)
            self.store.keep_curves(self.run.id)
            self.run = self.store.load(self.run.id)  # another process may have gone on with it in the meantime
            self.observers = Observers(self.session.say)
            try:
                with PeakMemory() as memory, undisturbed():
                    self._memory = memory
                    yield
            except KeyboardInterrupt:
                self.save(status="interrupted", error="interrupted by the user; continue with 'genrebench run ... --resume'")
                self._tell("failed")
                raise
            except Exception as error:
                self.save(status="failed", error=one_line(error))
                self._tell("failed")
                with contextlib.suppress(OSError):
                    (self.folder / ERROR).write_text(without_home(traceback.format_exc()), encoding="utf-8")

    def start(self) -> None:
        """Note that the run goes on from here, and tell its observers."""
        facts = {
            name: value for name, value in self.run.facts.items() if name != MODEL_ERROR
        }  # folds without model are repeated
        self.save(status="running", error=None, facts=facts)
        self.observers.make(self.session.observers)
        self._tell("started")

    def save(self, **changes: Any) -> None:
        """Write the record with `changes`; if it can't be written, this is said and the run goes on."""
        self.run = dataclasses.replace(self.run, **changes)
        try:
            self._with_room(lambda: self.store.save(self.run))
        except StoreError as error:
            self.session.say(f"warning: {error}")

    def finish(self, scoring: Scoring) -> None:
        """Write the predictions and the final record, and remove files that only an unfinished run needs."""
        for problem in scoring.problems:
            self.session.say(f"warning: {problem}")
        facts = {**self.run.facts, **plain(scoring.facts)}
        if not all(map(Path.is_dir, model_folders(self.folder, self.run.task.n_folds))):
            facts.setdefault(MODEL_ERROR, "it was removed from a full disk")
        run = dataclasses.replace(
            self.run,
            metrics=scoring.metrics,
            metrics_version=metrics.VERSION,
            facts=facts,
            peak_rss_mb=round(max(self._memory.peak_mb, self.run.peak_rss_mb or 0.0), 1),
        )
        self.run = self._with_room(lambda: self.store.finish(run, scoring.predictions))
        self._tell("finished")
        with contextlib.suppress(OSError):  # the run is finished: what can't be removed now is removed later
            (self.folder / ERROR).unlink(missing_ok=True)  # from a failure before --resume
            checkpoints = self.folder / CHECKPOINT
            shutil.rmtree(checkpoints.rename(temporary.beside(checkpoints)))

    def begin(self, prepared: Prepared) -> None:
        """Note what the inputs are, once they are there."""
        self.columns = prepared.columns
        model = dataclasses.replace(self.run.model, feature_source=prepared.source)
        self.save(model=model)

    def saved_output(self, number: int, fold: Fold) -> FoldOutput | None:
        """Return the output of a fold if it was finished before an interruption.

        With a damaged file, or without its model, it counts as not finished.
        """
        if not model_folders(self.folder, self.run.task.n_folds)[number].is_dir():
            return None
        try:
            saved = read_arrays(self._fold_file(number))
            temperature = float(saved["temperature"])
            probabilities = saved["probabilities"]
            checked(probabilities, len(fold.test), len(self.run.task.genres), "the fold")
        except (OSError, ValueError, KeyError, TypeError, PluginError):
            return None
        sound = is_temperature(temperature) if fold.validation else np.isnan(temperature)
        return FoldOutput(probabilities, temperature) if sound else None

    def save_output(self, number: int, output: FoldOutput) -> FoldOutput:
        """Save the output of a fold until the run is finished, and return it."""
        content = io.BytesIO()
        np.savez(content, probabilities=output.probabilities, temperature=output.temperature)
        self._with_room(lambda: self.store.write_part(self._fold_file(number), content.getvalue()))
        return output

    def save_model(self, model: BuiltModel, number: int) -> None:
        """Save the fitted model of a fold, and the last one's figures; an error is a warning: the scores don't need them."""
        try:
            self._with_room(lambda: files.retried(lambda: self._write_model(model, number)))
        except Exception as error:
            reason = one_line(error)
            self.session.say(f"warning: the model can't be saved, so that this run can't predict other files: {reason}")
            self.record_fact(MODEL_ERROR, reason)
        if number == self.run.task.n_folds - 1:
            self._save_figures(model)

    def _write_model(self, model: BuiltModel, number: int) -> None:
        """Write a fold's model, whole or not at all, and the names of its columns, which later inputs have to have too."""
        folder = model_folders(self.folder, self.run.task.n_folds)[number]
        with temporary.owned(self.folder / MODEL, folder=True) as (new, _):
            model.save(new)
            files.sync(new)
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(exist_ok=True)
            new.rename(folder)
        if self.columns:
            files.write(self.folder / MODEL / COLUMNS, json.dumps(self.columns).encode())

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
            checkpoints=self._subfolder(CHECKPOINT, f"model-{number}"),
            columns=self.columns,
            log=lambda epoch, values: self.log_point(number, epoch, values),
            record=lambda name, value: self._record_of_fold(number, name, value),
        )

    def record_fact(self, name: str, value: Any) -> None:
        """Record a fact about the run."""
        self.save(facts={**self.run.facts, name: plain(value)})

    def _record_of_fold(self, number: int, name: str, value: Any) -> None:
        """Record a fact about the model of a fold; with several folds the record has the last one's, and all in `by_fold`."""
        facts = {**self.run.facts, name: plain(value)}
        if self.run.task.n_folds > 1:
            by_fold = facts.get(BY_FOLD) or {}
            facts[BY_FOLD] = {**by_fold, name: {**by_fold.get(name, {}), str(number + 1): plain(value)}}
        self.save(facts=facts)

    def _tell(self, what: str) -> None:
        self.observers.tell(what, RunResult(self.run, self.store).to_json())

    def _save_figures(self, model: BuiltModel) -> None:
        """Save the model's figures as images; an error is a warning and doesn't fail the run."""
        try:
            for title, figure in model.figures().items():
                name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "figure"
                texts = {"Title": title, "Description": str(figure.get_label() or "")}
                image = io.BytesIO()
                figure.savefig(image, format="png", dpi=120, metadata=texts)
                files.write(self._subfolder("figures") / f"{name}.png", image.getvalue())
        except Exception as error:
            reason = one_line(error)
            label = "" if isinstance(error, GenrebenchError) else f"{model.label}: "
            self.session.say(f"warning: the figures can't be drawn: {label}{reason}")
            self.record_fact("figures_error", reason)

    def _with_room(self, write: Callable[[], T]) -> T:
        """Call `write`; if the disk is full, remove what can be spared, the least first, and call it again."""
        for spared in self._spared():
            try:
                return write()
            except Exception as error:
                if not files.is_full_disk(error):
                    raise
            for folder in filter(Path.exists, spared):
                shutil.rmtree(folder, ignore_errors=True)
                self.session.say(f"warning: the disk is full; {folder.relative_to(self.store.root)} was removed")
        return write()

    def _spared(self) -> list[list[Path]]:
        """What a resumed run makes again: figures, then models whose folds aren't finished; never a checkpoint."""
        folders = model_folders(self.folder, self.run.task.n_folds)
        unfinished = [folder for number, folder in enumerate(folders) if not self._fold_file(number).exists()]
        return [[self.folder / "figures"], unfinished]

    def _fold_file(self, number: int) -> Path:
        return self.folder / CHECKPOINT / f"fold-{number}.npz"

    def _subfolder(self, *names: str) -> Path:
        folder = self.folder.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log_point(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """Append a point to the training curves; an incomplete last line, left by a killed run, is terminated first."""
        point = {"fold": fold, "epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        file = self.folder / CURVES

        def append() -> None:
            with file.open("ab+") as stream:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - 1))
                if stream.read(1) not in (b"", b"\n"):
                    stream.write(b"\n")
                stream.write(json.dumps(plain(point)).encode() + b"\n")

        try:
            files.retried(append)
        except OSError as error:  # a full disk shouldn't fail the run because of a curve
            self.session.say(f"warning: {file} can't be written: {error.strerror}")
        self.observers.tell("epoch", fold, int(epoch), {name: float(value) for name, value in values.items()})
        text = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.session.say(f"{f'fold {fold + 1} ' if self.run.task.n_folds > 1 else ''}epoch {epoch}: {text}")


def model_folders(folder: Path, n_folds: int) -> list[Path]:
    """Folders of the fitted models of a run, one per fold."""
    model = folder / MODEL
    return [model] if n_folds == 1 else [model / f"fold-{number}" for number in range(n_folds)]

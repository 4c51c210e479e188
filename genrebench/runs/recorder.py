"""The record of one run while it grows, and the folders that belong to it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from genrebench import files
from genrebench.evaluation import metrics as scores
from genrebench.runs.predictions import one_line, owner_of
from genrebench.plugin.contract import Context, InputSpec, MetricSpec, Model, ModelSpec, Prepared, InputContext
from genrebench.environment import without_home
from genrebench.errors import StoreError, UsageError
from genrebench.plugin.options import plain
from genrebench.plugin.registry import Registered
from genrebench.records import Excerpt, Run, Task
from genrebench.runs.store import RunStore
from genrebench.session import Session


class Recorder:
    """The record of one run while it grows, and the folders that belong to it."""

    def __init__(self, store: RunStore, record: Run, session: Session) -> None:
        self.store = store
        self.record = record
        self.session = session

    def save(self, **changes: Any) -> None:
        """Write the record with `changes`.

        Where a full disk refuses, an unfinished run's model and checkpoints make room: they are worth less than its status.
        """
        self.record = dataclasses.replace(self.record, **changes)
        try:
            self.store.save(self.record)
        except StoreError:
            for name in ("model", "figures", "checkpoint"):
                shutil.rmtree(self.store.folder(self.record.id) / name, ignore_errors=True)
            with contextlib.suppress(StoreError):
                self.store.save(self.record)

    def fold_file(self, number: int) -> Path:
        """Where the answer of a finished fold is kept until the run ends."""
        return self._made("checkpoint") / f"fold-{number}.npz"

    def model_folder(self, number: int, n_folds: int) -> Path:
        """Return an empty folder for the model of a fold."""
        folder = self.store.folder(self.record.id) / "model"
        folder = folder if n_folds == 1 else folder / f"fold-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def keep_columns(self, prepared: Prepared) -> None:
        """Keep the names of a table's columns beside the model, so that it can be given the same ones later."""
        if prepared.columns:
            file = self.store.folder(self.record.id) / "model" / "columns.json"
            files.write(file, json.dumps(prepared.columns).encode())

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of the body to a timing."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = self.record.timings.get(name, 0.0) + time.perf_counter() - began
            self.record = dataclasses.replace(self.record, timings={**self.record.timings, name: seconds})

    def context(self, task: Task, number: int, prepared: Prepared) -> Context:
        """Return what the model of fold `number` gets to know."""
        return Context(
            genres=task.genres,
            seed=self.record.seed,
            device=self.session.device,
            workers=self.session.workers,
            checkpoints=self._made("checkpoint", f"model-{number}"),
            columns=prepared.columns,
            progress=self.session.progress,
            log=lambda epoch, values: self._log(number, epoch, values),
            record=self._fact,
        )

    def draw(self, model: Model, offer: Registered[ModelSpec]) -> None:
        """Keep the model's figures as images; one that can't be drawn doesn't cost the run."""
        try:
            figures = model.figures()
            for title, figure in figures.items():
                name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "figure"
                figure.savefig(self._made("figures") / f"{name}.png", dpi=120, metadata={"Title": title})
        except Exception as error:
            self.session.say(f"warning: {owner_of(offer)} can't draw its figures: {one_line(error)}")
            self._fact("figures_error", one_line(error))

    def _made(self, *names: str) -> Path:
        folder = self.store.folder(self.record.id).joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _log(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        point = {"fold": fold, "epoch": int(epoch), **{name: float(value) for name, value in values.items()}}
        kept = [p for p in self.record.curves if (p["fold"], p["epoch"]) != (fold, epoch)]
        self.save(curves=(*kept, point))
        self.session.log(fold, epoch, values)

    def _fact(self, name: str, value: Any) -> None:
        self.save(facts={**self.record.facts, name: plain(value)})


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


def keep_traceback(folder: Path) -> None:
    """Keep the traceback of the exception at hand in the folder of a run."""
    with contextlib.suppress(OSError):
        (folder / "error.txt").write_text(without_home(traceback.format_exc()), encoding="utf-8")

"""A job: a model with its options and seed, to be run on a task."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from genrebench.datasets import require_audio
from genrebench.environment import describe_environment
from genrebench.errors import DataError, UsageError
from genrebench.plugin.hosted import HostedModel
from genrebench.plugin.hosted_input import given_values
from genrebench.records import Task
from genrebench.runs.record import ModelRecord, Run, TaskRecord
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tasks.audit import untested


@dataclass(frozen=True)
class Job:
    """A model to be run on a task.

    Parameters
    ----------
    task : Task
    model : HostedModel
    seed : int
        Seed of the model.
    calibrate : bool
        Calibrate the probabilities by temperature scaling, with a temperature fitted on the validation tracks.
    experiment : mapping, optional
        The experiment that the job is part of, in JSON types; kept in the record as the fact "experiment".
    """

    task: Task
    model: HostedModel
    seed: int = 0
    calibrate: bool = False
    experiment: Mapping[str, Any] | None = None

    def needs_audio(self, session: Session) -> bool:
        """Whether the model's inputs are computed from audio, and don't come with the dataset."""
        requested = self.model.input
        return given_values(session.registry.registered_input(requested), requested, self.task.dataset) is None

    def check(self, session: Session) -> None:
        """Check before anything runs that the job is possible.

        Raises
        ------
        UsageError, DataError
            If the split has no test track, although it isn't "challenge", the model needs audio that the dataset doesn't have,
            there are no validation tracks for calibration, or the model can't run on the device or with its options.
        PluginError
            If the model's input isn't registered.
        """
        if (reason := untested(self.task.dataset, self.task.split)) is not None:
            raise DataError(reason)
        if self.calibrate and not all(fold.validation for fold in self.task.split.folds):
            raise UsageError(
                f"calibration needs validation tracks, which the split {self.task.split.name!r} doesn't have; choose another "
                "split or leave out the calibration"
            )
        if self.needs_audio(session):
            require_audio(self.task.dataset, self.task.dataset.tracks, self.task.extra)
        self.model.check(session.context(self.task.genres, seed=self.seed))

    def earlier_run(self, runs: Iterable[Run]) -> Run | None:
        """Return the first of `runs`, newest first, with the same task, model, version, options and seed, if there is one."""
        model = ModelRecord.of(self.model, calibrate=self.calibrate)
        return next(
            (
                run
                for run in runs
                if run.seed == self.seed
                and not run.lab
                and run.task.fingerprint == self.task.fingerprint
                and run.model.same_model(model)
            ),
            None,
        )

    def begin(self, store: RunStore, run_id: str | None = None) -> Run:
        """Begin a run of this job in a store; its id is `run_id`, or a new one."""
        model = ModelRecord.of(self.model, calibrate=self.calibrate)
        run = begin_record(TaskRecord.of(self.task), model, self.seed)
        if run_id is not None:
            run = replace(run, id=run_id)
        if self.experiment is not None:
            run = replace(run, facts={"experiment": dict(self.experiment)})
        store.begin(run)
        return run


def new_id(model: str, now: datetime.datetime) -> str:
    """An id for a run of a model that begins now."""
    return f"{model}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def begin_record(task: TaskRecord, model: ModelRecord, seed: int) -> Run:
    """Create the record of a run that begins now."""
    now = datetime.datetime.now(datetime.UTC)
    return Run(
        id=new_id(model.name, now),
        status="running",
        task=task,
        model=model,
        seed=seed,
        timings={"inputs_s": 0.0, "fit_s": 0.0, "predict_s": 0.0},
        environment=describe_environment(*([] if model.origin == "imported" else [model.plugin])),
        started=now.isoformat(timespec="microseconds"),
    )

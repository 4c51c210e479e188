"""A job: a model with its options and seed on a task, before it has become a run."""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass

from genrebench.datasets import require_audio
from genrebench.environment import describe_environment
from genrebench.errors import UsageError
from genrebench.plugin.contract import FeatureTable
from genrebench.plugin.hosted import HostedModel
from genrebench.records import Task
from genrebench.runs.record import ModelRecord, Run, TaskRecord
from genrebench.runs.store import RunStore
from genrebench.session import Session


@dataclass(frozen=True)
class Job:
    """What a run is to do.

    Parameters
    ----------
    task : Task
    model : HostedModel
    seed : int
        Seed of the model.
    calibrate : bool
        Divide the logarithms of the probabilities by a temperature that is fitted on the validation part.
    """

    task: Task
    model: HostedModel
    seed: int = 0
    calibrate: bool = False

    @property
    def uses_given_features(self) -> bool:
        """Whether the model sees feature values that came with the dataset, so that no audio is needed."""
        requested = self.model.input
        return (
            isinstance(requested, FeatureTable)
            and requested.source != "extract"
            and self.task.dataset.load_features is not None
        )

    def check(self, session: Session) -> None:
        """Refuse the job before anything runs, where that is possible.

        Raises
        ------
        UsageError, DataError
            If the dataset lacks the audio that the model needs, there is nothing to calibrate on, or the model refuses the
            device or its options.
        """
        if self.calibrate and not all(fold.validation for fold in self.task.split.folds):
            raise UsageError(
                f"--calibrate needs a validation part and the split {self.task.split.name!r} has none; choose another --split"
            )
        if not self.uses_given_features:
            require_audio(self.task.dataset, self.task.dataset.tracks, self.task.extra)
        self.model.check(session.context(self.task.genres, seed=self.seed))

    def earlier_run(self, store: RunStore) -> Run | None:
        """Return the newest run of the same task, model, version, options and seed, if there is one."""
        wanted = ModelRecord.of(self.model, calibrate=self.calibrate)
        return next(
            (
                run
                for run in store.runs()
                if run.seed == self.seed and run.task.fingerprint == self.task.fingerprint and run.model.same_work(wanted)
            ),
            None,
        )

    def begin(self, store: RunStore, feature_source: str | None) -> Run:
        """Begin a run of this job in a store; `feature_source` says where the inputs come from."""
        model = ModelRecord.of(self.model, calibrate=self.calibrate, feature_source=feature_source)
        run = begin_record(TaskRecord.of(self.task), model, self.seed)
        store.begin(run)
        return run


def begin_record(task: TaskRecord, model: ModelRecord, seed: int) -> Run:
    """Return the record of a run that begins now."""
    now = datetime.datetime.now(datetime.UTC)
    return Run(
        id=f"{model.name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        status="running",
        task=task,
        model=model,
        seed=seed,
        timings={"inputs_s": 0.0, "fit_s": 0.0, "predict_s": 0.0},
        environment=describe_environment(*([] if model.origin == "imported" else [model.plugin])),
        started=now.isoformat(timespec="microseconds"),
    )

"""What runs will need: time, disk and memory, from rates that were measured on this machine."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from genrebench.environment import available_memory, describe_environment
from genrebench.files import free_disk
from genrebench.inputs import make_clips
from genrebench.inputs.survey import Survey, survey
from genrebench.jsontypes import plain
from genrebench.plugin.inputs import Clip
from genrebench.progress import no_progress
from genrebench.runs.job import Job
from genrebench.runs.record import ModelRecord, Run
from genrebench.runs.store import RunStore
from genrebench.runs.trial import try_out
from genrebench.session import Session
from genrebench.tables import Shown, Table, counted
from genrebench.tasks.task import audio_hashes

_SAME = ("machine", "cpus", "system")
"""What the environments of runs on one machine have in common."""

UNKNOWN = "its time isn't known before a run of it has finished here; do one with a single seed"

_EPOCHS = "epochs"
"""The option by which models say how often they go through their data, and the fact by which they say how often they did."""

_TRIAL_SECONDS = 20.0
"""For the inputs of a trial."""

_SHARE = 0.8
"""Part of the free memory that runs at the same time may take."""


@dataclass(frozen=True)
class ModelNeeds:
    """What the runs of one model on one task will need.

    Parameters
    ----------
    model, dataset : str
    runs, finished : int
        Number of runs to do, and of those that have finished.
    cached, missing : int
        Number of distinct clips whose inputs are cached, and of the others.
    inputs_s : float
        Seconds to compute the missing inputs with all processes.
    run_s : float or None
        Seconds of one run; None if no run of the model has been measured.
    memory_mb : float or None
        Peak of one run, in 10^6 bytes.
    disk_mb : float
        For the missing inputs and the runs, in 10^6 bytes.
    basis : str
        What the run's time and memory were measured on.
    """

    model: str
    dataset: str
    runs: int
    finished: int
    cached: int
    missing: int
    inputs_s: float
    run_s: float | None
    memory_mb: float | None
    disk_mb: float
    basis: str


@dataclass(frozen=True, repr=False)
class Needs(Shown):
    """What runs will need.

    Parameters
    ----------
    models : tuple of ModelNeeds
        One per model and task.
    at_once : int
        Number of runs at the same time.
    seconds : float or None
        Until all have ended; None if a model's time isn't known.
    disk_mb, disk_free_mb : float
    memory_mb : float or None
        Of all runs at the same time.
    memory_free_mb : float
    """

    models: tuple[ModelNeeds, ...]
    at_once: int
    seconds: float | None
    disk_mb: float
    disk_free_mb: float
    memory_mb: float | None
    memory_free_mb: float

    def tables(self) -> list[Table]:
        """One row per model and task."""
        columns = ("model", "dataset", "runs", "cached", "inputs", "each run", "memory MB", "disk MB")
        rows = [
            (
                one.model,
                one.dataset,
                one.runs,
                f"{one.cached} of {one.cached + one.missing}" if one.cached + one.missing else "-",
                duration(one.inputs_s),
                duration(one.run_s),
                _number(one.memory_mb),
                _number(one.disk_mb),
            )
            for one in self.models
        ]
        return [Table.of(columns, rows, right=columns[2:])]

    def notes(self) -> list[str]:
        """The sums, and what they rest on."""
        known = "at least " if any(one.run_s is None for one in self.models if one.runs) else "about "
        time = sum(one.inputs_s for one in self.models) if self.seconds is None else self.seconds
        memory = "not known" if self.memory_mb is None else f"{_number(self.memory_mb)} MB"
        n_runs = sum(one.runs for one in self.models)
        lines = [
            f"{n_runs} run{'' if n_runs == 1 else 's'} to do, {self.at_once} at a time: {known}{duration(time)}.",
            f"Disk: {_number(self.disk_mb)} MB, of {_number(self.disk_free_mb)} MB that are free. Memory: {memory}, of "
            f"{_number(self.memory_free_mb)} MB.",
        ]
        return [*lines, *(f"{one.model}: {one.basis}." for one in self.models if one.runs)]

    def to_json(self) -> dict[str, Any]:
        """All values in JSON types."""
        return {
            "models": [plain(asdict(one)) for one in self.models],
            "at_once": self.at_once,
            "seconds": self.seconds,
            "disk_mb": self.disk_mb,
            "disk_free_mb": self.disk_free_mb,
            "memory_mb": self.memory_mb,
            "memory_free_mb": self.memory_free_mb,
        }


def needs_of(jobs: Sequence[Job], store: RunStore, session: Session) -> Needs:
    """What jobs will need; runs of them that have finished need nothing.

    The inputs of a few clips are computed, and kept, to measure the others.

    Parameters
    ----------
    jobs : sequence of Job
        Known to be possible.
    store : RunStore
        Its runs on this machine say what others will take.
    session : Session
    """
    runs = store.runs()
    grouped: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        grouped.setdefault((job.task.fingerprint, ModelRecord.of(job.model).name), []).append(job)
    surveyed: dict[tuple[str, str], Survey] = {}
    models = []
    for of_model in grouped.values():
        first = of_model[0]
        left = [job for job in of_model if (found := job.earlier_run(runs)) is None or found.status != "finished"]
        key = first.task.fingerprint, repr(first.model.input)
        known = key in surveyed  # another model has the same inputs, which are computed once
        if not known:
            surveyed[key] = _inputs(first, session) if left else Survey(0, 0)
        inputs = surveyed[key]
        took = measured(first, runs)
        if took.seconds is None and left:
            took = _tried(first, inputs, session)
        share = 0.0 if known else 1.0
        models.append(
            ModelNeeds(
                model=first.model.name,
                dataset=first.task.dataset.name,
                runs=len(left),
                finished=len(of_model) - len(left),
                cached=inputs.cached,
                missing=inputs.missing,
                inputs_s=share * inputs.seconds / session.workers,
                run_s=took.seconds,
                memory_mb=took.memory_mb,
                disk_mb=(share * inputs.bytes + len(left) * _size(took.run, store)) / 1e6,
                basis=took.basis,
            )
        )
    at_once = max(1, min(session.jobs, sum(one.runs for one in models)))
    return _summed(tuple(models), at_once, store, session)


@dataclass(frozen=True)
class Measured:
    """What a run of a job takes, as far as earlier runs tell.

    Parameters
    ----------
    seconds, memory_mb : float or None
    basis : str
    run : Run or None
        The run that was measured.
    """

    seconds: float | None
    memory_mb: float | None
    basis: str
    run: Run | None = None


def measured(job: Job, runs: Iterable[Run]) -> Measured:
    """What a run of a job takes, from the finished runs of its model on this machine.

    These are runs of the same task and options, or else one that is scaled by the number of tracks and epochs, the one with the
    fewest options that differ.
    """
    model, here = ModelRecord.of(job.model, calibrate=job.calibrate), describe_environment()
    alike = [
        run
        for run in runs
        if run.status == "finished"
        and not run.lab
        and (run.model.name, run.model.plugin) == (model.name, model.plugin)
        and all(run.environment.get(name) == here.get(name) for name in _SAME)
    ]
    if not alike:
        return Measured(None, None, UNKNOWN)
    same = [run for run in alike if run.task.fingerprint == job.task.fingerprint and dict(run.model.options) == model.options]
    if same:
        memory = [run.peak_rss_mb for run in same if run.peak_rss_mb is not None]
        seconds = statistics.median(run.timings.get("fit_s", 0.0) + run.timings.get("predict_s", 0.0) for run in same)
        basis = f"as measured in {len(same)} run{'s' if len(same) > 1 else ''} of it"
        return Measured(seconds, max(memory, default=None), basis, same[0])
    differing = [_differing(run.model.options, model.options) for run in alike]
    run, others = min(zip(alike, differing, strict=True), key=lambda pair: len(pair[1]))
    folds = job.task.split.folds
    training = sum(len(fold.training) for fold in folds) / max(run.task.n_training, 1)
    test = sum(len(fold.test) for fold in folds) / max(run.task.n_test, 1)
    done, planned = _epochs(run.facts) or _epochs(run.model.options), _epochs(model.options)
    epochs = planned / done if done and planned else 1.0
    seconds = epochs * training * run.timings.get("fit_s", 0.0) + test * run.timings.get("predict_s", 0.0)
    basis = f"scaled from a run on {run.task.n_training} training tracks"
    if epochs != 1.0:
        basis += f" and {counted(int(done), 'epoch')} to all {planned:g}"
    if others:
        basis += f", with other values of {', '.join(others)}, which aren't accounted for"
    return Measured(seconds, run.peak_rss_mb, basis, run)


def _differing(options: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """Names of the options with other values, but for the number of epochs, by which times are scaled."""
    return [name for name in {**options, **others} if name != _EPOCHS and options.get(name) != others.get(name)]


def _epochs(values: Mapping[str, Any]) -> float:
    """The number of epochs among options or facts of a run; 0 without."""
    value = values.get(_EPOCHS)
    return value if isinstance(value, int | float) and value > 0 else 0


def _tried(job: Job, inputs: Survey, session: Session) -> Measured:
    """What a run takes, from trials on a few tracks."""
    each = inputs.seconds / inputs.missing if inputs.missing else 0.0
    session.say(f"trying {job.model.name} on a few tracks, as no run of it has been measured here")
    trial = try_out(job, replace(session, say=lambda _: None, progress=no_progress), int(_TRIAL_SECONDS / max(each, 1e-3)))
    if trial is None:
        return Measured(None, None, UNKNOWN)
    basis = f"in proportion to a trial with {trial.tracks} tracks; models whose time grows faster than their data take longer"
    return Measured(trial.seconds, trial.memory_mb, basis)


def fitting(jobs: Sequence[Job], n: int, store: RunStore) -> int:
    """How many of `n` runs at the same time the free memory has room for, as far as earlier runs tell; at least 1."""
    runs = store.runs()
    distinct = {(job.task.fingerprint, job.model.name, repr(job.model.option_values)): job for job in jobs}
    known = [memory for job in distinct.values() if (memory := measured(job, runs).memory_mb)]
    return n if not known else max(1, min(n, int(_SHARE * available_memory() / 1e6 / max(known))))


def duration(seconds: float | None) -> str:
    """A rounded time for display."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def _inputs(job: Job, session: Session) -> Survey:
    task = job.task
    if not job.needs_audio(session):
        return Survey(0, 0)
    paths = {track.id: track.path for track in task.dataset.tracks}
    ids = task.split.ids
    hashes = audio_hashes(task.dataset, session.home, ids)
    clips: list[Clip] = make_clips({id_: paths[id_] for id_ in ids}, hashes)
    return survey(job.model.input, clips, session.input_context(task.excerpt), session.registry)


def _size(run: Run | None, store: RunStore) -> float:
    """Bytes of a run's folder."""
    if run is None:
        return 0.0
    return float(sum(file.stat().st_size for file in store.folder(run.id).rglob("*") if file.is_file()))


def _summed(models: tuple[ModelNeeds, ...], at_once: int, store: RunStore, session: Session) -> Needs:
    todo = [one for one in models if one.runs]
    times = [one.runs * one.run_s for one in todo if one.run_s is not None]
    memory = [one.memory_mb for one in todo if one.memory_mb is not None]
    inputs = sum(one.inputs_s for one in models)
    return Needs(
        models=models,
        at_once=at_once,
        seconds=inputs + sum(times) / at_once if len(times) == len(todo) else None,
        disk_mb=sum(one.disk_mb for one in models),
        disk_free_mb=min(free_disk(session.home), free_disk(store.root)) / 1e6,
        memory_mb=at_once * max(memory) if len(memory) == len(todo) and memory else None,
        memory_free_mb=available_memory() / 1e6,
    )


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"

"""Several jobs: one after the other, or at the same time in processes of their own.

The id of each run is chosen before it begins. So the work of a process that dies can be done again anywhere: it is the same
run, which goes on from its checkpoints, and a run that has finished in the meantime is only read.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench import temporary
from genrebench.errors import GenrebenchError, RunError
from genrebench.inputs import SPECS
from genrebench.progress import no_progress
from genrebench.records import Dataset, FeatureValues
from genrebench.runs.elsewhere import Work, do_fold, do_run
from genrebench.runs.examples import TaskExamples
from genrebench.runs.job import Job, new_id
from genrebench.runs.needs import fitting
from genrebench.runs.record import Run
from genrebench.runs.runner import run_as
from genrebench.runs.store import RunInUseError, RunStore, locked
from genrebench.session import Session
from genrebench.workers import WorkerDiedError, in_processes

if TYPE_CHECKING:
    from genrebench.cluster import Cluster

KILLED = "its process was killed several times, perhaps because the memory isn't enough; use fewer --jobs or a smaller model"
GIVEN_UP = "interrupted with the command that waited for it; continue with 'genrebench run ... --resume'"
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0
_SMALL = 4 * 2**20
"""Bytes of a table of features that is sent to the workers of a cluster with each run."""


def run_all(jobs: Sequence[Job], store: RunStore, session: Session, *, resume: bool = False) -> Iterator[tuple[int, Run]]:
    """Run jobs, ``session.jobs`` of them at the same time, once all are known to be possible.

    A run that fails, or whose process is killed, stops no other one. At the end, however it comes, no run goes on.

    Parameters
    ----------
    jobs : sequence of Job
    store : RunStore
    session : Session
        Its workers are shared out among the runs that are done at the same time.
    resume : bool
        Continue interrupted runs of these jobs, and yield finished ones without running them again.

    Yields
    ------
    index : int
        Place in `jobs`.
    run : Run
        In the order of completion; see `genrebench.runs.runner.run`.

    Raises
    ------
    GenrebenchError
        If a job isn't possible, or can't be sent to another process.
    KeyboardInterrupt
        On Ctrl-C; runs in progress are recorded as interrupted.
    """
    for job in jobs:
        job.check(session)
    if session.cluster is not None:
        held: dict[str, Dataset] = {}
        jobs = [_sent(job, session, held) for job in jobs]
        _require_reachable(jobs, store, session, session.cluster)
    earlier = store.runs() if resume else []
    ids: dict[int, str | None] = {}
    for index, job in enumerate(jobs):
        found = job.earlier_run(earlier)
        if found is not None and found.status == "finished":
            session.say(f"run {found.id} has already finished")
            yield index, found
        else:
            ids[index] = None if found is None else found.id
    several = max((len(jobs[index].task.split.folds) for index in ids), default=0) * len(ids) > 1
    if not ids or (session.cluster is None and not (several and session.jobs > 1)):
        for index, run_id in ids.items():
            yield index, run_as(run_id, jobs[index], store, session)
        return
    taken, units = set(store.ids()), {}
    for index, run_id in ids.items():
        units[index] = run_id or _free_id(jobs[index], taken), jobs[index]
        taken.add(units[index][0])
    with closing(_at_once(units, store, session)) as results:
        yield from results


def finished_runs(jobs: Sequence[Job], store: RunStore, session: Session) -> list[Run]:
    """Return a finished run of each job: earlier ones where there are any, the others are run.

    Raises
    ------
    RunError
        If a run fails, after the others have ended.
    """
    runs = dict(run_all(jobs, store, session, resume=True))
    for run in runs.values():
        if run.status != "finished":
            raise RunError(f"run {run.id} failed: {run.error}")
    return [runs[index] for index in range(len(jobs))]


def _at_once(units: Mapping[int, tuple[str, Job]], store: RunStore, session: Session) -> Generator[tuple[int, Run], None, None]:
    jobs = [job for _, job in units.values()]
    _prepare(jobs, session)
    folds = _folds(units) if len(units) < session.jobs else []
    n = min(session.jobs, len(folds) or len(units))
    if session.cluster is None and (fits := fitting(jobs, n, store)) < n:
        session.say(f"{fits} of {n} runs at a time, as the free memory has no room for more")
        n = fits
    workers = max(1, session.workers // n) if session.cluster is None else session.cluster.threads
    alone = replace(session, jobs=1, cluster=None, workers=workers, progress=no_progress, say=_ignore)
    left = {index: run_id for index, (run_id, _) in units.items()}
    warned: set[str] = set()
    try:
        with contextlib.ExitStack() as stack:
            store.root.mkdir(parents=True, exist_ok=True)
            wanted, _ = stack.enter_context(temporary.owned(store.root / "grid"))
            if session.cluster is not None:
                stack.enter_context(session.cluster.used(gpu=session.device.startswith("cuda")))
            packed = Work(units, store, alone, wanted).packed()
            if folds:
                _do_folds(packed, folds, units, n, store, session)
            results = stack.enter_context(closing(_surviving(packed, units, n, store)))
            for index, run, warnings in session.progress(results, "runs", len(units)):
                for text in warnings:
                    if text not in warned:
                        session.say(text)
                warned.update(warnings)
                del left[index]
                session.say(f"{len(units) - len(left)} of {len(units)}: {_outcome(run)}")
                yield index, run
    finally:
        _note_interruption(left.values(), store)


def _folds(units: Mapping[int, tuple[str, Job]]) -> list[tuple[int, int]]:
    """Index and fold of the runs that have several folds."""
    numbers = {index: range(len(job.task.split.folds)) for index, (_, job) in units.items()}
    return [(index, number) for index, several in numbers.items() if len(several) > 1 for number in several]


def _do_folds(
    packed: bytes,
    folds: Sequence[tuple[int, int]],
    units: Mapping[int, tuple[str, Job]],
    n: int,
    store: RunStore,
    session: Session,
) -> None:
    """Do folds at the same time; what is left of them, because of an error, their runs do afterwards, and record it."""
    for index in dict.fromkeys(index for index, _ in folds):
        run_id, job = units[index]
        if not store.folder(run_id).exists():
            job.begin(store, run_id)
        store.require_ordinary(run_id)
    calls = [(packed, *fold) for fold in folds]
    with (
        contextlib.suppress(WorkerDiedError),
        closing(in_processes(do_fold, calls, max(2, n), batch_size=1, at_once=n)) as results,
    ):
        for _ in session.progress(results, "folds", len(calls)):
            pass


def _surviving(
    packed: bytes, units: Mapping[int, tuple[str, Job]], n: int, store: RunStore
) -> Generator[tuple[int, Run, list[str]], None, None]:
    """Yield the results of all runs, although processes may be killed.

    Other runs may be in progress where one of the processes is killed, and end with it. So all are done again; if it happens
    once more, those in progress are done one by one, and the run that is killed then has failed.
    """
    left = dict(units)

    def results(some: Iterable[int], n: int) -> Generator[tuple[int, Run, list[str]], None, None]:
        calls = [(packed, index) for index in some]
        with closing(in_processes(do_run, calls, max(2, n), attempts=1, batch_size=1, at_once=n)) as ended:
            for result in ended:
                del left[result[0]]
                yield result

    deaths = 0
    while left:
        try:
            yield from results(list(left), n)
        except WorkerDiedError:
            deaths += 1
            begun = [index for index, (run_id, _) in left.items() if _is_begun(store, run_id)]
            for index in (begun or list(left)) if deaths > 1 else ():
                try:
                    yield from results([index], 1)
                except WorkerDiedError:
                    yield index, _failed(store, *left.pop(index)), []


def _prepare(jobs: Sequence[Job], session: Session) -> None:
    """Compute the inputs of all jobs in turn, each with all workers; what is wrong with them, their runs will find."""
    done = set()
    for job in jobs:
        key = job.task.fingerprint, repr(job.model.input)
        if session.cached and key not in done:
            with contextlib.suppress(GenrebenchError):
                if session.registry.input(job.model.input) in SPECS and job.needs_audio(session):
                    TaskExamples.prepare(job, session)
        done.add(key)


def _require_reachable(jobs: Sequence[Job], store: RunStore, session: Session, cluster: Cluster) -> None:
    """Check that all workers of a cluster have what the jobs need; raises a `UsageError`."""
    by_audio: dict[bool, dict[str, Dataset]] = {True: {}, False: {}}
    for job in jobs:
        by_audio[job.needs_audio(session)][job.task.fingerprint] = job.task.dataset
    cluster.require(
        folders=[store.root],
        tables={path for dataset in by_audio[False].values() for path in _files_of(dataset.load_features)},
        audio=[track.path for dataset in by_audio[True].values() for track in dataset.tracks],
        distributions=sorted({job.model.plugin.distribution for job in jobs if job.model.origin == "plugin"}),
    )


def _sent(job: Job, session: Session, held: dict[str, Dataset]) -> Job:
    """The job with the values of a small table of features, for workers that may not see the table; `held` keeps datasets."""
    dataset = job.task.dataset
    if job.needs_audio(session) or dataset.load_features is None:
        return job
    if sum(path.stat().st_size for path in _files_of(dataset.load_features)) > _SMALL:
        return job
    if job.task.fingerprint not in held:
        held[job.task.fingerprint] = replace(dataset, load_features=functools.partial(_values, dataset.load_features()))
    return replace(job, task=replace(job.task, dataset=held[job.task.fingerprint]))


def _values(values: FeatureValues) -> FeatureValues:
    return values


def _files_of(function: Any) -> Iterator[Path]:
    """The files that a function is bound to, as those that read the features of a dataset are."""
    if isinstance(function, functools.partial):
        for argument in (function.func, *function.args, *function.keywords.values()):
            if isinstance(argument, Path):
                yield argument
            else:
                yield from _files_of(argument)


def _free_id(job: Job, taken: set[str]) -> str:
    while True:
        run_id = new_id(job.model.name, datetime.datetime.now(datetime.UTC))
        if run_id not in taken:
            return run_id


def _outcome(run: Run) -> str:
    if run.status != "finished":
        return f"run {run.id} failed: {run.error}"
    loss = (run.metrics or {}).get("log_loss")
    return f"run {run.id}" + ("" if loss is None else f", log loss {loss:.3f}")


def _is_begun(store: RunStore, run_id: str) -> bool:
    """Whether a run was in progress when its process ended."""
    return store.folder(run_id).exists() and store.load(run_id).status == "running"


def _failed(store: RunStore, run_id: str, job: Job) -> Run:
    """Record that a run has failed as its process was killed."""
    if not store.folder(run_id).exists():
        job.begin(store, run_id)
    with locked(store.folder(run_id)):
        run = replace(store.load(run_id), status="failed", error=KILLED)
        store.save(run)
    return run


def _note_interruption(ids: Iterable[str], store: RunStore) -> None:
    """Record runs that were in progress as interrupted, once their processes have ended."""
    end = time.monotonic() + _PATIENCE_SECONDS
    for run_id in ids:
        while store.folder(run_id).exists():
            with contextlib.suppress(RunInUseError), locked(store.folder(run_id)):
                run = store.load(run_id)
                if run.status == "running":
                    store.save(replace(run, status="interrupted", error=GIVEN_UP))
                break
            if time.monotonic() > end:
                break
            time.sleep(_POLL_SECONDS / 5)


def _ignore(_: Any) -> None:
    pass

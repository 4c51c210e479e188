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
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from genrebench.errors import GenrebenchError, RunError, UsageError
from genrebench.inputs import SPECS
from genrebench.progress import no_progress
from genrebench.runs.examples import TaskExamples
from genrebench.runs.job import Job, new_id
from genrebench.runs.record import Run
from genrebench.runs.recorder import INTERRUPTED
from genrebench.runs.runner import run_as
from genrebench.runs.store import RunInUseError, RunStore, locked
from genrebench.session import Session
from genrebench.workers import WorkerDiedError, in_processes

KILLED = "its process was killed several times, perhaps because the memory isn't enough; use fewer --jobs or a smaller model"
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 5.0


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
    earlier = store.runs() if resume else []
    ids: dict[int, str | None] = {}
    for index, job in enumerate(jobs):
        found = job.earlier_run(earlier)
        if found is not None and found.status == "finished":
            session.say(f"run {found.id} has already finished")
            yield index, found
        else:
            ids[index] = None if found is None else found.id
    if session.jobs == 1 or len(ids) <= 1:
        for index, run_id in ids.items():
            yield index, run_as(run_id, jobs[index], store, session)
        return
    named: dict[int, str] = {}
    for index, run_id in ids.items():
        named[index] = run_id or _free_id(jobs[index], {*named.values(), *store.ids()})
    with closing(_at_once({index: (run_id, jobs[index]) for index, run_id in named.items()}, store, session)) as results:
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


@dataclass(frozen=True)
class _Work:
    """What a process needs to do any of the runs.

    Parameters
    ----------
    units : mapping of int to (str, Job)
        Id and job of each run.
    store : RunStore
    session : Session
    """

    units: Mapping[int, tuple[str, Job]]
    store: RunStore
    session: Session

    def packed(self) -> NDArray[np.uint8]:
        """These objects as bytes, sent once to each process that does some of the work.

        Raises
        ------
        UsageError
            If the models can't be sent.
        """
        try:
            return np.frombuffer(cloudpickle.dumps(self), dtype=np.uint8)
        except Exception as error:  # whatever the __reduce__ of a user's object raises
            raise UsageError(
                f"the models can't be sent to other processes ({error}); run them one after the other, with jobs=1"
            ) from error


def _at_once(units: Mapping[int, tuple[str, Job]], store: RunStore, session: Session) -> Generator[tuple[int, Run], None, None]:
    _prepare([job for _, job in units.values()], session)
    n = min(session.jobs, len(units))
    alone = replace(
        session, jobs=1, workers=max(1, session.workers // n), progress=no_progress, say=_ignore, registry=session.registry
    )
    packed = _Work(units, store, alone).packed()
    left = {index: run_id for index, (run_id, _) in units.items()}
    warned: set[str] = set()
    try:
        with closing(_surviving(packed, left, n, store)) as results:
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


def _surviving(
    packed: NDArray[np.uint8], ids: Mapping[int, str], n: int, store: RunStore
) -> Generator[tuple[int, Run, list[str]], None, None]:
    """Yield the results of all runs, although processes may be killed.

    Other runs may be in progress where one of the processes is killed, and end with it. So all are done again; if it happens
    once more, those in progress are done one by one, and the run that is killed then has failed.
    """
    left = dict(ids)

    def results(some: Iterable[int], workers: int) -> Generator[tuple[int, Run, list[str]], None, None]:
        calls = [(packed, index) for index in some]
        with closing(in_processes(_attempt, calls, workers, attempts=1)) as ended:
            for result in ended:
                del left[result[0]]
                yield result

    first = True
    while left:
        try:
            yield from results(list(left), max(2, n))
        except WorkerDiedError:
            for index, run_id in list(left.items()) if not first else ():
                if _is_begun(store, run_id):
                    try:
                        yield from results([index], 2)
                    except WorkerDiedError:
                        del left[index]
                        yield index, _failed(store, run_id), []
            first = False


@functools.lru_cache(maxsize=1)
def _unpacked(content: bytes) -> _Work:
    work: _Work = cloudpickle.loads(content)
    return work


def _attempt(packed: NDArray[np.uint8], index: int) -> tuple[int, Run, list[str]]:
    """Do one of the runs in this process, which may have been begun in another one; returns its index, record and warnings."""
    work = _unpacked(packed.tobytes())
    run_id, job = work.units[index]
    warnings: list[str] = []
    session = replace(work.session, say=lambda text: warnings.append(text) if text.startswith("warning: ") else None)
    while True:
        try:
            return index, run_as(run_id, job, work.store, session), warnings
        except RunInUseError:  # of a process that was given up, and still works
            time.sleep(_POLL_SECONDS)


def _prepare(jobs: Sequence[Job], session: Session) -> None:
    """Compute the inputs of all jobs in turn, each with all workers; what is wrong with them, their runs will find."""
    done = set()
    for job in jobs:
        key = job.task.fingerprint, repr(job.model.input)
        extracted = not job.uses_precomputed_features and session.registry.input(job.model.input) in SPECS
        if extracted and session.cached and key not in done:
            with contextlib.suppress(GenrebenchError):
                TaskExamples.prepare(job, session)
        done.add(key)


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


def _failed(store: RunStore, run_id: str) -> Run:
    """Record that a run has failed as its process was killed."""
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
                    store.save(replace(run, status="interrupted", error=INTERRUPTED))
                break
            if time.monotonic() > end:
                break
            time.sleep(_POLL_SECONDS / 5)


def _ignore(_: Any) -> None:
    pass

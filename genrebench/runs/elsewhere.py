"""A run, or a fold of one, that is done in another process than the one that waits for it."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cloudpickle
import joblib

from genrebench.errors import UsageError
from genrebench.runs.job import Job
from genrebench.runs.record import Run
from genrebench.runs.runner import fold_of, run_as
from genrebench.runs.store import RunInUseError, RunStore
from genrebench.session import Session

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Work:
    """What a process needs to do any of the runs.

    Parameters
    ----------
    units : mapping of int to (str, Job)
        Id and job of each run.
    store : RunStore
    session : Session
    wanted : Path
        A file that exists as long as the results are waited for.
    """

    units: Mapping[int, tuple[str, Job]]
    store: RunStore
    session: Session
    wanted: Path

    def packed(self) -> bytes:
        """These objects as bytes.

        Raises
        ------
        UsageError
            If the models can't be sent.
        """
        try:
            return bytes(cloudpickle.dumps(self))
        except Exception as error:  # whatever the __reduce__ of a user's object raises
            raise UsageError(
                f"the models can't be sent to other processes ({error}); run them one after the other, with jobs=1"
            ) from error


@functools.lru_cache(maxsize=1)
def _unpacked(content: bytes) -> Work:
    work: Work = cloudpickle.loads(content)
    return work


def do_run(packed: bytes, index: int) -> tuple[int, Run, list[str]]:
    """Do one of the runs in this process, which may have been begun in another one; returns its index, record and warnings."""
    work = _unpacked(packed)
    run_id, job = work.units[index]
    warnings: list[str] = []
    session = replace(work.session, say=lambda text: warnings.append(text) if text.startswith("warning: ") else None)
    with _interrupted_without(work.wanted), joblib.parallel_config(backend="threading"):
        while True:
            try:
                return index, run_as(run_id, job, work.store, session), warnings
            except RunInUseError:  # of a process that was given up, and still works
                time.sleep(_POLL_SECONDS)
            except KeyboardInterrupt:
                return index, work.store.load(run_id), warnings


def do_fold(packed: bytes, index: int, number: int) -> None:
    """Do one fold of one of the runs in this process."""
    work = _unpacked(packed)
    run_id, job = work.units[index]
    with _interrupted_without(work.wanted), joblib.parallel_config(backend="threading"):
        while True:
            try:
                return fold_of(run_id, number, job, work.store, work.session)
            except RunInUseError:
                time.sleep(_POLL_SECONDS)
            except (Exception, KeyboardInterrupt):  # the run meets the error again
                return None


@contextlib.contextmanager
def _interrupted_without(file: Path) -> Iterator[None]:
    """Raise a KeyboardInterrupt in the body soon after a file is gone, as Ctrl-C doesn't reach the processes of a cluster."""
    over = threading.Event()
    thread = threading.get_ident()

    def watch() -> None:
        while not over.wait(_POLL_SECONDS):
            if not file.exists():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(KeyboardInterrupt))
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()

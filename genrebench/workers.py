"""Work in several processes: quiet on Ctrl-C, and none of them outlives this process."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import platform
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from genrebench.errors import GenrebenchError
from genrebench.plugin.isolation import fix_blas, one_blas_thread

T = TypeVar("T")


class WorkerDiedError(GenrebenchError):
    """A worker process was killed or crashed."""

    exit_code = 1


_POLL_SECONDS = 0.25
_inside = False
"""Whether this process is doing the work of another one, and so starts no processes itself."""

_prepared = False
"""Whether this process is set up for good, as it does the work of another one only."""

_MALLOPT = {-3: 2**25, -1: 2**26}
"""glibc's M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, in bytes: the largest values that it comes to by itself (mallopt(3))."""


def in_processes(
    function: Callable[..., T],
    calls: Iterable[tuple[Any, ...]],
    workers: int,
    *,
    attempts: int = 2,
    batch_size: int | Literal["auto"] = "auto",
    at_once: int | None = None,
) -> Generator[T, None, None]:
    """Yield ``function(*arguments)`` for each item of `calls`, in order of completion.

    The processes are those of the cluster in use (see `genrebench.cluster`), or else of this machine. The latter are stopped
    when the generator is closed, and end with this process, however it ends. Warnings of libraries are passed on to this
    process's log. In such a process itself, the work is done in place.

    Parameters
    ----------
    function : callable
        Picklable. Where processes may die, it is called again with the same arguments.
    calls : iterable of tuple
        The arguments of each call.
    workers : int
        Number of processes of this machine; with one, the work is done in this process.
    attempts : int
        When a process crashes or is killed, the calls without a result are made again, this often in all.
    batch_size : int or "auto"
        Number of calls that a process gets at a time.
    at_once : int, optional
        Of the calls in processes of this machine, if fewer than `workers`; so a single one can be made outside this process.

    Raises
    ------
    WorkerDiedError
        If a process crashes or is killed in each attempt.
    """
    cluster = _cluster()
    if _inside or (workers == 1 and not cluster):
        with one_blas_thread():
            for arguments in calls:
                yield function(*arguments)
        return
    left = dict(enumerate(calls))
    for attempt in range(1, attempts + 1):
        try:
            start: dict[str, Any] = {}
            if not cluster:
                start = {"n_jobs": workers, "initializer": _end_with, "initargs": (os.getpid(),)}
                start |= {} if at_once is None else {"pre_dispatch": at_once}
            with contextlib.closing(_results(function, left, {**start, "batch_size": batch_size})) as results:
                for number, result in results:
                    del left[number]
                    yield result
            return
        except WorkerDiedError:
            if attempt == attempts:
                raise


def _cluster() -> bool:
    """Whether a cluster is in use."""
    if "genrebench.cluster" not in sys.modules:
        return False
    from joblib.parallel import get_active_backend

    return hasattr(get_active_backend()[0], "client")  # as that of genrebench.cluster has


def _results(
    function: Callable[..., T], calls: Mapping[int, tuple[Any, ...]], settings: Mapping[str, Any]
) -> Generator[tuple[int, T], None, None]:
    """Yield the number and the result of each call; `settings` are those of joblib."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    folder = str(Path.cwd())
    jobs = [delayed(_call)(folder, number, function, arguments) for number, arguments in calls.items()]
    threading.excepthook = _report
    # loky replaces a process that has grown, as with another model, between two calls; nothing is lost
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    with interrupts_held_back():  # the processes inherit this, so that Ctrl-C reaches only this one
        results = Parallel(return_as="generator_unordered", **settings)(jobs)
    logged: set[str] = set()
    try:
        for number, result, texts in results:
            for text in texts:
                if text not in logged:
                    logged.add(text)
                    logging.getLogger(__name__).warning(text)
            yield number, result
    except TerminatedWorkerError:
        raise WorkerDiedError(
            "a worker process was killed, perhaps because the memory isn't enough; use fewer --workers or a shorter --excerpt"
        ) from None
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # joblib warns about unfinished work on interruption
            results.close()


def _report(error: threading.ExceptHookArgs) -> None:
    """Report the end of a thread by an error, except of loky's, to which it happens when work is given up."""
    if error.thread is None or error.thread.name != "ExecutorManagerThread":
        threading.__excepthook__(error)


def _call(folder: str, number: int, function: Callable[..., T], arguments: tuple[Any, ...]) -> tuple[int, T, list[str]]:
    """Call `function` in a worker; returns the call's number, its result and the warnings of libraries."""
    global _inside, _prepared
    with contextlib.suppress(OSError):  # on another host, where only what is shared has the same path
        os.chdir(folder)  # a process that is used again is where its first call was
    if not _prepared:
        fix_blas()
        _keep_freed_memory()
        _prepared = True
    _inside = True
    try:
        with warnings.catch_warnings(record=True) as caught:
            result = function(*arguments)
    finally:
        _inside = False
    return number, result, [f"{warning.category.__name__}: {warning.message}" for warning in caught]


def _keep_freed_memory() -> None:
    """Let glibc keep the memory of freed arrays for the next ones.

    Dask starts its workers with a trim threshold of 64 KiB, which also keeps glibc from adapting to large arrays: each one is
    then asked of the system, page by page, and audio features take twice the processor time.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for parameter, value in _MALLOPT.items():
            libc.mallopt(parameter, value)


def _end_with(owner: int) -> None:
    """End this worker process soon after its owner has ended."""
    if os.name == "nt":
        return

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Deliver Ctrl-C only after the body; processes that it starts never get it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker as of_python

    from joblib.externals.loky.backend import resource_tracker as of_loky

    with _warnings_off():
        for tracker in (of_python, of_loky):  # which would deliver it once they have started
            tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _warnings_off() -> Iterator[None]:
    """Let Python processes that the body starts print no warnings, as the trackers do about what a killed process left."""
    if sys.warnoptions:  # from -W or PYTHONWARNINGS: the user wants them
        yield
        return
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before

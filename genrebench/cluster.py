"""Work on the processes of a Dask cluster, through joblib: see `connected`.

Runs, cache and data lie on a file system that all workers see. Descriptions of tasks and models are small and are sent.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import platform
import re
import secrets
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import joblib
from distributed import CancelledError, Client, KilledWorker, LocalCluster
from joblib._dask import DaskDistributedBackend

from genrebench.environment import container_memory, cpus
from genrebench.errors import GenrebenchError, UsageError
from genrebench.workers import WorkerDiedError, interrupts_held_back

CONNECT_SECONDS = 10.0
WORKER_SECONDS = 60.0
"""How long the first worker is waited for."""

_SAMPLE = 20
"""Number of audio files whose presence on each worker's host is checked."""

GPU = "GPU"
"""Name of the resource that workers with a GPU offer, and that runs on ``--device cuda`` ask for."""


class ClusterError(GenrebenchError):
    """The scheduler has gone away."""

    exit_code = 1


class _Backend(DaskDistributedBackend):  # type: ignore[misc]
    """joblib's backend, which also reports killed workers and a lost scheduler, and gives up what is cancelled.

    joblib 1.6 notes the error of such a call, but never wakes the caller.
    """

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Any:
        """Send a call to the cluster."""
        future = super().submit(func, callback)

        def woken(done: Any) -> None:
            if callback is not None and done.exception() is not None:
                callback(done.exception())

        future.add_done_callback(woken)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return a result, or raise what a user can understand."""
        if isinstance(out, KilledWorker):
            raise WorkerDiedError(
                "several workers of the cluster were killed by the same work, perhaps because the memory isn't enough; give "
                "them more memory, or use a shorter --excerpt"
            )
        if isinstance(out, CancelledError):
            raise ClusterError(
                "the scheduler of the cluster went away; completed work is saved, and the same command with --resume goes on"
            )
        return super().retrieve_result_callback(out)

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Number of worker processes; 2 if there is one, as joblib would do its work in this process."""
        try:
            return max(2, int(super().effective_n_jobs(n_jobs)))
        except TimeoutError:
            raise ClusterError(
                "the cluster has no worker left; completed work is saved, and the same command with --resume goes on"
            ) from None

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel what hasn't ended."""
        with contextlib.suppress(Exception):  # the scheduler may be gone
            self.client.cancel(list(self._results), force=True)
        super().abort_everything(ensure_ready)


@dataclass(frozen=True)
class Cluster:
    """A Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    n_workers : int
        Worker processes at the start; others may come and go.
    threads : int
        Threads for the work in one of them: the processors of its host, shared out among the workers there.
    """

    client: Client
    n_workers: int
    threads: int

    def used(self, *, gpu: bool = False) -> Any:
        """Let `genrebench.workers.in_processes` use the cluster while the body runs; with `gpu`, only workers with a GPU.

        Raises
        ------
        UsageError
            If no worker has one.
        """
        if not gpu:
            return joblib.parallel_config(backend=_Backend(client=self.client, wait_for_workers_timeout=WORKER_SECONDS))
        if not any(worker["resources"].get(GPU) for worker in self._workers().values()):
            raise UsageError(
                f"no worker of the cluster offers a GPU; start some with: dask worker ADDRESS --nthreads 1 --resources {GPU}=1"
            )
        return joblib.parallel_config(
            backend=_Backend(client=self.client, wait_for_workers_timeout=WORKER_SECONDS, resources={GPU: 1})
        )

    def require(
        self,
        *,
        folders: Iterable[Path] = (),
        tables: Iterable[Path] = (),
        audio: Iterable[Path | None] = (),
        distributions: Iterable[str] = (),
    ) -> None:
        """Check that all workers reach the same files and have the same versions.

        Parameters
        ----------
        folders : iterable of Path
            Folders, created here if they are missing, into which this process and the workers write.
        tables : iterable of Path
            Files that the workers read.
        audio : iterable of (Path or None)
            Others, of which a sample is checked.
        distributions : iterable of str
            Such as the plugins of the models.

        Raises
        ------
        UsageError
            For the first worker of which that isn't true.
        """
        with contextlib.ExitStack() as stack:
            marks = [stack.enter_context(_marked(folder)) for folder in dict.fromkeys(folders)]
            paths = [path for path in audio if path is not None]
            read = [*tables, *paths[:: len(paths) // _SAMPLE + 1]]
            sizes = {str(path): path.stat().st_size for path in read if path.exists()}
            versions = {name: _version(name) for name in dict.fromkeys(distributions)}
            answers = self.client.run(_missing, [str(mark) for mark in marks], sizes, versions, on_error="return")
        for address, answer in answers.items():
            host = _name(address)
            if isinstance(answer, BaseException):
                raise UsageError(f"the worker {host} can't be used: {type(answer).__name__}: {answer}")
            if answer:
                raise UsageError(f"the worker {host} {answer}")

    def _workers(self) -> Mapping[str, Any]:
        workers: Mapping[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return workers


@contextlib.contextmanager
def connected(address: str, say: Callable[[str], None]) -> Iterator[Cluster]:
    """Use a cluster while the body runs; a local one is started and stopped.

    Parameters
    ----------
    address : str
        "local:N" for N processes of this machine, the address of a scheduler, or its scheduler file.
    say : callable
        Gets messages.

    Raises
    ------
    UsageError
        If there is no such cluster, it has no workers, or they can't be used: other versions of Python or genrebench, several
        threads in a process.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        client = stack.enter_context(_client(address, stack))
        if not client.scheduler_info()["workers"]:
            say(f"waiting for the first worker of {address}")
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            raise UsageError(
                f"the cluster {address} has no worker after {WORKER_SECONDS:.0f} s; start some, for example with: dask worker "
                "ADDRESS --nthreads 1"
            ) from None
        cluster = Cluster(client, len(client.scheduler_info(n_workers=-1)["workers"]), _threads(client))
        cluster.require(distributions=["genrebench"])
        stack.enter_context(cluster.used())
        yield cluster


def _client(address: str, stack: contextlib.ExitStack) -> Client:
    local = re.fullmatch(r"local:([1-9][0-9]{0,3})", address)
    if local is not None:
        n = int(local[1])
        memory = min(container_memory(), _memory())
        stack.enter_context(dask.config.set({"distributed.worker.daemon": False}))
        with interrupts_held_back():  # the processes inherit this, so that Ctrl-C reaches only this one
            started = LocalCluster(
                n_workers=n,
                threads_per_worker=1,
                processes=True,
                memory_limit=int(memory / n),
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        stack.enter_context(started)
        return Client(started)
    if address.startswith("local"):
        raise UsageError(f"the cluster {address!r} isn't of the form local:N, such as local:2")
    file = Path(address).expanduser()
    try:
        if file.is_file():
            return Client(scheduler_file=str(file), timeout=CONNECT_SECONDS)
        return Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"there is no Dask scheduler at {address!r} ({error}); name the address or the file of one, as 'dask scheduler' "
            "prints or writes it, or local:2 for two processes here"
        ) from None


def _threads(client: Client) -> int:
    """Threads for the work in one worker process.

    Raises
    ------
    UsageError
        If a worker takes several pieces of work at the same time.
    """
    workers = client.scheduler_info(n_workers=-1)["workers"]
    for address, worker in workers.items():
        if worker["nthreads"] != 1:
            raise UsageError(
                f"the worker {_name(address)} has {worker['nthreads']} threads, but a process can do only one run at a time; "
                "start workers with --nthreads 1, and several with --nworkers"
            )
    hosts = [worker["host"] for worker in workers.values()]
    processors = {address: n for address, n in client.run(cpus, on_error="return").items() if isinstance(n, int)}
    return max(1, min((n // hosts.count(workers[address]["host"]) for address, n in processors.items()), default=1))


@contextlib.contextmanager
def _marked(folder: Path) -> Iterator[Path]:
    """A file in a folder while the body runs."""
    mark = folder / f".seen-{secrets.token_hex(6)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        yield mark
    except OSError as error:
        raise UsageError(f"{folder} can't be written: {error.strerror or error}") from None
    finally:
        mark.unlink(missing_ok=True)


def _missing(marks: Sequence[str], sizes: Mapping[str, int], versions: Mapping[str, str]) -> str:
    """What this worker lacks, as the end of a sentence; empty if nothing."""
    for name, version in versions.items():
        if (mine := _version(name)) != version:
            return f"has {name} {mine}, and this process {version}; install the same version there"
    for mark in marks:
        if not Path(mark).exists():
            folder = Path(mark).parent
            return f"doesn't see the folder {folder}; put runs and GENREBENCH_HOME on a file system that all hosts share"
    for path, size in sizes.items():
        if not Path(path).exists() or Path(path).stat().st_size != size:
            return f"doesn't see the file {path}; put the dataset on a file system that all hosts share"
    return ""


def _version(distribution: str) -> str:
    if distribution == "python":
        return platform.python_version()
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _name(address: str) -> str:
    return address.rpartition("//")[2]


def _memory() -> float:
    import psutil

    return float(psutil.virtual_memory().total)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed's own messages, about what is reported here in one line, from the terminal."""
    names = ("distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed.")), "tornado")
    loggers = [logging.getLogger(name) for name in (*names, "asyncio")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"distributed(\..*)?")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)

"""The processes of one training, started and watched over by this one."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from genrebench.api import Context, GenrebenchError
from genrebench_torch.interrupts import deferred_interrupt

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 3.0
"""How long the other processes have to end by themselves when one has died, so that it is known which was the first."""


class RankDiedError(GenrebenchError):
    """One of the processes of a training was killed or crashed."""

    exit_code = 1


class Supervisor:
    """Starts one process per device; none of them outlives the body, or this process.

    Parameters
    ----------
    devices : list of str
        Device of each rank.
    job : bytes
        A pickled `genrebench_torch.launch.Job`.
    folder : path
        An empty folder, where the ranks find each other.
    """

    def __init__(self, devices: list[str], job: bytes, folder: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._processes, self._connections = [], []
        self._start = (devices, job, folder, spawn)

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.is_alive():
                process.kill()
        for process in self._processes:
            process.join()

    def result(self, context: Context) -> bytes:
        """Let all ranks train, and return what rank 0 has learned.

        Parameters
        ----------
        context : Context
            Of the run; rank 0 logs, records and shows its progress there.

        Raises
        ------
        RankDiedError
            If a process was killed or crashed.
        KeyboardInterrupt
            After Ctrl-C, when all ranks have ended their step and rank 0 has written a checkpoint.
        """
        devices, job, folder, spawn = self._start
        workers = max(1, context.workers // len(devices))
        for rank, device in enumerate(devices):
            ours, theirs = spawn.Pipe()
            own = (device, workers, context.checkpoints if rank == 0 else None)
            process = spawn.Process(target=_member, args=(rank, len(devices), own, job, folder, theirs, os.getpid()))
            process.start()
            theirs.close()
            self._processes.append(process)
            self._connections.append(ours)
        with deferred_interrupt() as interrupted:
            try:
                learned = _Answers(self._messages(interrupted), context).all()
            except Exception:
                if not interrupted():  # a rank that is interrupted before its first step breaks off, which others notice
                    raise
            if interrupted():
                raise KeyboardInterrupt
        return learned

    def _messages(self, interrupted: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the messages of all ranks until each has ended."""
        left, told = dict(enumerate(self._connections)), False
        while left:
            ready = wait(list(left.values()), _POLL_SECONDS)
            if interrupted() and not told:
                told = True
                for process in self._processes:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGINT)
            for rank, connection in list(left.items()):
                if connection not in ready:
                    continue
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    del left[rank]
                    yield from _unread(left.values())
                    raise self._died() from None
                if message[0] in ("error", "end"):
                    del left[rank]
                if message[0] == "error":
                    yield from _unread(left.values())
                    self._failed(message[1])
                yield message

    def _failed(self, error: BaseException) -> None:
        """Raise the error of a rank, or what killed another one if that was the reason."""
        if isinstance(error, GenrebenchError):
            raise error
        died = self._died(error)
        raise died from (None if died is error else error)

    def _died(self, error: BaseException | None = None) -> BaseException:
        until = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < until and not any(p.exitcode not in (None, 0, _SAID) for p in self._processes):
            time.sleep(_POLL_SECONDS / 4)
        for rank, process in enumerate(self._processes):
            if process.exitcode not in (None, 0, _SAID):
                how = _how(process.exitcode)
                return RankDiedError(
                    f"process {rank + 1} of {len(self._processes)} of this training {how}; the same command with --resume goes "
                    "on from the last checkpoint"
                )
        return error or RankDiedError("a process of this training has ended; the same command with --resume goes on")


def _unread(connections: Iterable[Connection]) -> Iterator[tuple[Any, ...]]:
    """What other ranks have logged and recorded before one of them died."""
    for connection in connections:
        with contextlib.suppress(EOFError, OSError):
            while connection.poll():
                message = connection.recv()
                if message[0] not in ("error", "end"):
                    yield message


_SAID = 3
"""Exit code of a rank that has sent its error."""


def _how(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), perhaps because the memory isn't enough"
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class _Answers:
    """What the ranks send: calls of the context's functions, progress, and at the end what rank 0 has learned."""

    def __init__(self, messages: Iterator[tuple[Any, ...]], context: Context) -> None:
        self._messages, self._context, self._learned = messages, context, b""

    def all(self) -> bytes:
        """Handle all messages, and return what rank 0 has learned."""
        for message in self._messages:
            self._handle(message)
        return self._learned

    def _handle(self, message: tuple[Any, ...]) -> None:
        kind, *values = message
        if kind in ("log", "record"):
            getattr(self._context, kind)(*values)
        elif kind == "progress":
            for _ in self._context.progress(self._ticks(), *values):
                pass
        elif kind == "end":
            self._learned = values[0] or self._learned

    def _ticks(self) -> Iterator[None]:
        """Yield at each step of the work whose progress is shown, until it has ended."""
        for message in self._messages:
            if message[0] == "tick":
                yield None
            elif message[0] == "done":
                return
            else:
                self._handle(message)


# ------------------------------------------------------------------ in the processes


def _member(
    rank: int, size: int, own: tuple[str, int, Path | None], job: bytes, folder: str, connection: Connection, owner: int
) -> None:
    """Train as one of the ranks."""
    _leave_terminal()
    _end_with(owner)
    try:
        connection.send(("end", _train(rank, size, own, job, folder, connection)))
    except KeyboardInterrupt:
        connection.send(("end", b""))
    except BaseException as error:
        error.add_note(traceback.format_exc())
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        connection.send(("error", error))
        connection.close()
        os._exit(_SAID)  # without waiting for ranks that wait for this one


def _train(rank: int, size: int, own: tuple[str, int, Path | None], job: bytes, folder: str, connection: Connection) -> bytes:
    import torch
    import torch.distributed as dist

    from genrebench_torch.ranks import joined

    device, workers, checkpoints = own
    content = pickle.loads(job)  # noqa: S301 - from the process that has started this one
    context = replace(content.context, device=device, workers=workers, checkpoints=checkpoints)
    if rank == 0:
        context = replace(context, **_connected(connection))
    store = dist.FileStore(str(Path(folder, "ranks")), size)
    with joined(store, rank, size, torch.device(device)) as ranks:
        learned: bytes = content.run(ranks, context)
    return learned


def _connected(connection: Connection) -> dict[str, Any]:
    """Functions of a context that are carried out in the process of the run."""

    def progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
        connection.send(("progress", description, len(iterable) if total is None and hasattr(iterable, "__len__") else total))
        try:
            for item in iterable:
                yield item
                connection.send(("tick",))
        finally:
            connection.send(("done",))

    def log(epoch: int, values: Mapping[str, float]) -> None:
        connection.send(("log", epoch, dict(values)))

    def record(name: str, value: Any) -> None:
        connection.send(("record", name, value))

    return {"progress": progress, "log": log, "record": record}


def _leave_terminal() -> None:
    """Let Ctrl-C reach only the process of the run, which passes it on; and print nothing."""
    if hasattr(os, "setsid"):
        os.setsid()
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if os.path.exists("/sys/class/net/lo") else "lo0")  # noqa: PTH110
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)


def _end_with(owner: int) -> None:
    """End this process soon after the one of the run has ended."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(_POLL_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

"""Disturb a forked process at its n-th write: kill it there, or let the write fail.

A write is whatever changes files below a folder: creating, writing, syncing, renaming and removing. Half of the bytes of a
disturbed write reach the file. What libraries in other languages write themselves isn't seen.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import gc
import io
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genrebench.errors import GenrebenchError

ERRORS = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "ESTALE", "EACCES")}
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.utime"}
HUNG = -1
"""What `forked` returns for a process that it ended because it took too long."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_LIMIT = 600.0
"""Seconds after which a process counts as hanging; the longest command takes some 20 on two cores."""
_GRACE = 20.0
"""Seconds that workers have to notice that their parent is gone."""
_sessions: set[int] = set()
"""Of the processes that `forked` has started; each is the id of such a process."""


def killed() -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def failing(code: int) -> Callable[[], None]:
    """Return a function that raises an error."""

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    return fail


class Writes:
    """The writes of this process below a folder, from now on. There is no way back: a forked process is for it.

    Parameters
    ----------
    folder : Path
    number : int
        Which one is disturbed, from 1; 0 disturbs none.
    disturb : callable
        What happens instead of it.
    lasting : bool
        It happens instead of all later ones too.

    Attributes
    ----------
    count : int
    """

    def __init__(self, folder: Path, number: int = 0, disturb: Callable[[], None] = killed, *, lasting: bool = False) -> None:
        self.folder, self.number, self.disturb, self.lasting = os.fspath(folder), number, disturb, lasting
        self.count = 0
        self._watch()

    def step(self, before: Callable[[], object] = lambda: None) -> None:
        """Count a write, and disturb it if it is its turn, after `before`."""
        self.count += 1
        if self.count == self.number or (self.lasting and self.count > self.number):
            before()
            self.disturb()

    def concerns(self, path: Any) -> bool:
        """Whether a path lies below the folder; one relative to a descriptor, as those of rmtree, is taken as such."""
        if isinstance(path, int):
            return False
        text = os.fsdecode(path)
        return text.startswith(self.folder) or ("/" not in text and not text.startswith("output"))

    def _watch(self) -> None:
        sync, opened = os.fsync, io.open
        step, concerns = self.step, self.concerns

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                step(lambda: io.FileIO.write(self, memoryview(data).cast("B")[: len(data) // 2]))
                return super().write(data)

        def open_(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Any = None,
        ) -> Any:
            if not set(mode) & set("wax+") or not concerns(file):
                return opened(file, mode, buffering, encoding, errors, newline, closefd, opener)
            raw = File(file, mode.replace("b", "").replace("t", ""), closefd, opener)
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)

        def fsync(fd: Any) -> None:
            step()
            sync(fd)

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            if (event in CHANGES or (event == "open" and arguments[2] & _WRITING)) and concerns(arguments[0]):
                step()

        os.fsync = fsync
        io.open = builtins.open = open_
        sys.addaudithook(audit)


def forked(action: Callable[[], int], output: Path, after: float | None = None) -> int | None:
    """Run `action` in a forked process group.

    Parameters
    ----------
    action : callable
        Returns an exit code.
    output : Path
        What it prints is added to this file.
    after : float, optional
        Kill it once it has used so many seconds of the processor, a clock that other processes don't delay.

    Returns
    -------
    int or None
        The exit code; None if it was killed, HUNG if it had to be ended.
    """
    pid = os.fork()
    if pid == 0:
        os.setsid()
        with output.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = 70
        try:
            code = action()
        except GenrebenchError as error:
            print(error, file=sys.stderr, flush=True)
        except BaseException:
            traceback.print_exc()
        gc.collect()  # what would go at the end of a process that ends by itself, such as its use of the cache
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _sessions.add(pid)
    end = os.pidfd_open(pid)
    deadline = time.monotonic() + _LIMIT
    pause = 0.0005 if after is not None else _LIMIT
    hung = False
    while not select.select([end], [], [], pause)[0]:
        hung = time.monotonic() > deadline
        if hung or (after is not None and seconds_used(pid) >= after):
            os.kill(pid, signal.SIGKILL)
            break
    os.close(end)
    _, status = os.waitpid(pid, 0)
    if hung:
        return HUNG
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def survivors() -> list[int]:
    """End the processes that forked ones have started and that are still there after a while, and return their ids."""
    deadline = time.monotonic() + _GRACE
    while (found := _running()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    _sessions.clear()
    return found


def _running() -> list[int]:
    """Processes of the sessions of forked processes, without those that have ended and that nobody has waited for."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, _, _, session, *_ = file.read_text().rpartition(")")[2].split()
            if state != "Z" and int(session) in _sessions:
                found.append(int(file.parent.name))
    return found


def seconds_used(pid: int) -> float:
    """Seconds of the processor that another process of Linux has used."""
    return time.clock_gettime((~pid << 3) | 2)

"""Disturb a forked process at its n-th write: kill it there, or let the write fail.

A write is whatever changes files below a folder: creating, writing, syncing, renaming and removing. Half of the bytes of a
disturbed write reach the file. What libraries in other languages write themselves isn't seen.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ERRORS = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "ESTALE", "EACCES")}
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.utime"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


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

    Attributes
    ----------
    count : int
    """

    def __init__(self, folder: Path, number: int = 0, disturb: Callable[[], None] = killed) -> None:
        self.folder, self.number, self.disturb = os.fspath(folder), number, disturb
        self.count = 0
        self._watch()

    def step(self, before: Callable[[], object] = lambda: None) -> None:
        """Count a write, and disturb it if it is its turn, after `before`."""
        self.count += 1
        if self.count == self.number:
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

        def fsync(descriptor: int) -> None:
            step()
            sync(descriptor)

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            if (event in CHANGES or (event == "open" and arguments[2] & _WRITING)) and concerns(arguments[0]):
                step()

        os.fsync = fsync
        io.open = builtins.open = open_  # type: ignore[assignment]
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
        The exit code; None if it was killed.
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
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    status = 0
    if after is None:
        _, status = os.waitpid(pid, 0)
    else:
        ended = 0
        while not ended and seconds_used(pid) < after:
            time.sleep(0.0005)
            ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def seconds_used(pid: int) -> float:
    """Seconds of the processor that another process of Linux has used."""
    return time.clock_gettime((~pid << 3) | 2)

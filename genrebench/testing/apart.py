"""Code of a plugin in a process of its own: what it did, how it ended, where it was when the time was up."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench.plugin.blame import one_line

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

TIME_LIMIT = 300.0
"""Seconds that one process of a plugin may take, by default."""


class FailedError(Exception):
    """What a check asks for isn't there, because a step before it failed.

    Parameters
    ----------
    where : tuple of str
        The scenario and its step that failed.
    text : str
        What happened, for people.
    """

    def __init__(self, where: tuple[str, str], text: str) -> None:
        super().__init__(text)
        self.where, self.text = where, text


@dataclass
class Outcome:
    """What a scenario has left: notes by name, and what went wrong, by step.

    Parameters
    ----------
    name : str
        Name of the scenario.
    notes : dict
        What the scenario noted, as plain data.
    raised : dict of str to str
        What was raised, by the step in which it was raised.
    stopped : tuple of str, optional
        The step in which the process ended or was ended, and how.
    """

    name: str
    notes: dict[str, Any] = field(default_factory=dict)
    raised: dict[str, str] = field(default_factory=dict)
    stopped: tuple[str, str] | None = None

    def need(self, *steps: str) -> None:
        """Raise a `FailedError` if one of these steps failed."""
        for step in steps:
            if step in self.raised:
                raise FailedError((self.name, step), self.raised[step])
            if self.stopped is not None and self.stopped[0] == step:
                raise FailedError((self.name, step), self.stopped[1])

    def __getitem__(self, note: str) -> Any:
        """Return a note, or raise a `FailedError` with the reason why there is none."""
        if note in self.notes:
            return self.notes[note]
        if self.stopped is not None:
            raise FailedError((self.name, self.stopped[0]), self.stopped[1])
        for step, text in self.raised.items():
            raise FailedError((self.name, step), text)
        raise KeyError(note)

    @property
    def failed(self) -> bool:
        """Whether any step failed."""
        return bool(self.raised) or self.stopped is not None


class Probe:
    """How a scenario reports: it names its steps, and notes what it finds.

    Parameters
    ----------
    send : callable
        Takes a tuple of plain data.
    folder : Path
        An empty folder, the current one while the scenario runs.
    """

    def __init__(self, send: Callable[[tuple[Any, ...]], None], folder: Path) -> None:
        self._send, self.folder = send, folder
        self.now = "start"
        self.after: list[Callable[[str], None]] = []

    def note(self, name: str, value: Any) -> None:
        """Note plain data under a name."""
        self._send(("note", name, value))

    @contextlib.contextmanager
    def step(self, name: str, *, final: bool = False) -> Iterator[None]:
        """Name what the body does; what it raises is reported, and ends the scenario if the step is `final`."""
        self.now = name
        self._send(("step", name))
        try:
            yield
        except _End:
            raise
        except BaseException as error:  # a plugin may raise anything, KeyboardInterrupt too
            what = one_line(error) if str(error) else type(error).__name__
            self._send(("raised", name, f"{'the plugin' if name == 'start' else name} raised {what}"))
            if final:
                raise _End from None
        finally:
            for act in self.after:
                act(name)


class _End(BaseException):
    """The end of a scenario whose next steps make no sense."""


Scenario = Callable[[Probe], None]


def run_apart(name: str, scenario: Scenario, folder: Path, seconds: float = TIME_LIMIT) -> Outcome:
    """Run a scenario in a forked process and return what it left.

    Where processes can't be forked (Windows), it runs in this one, without a time limit.

    Parameters
    ----------
    name : str
    scenario : callable
        Takes a `Probe`.
    folder : Path
        Folder for this scenario's files; it is created.
    seconds : float
        When the process, and those that it started, are ended.
    """
    folder.mkdir(parents=True)
    outcome = Outcome(name)
    if "fork" not in multiprocessing.get_all_start_methods():
        _play(scenario, Probe(lambda message: _take(outcome, message), folder))
        return outcome
    receiver, sender = multiprocessing.Pipe(duplex=False)
    trace = tempfile.TemporaryFile()  # noqa: SIM115, the child writes into it, and this process reads it
    with trace, receiver, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about forks of a process with threads; in the child, warnings are no faults
        child = multiprocessing.get_context("fork").Process(
            target=_child, args=(scenario, sender, folder, trace.fileno(), seconds, _pools())
        )
        child.start()
        sender.close()
        try:
            step, ended = _listen(outcome, receiver, time.monotonic() + seconds)
        finally:
            _end_group(child)
        if ended == "time":
            outcome.stopped = (step, f"{step} didn't return within {seconds:g} s{_where(trace.fileno())}")
        elif ended == "closed":
            code = child.exitcode or 0
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            outcome.stopped = (step, f"{step} ended the process {how}")
    return outcome


def _listen(outcome: Outcome, receiver: Connection, deadline: float) -> tuple[str, str]:
    """Take messages until the end; return the last step, and "done", "closed" or "time"."""
    step = "start"
    while True:
        if not receiver.poll(max(0.0, deadline - time.monotonic())):
            return step, "time"
        try:
            message = receiver.recv()
        except EOFError:
            return step, "closed"
        if message[0] == "done":
            return step, "done"
        if message[0] == "step":
            step = message[1]
        _take(outcome, message)


def _take(outcome: Outcome, message: tuple[Any, ...]) -> None:
    if message[0] == "note":
        outcome.notes[message[1]] = message[2]
    elif message[0] == "raised":
        outcome.raised[message[1]] = message[2]


def _end_group(child: multiprocessing.process.BaseProcess) -> None:
    """End the child, and the processes that it has left behind."""
    child.join(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid or 0, signal.SIGKILL)
    if child.is_alive():
        child.kill()
    child.join()


def _child(
    scenario: Scenario, sender: Connection, folder: Path, trace: int, seconds: float, pools: ThreadpoolController | None
) -> None:
    """Run a scenario in the forked process: in its own folder, one thread, nothing on the terminal."""
    os.setsid()
    gc.freeze()  # what is there already needn't be looked at again
    faulthandler.dump_traceback_later(0.95 * seconds, file=trace)
    os.environ["OMP_NUM_THREADS"] = "1"
    _one_thread(pools)
    quiet = folder / ".stderr"
    descriptor = os.open(quiet, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    sys.stdout, sys.stderr = (open(stream, "w", encoding="utf-8", closefd=False) for stream in (1, 2))  # noqa: SIM115
    work = folder / "here"
    work.mkdir()
    os.chdir(work)
    _play(scenario, Probe(sender.send, work))
    sender.send(("done",))
    sender.close()
    os._exit(0)  # threads that the plugin left must not hold the process


def _play(scenario: Scenario, probe: Probe) -> None:
    """Run a scenario; what it raises outside its steps belongs to the step "start"."""
    with contextlib.suppress(_End), probe.step("start"):
        scenario(probe)


def _pools() -> ThreadpoolController | None:
    """The pools of threads in this process; None without libraries that have some."""
    loaded = frozenset({"torch", "sklearn"} & sys.modules.keys())
    return _found_pools(loaded) if loaded else None


@functools.cache
def _found_pools(_loaded: frozenset[str]) -> ThreadpoolController:
    """The pools while these modules are loaded: a look through all libraries takes longer than most scenarios."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_thread(pools: ThreadpoolController | None) -> None:
    """Let BLAS, OpenMP and torch use one thread: their pools don't outlive a fork."""
    if pools is not None:
        pools.limit(limits=1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


_FRAME = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')


def _where(trace: int) -> str:
    """The innermost line outside the standard library at which a process hung, from its trace; empty if unknown."""
    os.lseek(trace, 0, os.SEEK_SET)
    for file, line, function in _FRAME.findall(os.read(trace, 100_000).decode(errors="replace")):
        if not file.startswith((sys.base_prefix, "<")) and "site-packages" not in file:
            return f" (in {function}, {Path(file).name}:{line})"
    return ""

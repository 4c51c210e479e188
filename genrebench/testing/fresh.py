"""Scenarios in an interpreter that hasn't seen the plugin, and in which the order of sets is another one."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cloudpickle

from genrebench.testing.apart import Outcome, Probe, run_apart

HASH_SEED = "20"
"""Of text, on which the order of sets depends; Python draws another one for each process, or takes the user's."""


def run_fresh(
    name: str, scenario: Callable[[Probe], None], folder: Path, seconds: float, modules: Iterable[str]
) -> Outcome | None:
    """Run a scenario as `run_apart` does, forked from a new interpreter, which is started once.

    Parameters
    ----------
    name, scenario, folder, seconds
        As for `run_apart`.
    modules : iterable of str
        Other people's modules that the scenario will need; they are imported once for all, as are those of the core.

    Returns
    -------
    Outcome or None
        None if the scenario can't be sent there: what it is made of can't be pickled, or isn't found by its name.
    """
    if not hasattr(os, "fork"):
        return None
    try:
        job = cloudpickle.dumps(scenario)
    except Exception:  # whatever the plugin's objects make of it
        return None
    try:
        ours = [module for module in sys.modules if module.startswith("genrebench.")]
        answer: Outcome = _server().ask(name, job, folder, seconds, [*ours, *modules])
    except (OSError, EOFError):  # it was ended
        _server.cache_clear()
        return None
    except BaseException:  # Ctrl-C: the answer would be taken for that to the next question
        _server().close()
        _server.cache_clear()
        raise
    return None if _UNKNOWN in answer.notes else answer


_UNKNOWN = "unknown"


class Server:
    """A new interpreter that runs scenarios, until it is closed or this process ends."""

    def __init__(self) -> None:
        self._connection, there = multiprocessing.Pipe()
        code = "import sys; from genrebench.testing.fresh import serve; serve(int(sys.argv[1]))"
        self._process = subprocess.Popen(  # noqa: S603, this interpreter
            [sys.executable, "-c", code, str(there.fileno())],
            env=os.environ | {"PYTHONHASHSEED": HASH_SEED, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            pass_fds=[there.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        there.close()
        atexit.register(self.close)

    def ask(self, *question: Any) -> Outcome:
        """Run a scenario there."""
        self._connection.send((sys.path, *question))
        answer: Outcome = self._connection.recv()
        return answer

    def close(self) -> None:
        """End it."""
        atexit.unregister(self.close)
        self._connection.close()
        self._process.kill()
        self._process.wait()


_server = functools.cache(Server)


def serve(descriptor: int) -> None:
    """Answer the questions that come, in the new interpreter."""
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError):
        while True:
            sys.path[:], name, job, folder, seconds, modules = connection.recv()
            for module in modules:
                if module not in sys.modules:
                    with contextlib.suppress(Exception):
                        importlib.import_module(module)
            connection.send(run_apart(name, functools.partial(_play, job), folder, seconds))


def _play(job: bytes, probe: Probe) -> None:
    """Run a scenario in the forked process, which imports the plugin for it."""
    try:
        scenario = cloudpickle.loads(job)
    except Exception:
        probe.note(_UNKNOWN, True)
        return
    scenario(probe)

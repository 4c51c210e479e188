"""What a plugin changes in the process that it shares with others: settings, random state, threads, files, output."""

from __future__ import annotations

import builtins
import contextlib
import decimal
import gc
import importlib
import io
import json
import locale
import logging
import math
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

_TIMERS = [getattr(signal, name) for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name)]

RANDOM = ("random", "numpy.random", "torch's random numbers")


class Surroundings:
    """Compares the state of this process before and after each step; changes that imports make are forgiven.

    Parameters
    ----------
    own : str
        The first part of the names of the plugin's own modules, whose changes aren't forgiven.
    """

    def __init__(self, own: str = "") -> None:
        self._own = own
        self._depth = 0
        self._before = snapshot()
        self._functions = _functions()
        self.changes: dict[str, str] = {}

    def compare(self, step: str) -> None:
        """Take what has changed since the last call as changed in this step."""
        now = snapshot()
        for name, value in now.items():
            if name in self._before and self._before[name] != value:
                self.changes.setdefault(name, _told(name, self._before[name], value, step))
        self._before = now
        for (module, name), function in self._functions.items():
            if getattr(module, name, None) is not function:
                self.changes.setdefault(f"{module.__name__}.{name}", f"{step} replaced {module.__name__}.{name}")

    @contextlib.contextmanager
    def forgiving_imports(self) -> Iterator[None]:
        """Forgive in the body what other libraries change when they are imported: filters of warnings, variables."""
        ordinary, by_name = builtins.__import__, importlib.import_module

        def importing(name: str, *args: Any, **kwargs: Any) -> Any:
            return self._forgiven(name, lambda: ordinary(name, *args, **kwargs))

        def importing_module(name: str, package: str | None = None) -> Any:
            return self._forgiven(name, lambda: by_name(name, package))

        builtins.__import__, importlib.import_module = importing, importing_module
        try:
            yield
        finally:
            builtins.__import__, importlib.import_module = ordinary, by_name

    def _forgiven(self, name: str, load: Callable[[], Any]) -> Any:
        own = bool(self._own) and name.partition(".")[0] == self._own
        if self._depth or own or name in sys.modules:
            return load()
        before, n_modules = snapshot(), len(sys.modules)
        self._depth += 1
        try:
            return load()
        finally:
            self._depth -= 1
            if len(sys.modules) > n_modules:
                after = snapshot()
                self._before |= {key: after[key] for key in after if before.get(key) != after[key]}


def snapshot() -> dict[str, Any]:
    """The state of this process that libraries share, by name."""
    python, mask = random.getstate(), os.umask(0)
    os.umask(mask)
    number = np.random.get_state()  # noqa: NPY002, the global state is meant
    root = logging.getLogger()
    context = decimal.getcontext()
    state: dict[str, Any] = {
        "random": hash(python),
        "numpy.random": hash((number[1].tobytes(), *number[2:])),  # type: ignore[index]
        "environment variables": dict(os.environ),
        "the current folder": _folder(),
        "the file mode mask": mask,
        "the locale": locale.setlocale(locale.LC_ALL),
        "signal handlers": {s.name: repr(signal.getsignal(s)) for s in signal.Signals},
        "filters of warnings": [repr(entry) for entry in warnings.filters],
        "NumPy's handling of errors": np.geterr(),
        "NumPy's print options": repr(np.get_printoptions()),
        "the recursion limit": sys.getrecursionlimit(),
        "the module path": list(sys.path),
        "sys.stdout": id(sys.stdout),
        "sys.stderr": id(sys.stderr),
        "sys.excepthook": id(sys.excepthook),
        "threading.excepthook": id(threading.excepthook),
        "the garbage collector": (gc.isenabled(), gc.get_threshold()),
        "timers": [signal.getitimer(timer)[0] > 0 for timer in _TIMERS],
        "tracing": (sys.gettrace() is None, sys.getprofile() is None),
        "logging": (root.level, [type(handler).__name__ for handler in root.handlers], logging.root.manager.disable),
        "the socket timeout": socket.getdefaulttimeout(),
        "the decimal context": (context.prec, context.rounding),
        "tempfile.tempdir": tempfile.tempdir or tempfile.gettempdir(),
        "the time zone": time.tzname,
        "the switch interval": sys.getswitchinterval(),
    }
    if hasattr(os, "sched_getaffinity"):
        state["the processors"] = os.sched_getaffinity(0)
    if hasattr(os, "getpriority"):
        state["the priority"] = os.getpriority(os.PRIO_PROCESS, 0)
    return state | _libraries()


def _libraries() -> dict[str, Any]:
    """Settings of libraries that are loaded."""
    state: dict[str, Any] = {}
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        state["torch's random numbers"] = hash(torch.get_rng_state().numpy().tobytes())
        state["torch's settings"] = (
            str(torch.get_default_dtype()),
            torch.is_grad_enabled(),
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.benchmark,
        )
    if "matplotlib" in sys.modules and hasattr(sys.modules["matplotlib"], "rcParams"):
        settings: Any = sys.modules["matplotlib"].rcParams
        names = dict.keys(settings) - {"backend", "interactive"}  # reading the backend chooses one
        state["matplotlib's settings"] = hash(repr([(name, dict.__getitem__(settings, name)) for name in sorted(names)]))
    if "pandas._config.config" in sys.modules:
        state["pandas' options"] = hash(repr(sys.modules["pandas._config.config"]._global_config))
    if "sklearn" in sys.modules and hasattr(sys.modules["sklearn"], "get_config"):
        state["scikit-learn's settings"] = repr(sys.modules["sklearn"].get_config())
    return state


def _functions() -> dict[tuple[ModuleType, str], Any]:
    """Functions and classes of modules that everybody uses, by module and name."""
    return {
        (module, name): value
        for module in (builtins, json, math, np, os, random, time, warnings)
        for name, value in vars(module).items()
        if callable(value) and name != "__import__"  # which is watched
    }


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return "(deleted)"


def _told(name: str, before: Any, after: Any, step: str) -> str:
    if isinstance(before, dict):
        keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        return f"{step} changed {name}: {', '.join(keys[:3])}"
    if name in RANDOM:
        return f"{step} changed the global state of {name}"
    short = isinstance(before, str | int | float) and name not in ("sys.stdout", "sys.stderr", "sys.excepthook")
    return f"{step} changed {name}" + (f" from {before!r} to {after!r}" if short and "setting" not in name else "")


def left_running(before: set[int | None], seconds: float = 0.5) -> list[str]:
    """Names of the threads and child processes that are still there after some time, other than threads `before`."""
    import psutil

    deadline = time.monotonic() + seconds
    while True:
        threads = [f"the thread {thread.name!r}" for thread in threading.enumerate() if thread.ident not in before]
        children = []
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if child.status() != psutil.STATUS_ZOMBIE and not any("tracker" in word for word in words):
                    children.append(f"the process {' '.join(words)[:60]!r}")
        if not threads + children or time.monotonic() > deadline:
            return threads + children
        time.sleep(0.02)


_DESCRIPTOR = {"os.mkdir": 2, "os.remove": 1, "os.rmdir": 1, "os.chmod": 2}
"""Which argument of an event is the descriptor of a folder."""


class Writes:
    """Which files and folders are written outside the allowed ones. Python can't take such a hook away: for a child process.

    Parameters
    ----------
    allowed : sequence of Path
        Folders in which files may be written.
    current : Path, optional
        The current folder, which is empty: what is in it later is found, although programs and libraries in C wrote it.
    """

    _CACHES = ("__pycache__", "/dev/", "/proc/", "matplotlib", "fontconfig", "torchinductor", ".nbi", ".nbc", ".pyc")
    _WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def __init__(self, *allowed: Path, current: Path | None = None) -> None:
        self._allowed = [str(folder.resolve()) for folder in allowed]
        self._current = current
        self._made: set[str] = set()
        self._own: set[str] = set()
        self._removed: set[str] = set()
        self._seen: set[str] = set()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(args[2], int) and args[2] & self._WRITING:
            if not os.path.isdir(args[0]):  # noqa: PTH112, a file without a name is opened like that, and nothing is left of it
                self._take(args[0])
        elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "sqlite3.connect"):
            if event != "os.mkdir" or not os.path.isdir(args[0]):  # noqa: PTH112, as below
                inside = args[_DESCRIPTOR[event]] if event in _DESCRIPTOR else -1
                self._take(args[0], inside, removed=event in ("os.remove", "os.rmdir"))
        elif event in ("os.rename", "os.link", "os.symlink"):
            self._take(args[1], args[-1])

    def _take(self, path: Any, inside: int = -1, *, removed: bool = False) -> None:
        """Note a path, which is relative to an open folder if the descriptor `inside` says so."""
        if not isinstance(path, str | bytes | os.PathLike):
            return
        text = os.fsdecode(path)
        if inside >= 0:
            try:
                text = os.path.join(os.readlink(f"/proc/self/fd/{inside}"), text)  # noqa: PTH115, PTH118
            except OSError:  # a system without /proc
                return
        text = os.path.realpath(text)
        if any(word in text for word in self._CACHES) or text.startswith(tuple(self._allowed)):
            return
        if not removed:
            self._made.add(text)
            self._own.add(text)
        elif not self._own.intersection((text, *map(str, Path(text).parents))):  # it was there before
            self._removed.add(text)

    def forbid(self, folder: Path) -> None:
        """Allow nothing more in a folder."""
        self._allowed.remove(str(folder.resolve()))

    def outside(self, step: str) -> list[str]:
        """What has been written since the last call, and is still there."""
        if self._current is not None and self._current.is_dir():
            self._made |= {os.path.realpath(path) for path in self._current.rglob("*")} - self._seen
            self._seen |= self._made
        found = [f"{step} wrote {path}" for path in sorted(self._made) if os.path.lexists(path) and not _is_lock(Path(path))]
        found += [f"{step} removed {path}" for path in sorted(self._removed)]
        self._made.clear()
        self._removed.clear()
        return found


def _is_lock(path: Path) -> bool:
    """Whether a file is a lock between processes: empty, and among the temporary files. To remove it would undo the lock."""
    temporary = path.parent == Path(tempfile.gettempdir()).resolve()
    return path.suffix == ".lock" and temporary and path.is_file() and not path.stat().st_size


class Printed:
    """What is printed to stdout, by Python and by other code, while it is watched; to be used in a child process."""

    def __init__(self, file: Path) -> None:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(descriptor, 1)
        self._descriptor = descriptor
        self._seen = 0
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=True)

    def new(self) -> str:
        """What has been printed since the last call."""
        with contextlib.suppress(ValueError, AttributeError):  # closed or replaced by the plugin
            sys.stdout.flush()
        size = os.fstat(self._descriptor).st_size
        text = os.pread(self._descriptor, min(size - self._seen, 200), self._seen).decode(errors="replace")
        self._seen = size
        return text

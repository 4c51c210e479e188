"""The environment of a run: versions, system and processors, but no user or host names; and its peak memory."""

from __future__ import annotations

import atexit
import contextlib
import getpass
import importlib.metadata
import math
import os
import platform
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PACKAGES = ("genrebench", "numpy", "scipy", "scikit-learn", "librosa", "soundfile", "torch", "scikit-learn-intelex")

_CHILDREN_INTERVAL = 1.0
"""Seconds between searches for child processes."""


def describe_environment(*distributions: str) -> dict[str, str]:
    """Versions of Python, the system and the packages that can affect scores.

    Parameters
    ----------
    *distributions : str
        Other distributions to include, such as the plugin's.
    """
    result = {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": str(os.cpu_count()),
    }
    for name in dict.fromkeys((*PACKAGES, *distributions)):
        try:
            result[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return result


def without_home(text: str) -> str:
    """Replace the user's home folder with ~, for records."""
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry of the user in passwd
        return text
    for name in {str(home), str(home.resolve())}:
        if len(name) > 1:
            text = re.sub(re.escape(name) + r"(?![\w-])", "~", text)
    return text


def impersonal(text: str) -> str:
    """Replace the user's home folder, the user's name in paths and the machine's name, for logs that are passed around."""
    text = without_home(text)
    with contextlib.suppress(KeyError, OSError, ImportError):  # a user without a name
        user = getpass.getuser()
        text = re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\]|\b)|\b{re.escape(user)}(?=@)", "USER", text)
    for host in {platform.node(), platform.node().partition(".")[0]} - {"", "localhost"}:
        text = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", "HOST", text)
    return text


def lend_caches(home: Path) -> None:
    """Let libraries keep their caches under `home` if this user has no home folder of their own, or one that can't be written.

    Without such a folder librosa can't be imported, nor its compiled functions be kept. Where `home` can't be written either,
    it is a temporary folder.
    """
    try:
        own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # neither HOME nor an entry of the user in passwd
        own = None
    if os.name == "nt" or (own is not None and _can_write(own)):
        return
    if _can_write(home):
        lent = str(home / "libraries")
    else:
        lent = tempfile.mkdtemp(prefix="genrebench-")
        atexit.register(shutil.rmtree, lent, ignore_errors=True)
    os.environ["XDG_CACHE_HOME"] = os.environ["XDG_CONFIG_HOME"] = lent


def _can_write(folder: Path) -> bool:
    """Whether a folder can be written, or created."""
    absolute = folder.absolute()
    place = next(place for place in (absolute, *absolute.parents) if os.path.exists(place))  # noqa: PTH110 - raises nothing
    return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)  # noqa: PTH112


class PeakMemory:
    """Peak resident memory of this process and its children while the body runs, sampled every 50 ms.

    Child processes are searched for only once per second, since this requires a scan of all processes on the machine, which
    would slow down the body.

    Attributes
    ----------
    peak_mb : float
        Peak in 10^6 bytes.
    """

    def __init__(self, every: float = 0.05) -> None:
        self.every = every
        self.peak_mb = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil

        own = psutil.Process()
        searched = -math.inf
        last = False
        while not last:
            last = self._end.wait(self.every)
            if last or time.monotonic() - searched > _CHILDREN_INTERVAL:
                processes, searched = [own], time.monotonic()
                with contextlib.suppress(psutil.Error):  # a process that has ended in the meantime
                    processes += own.children(recursive=True)
            self.peak_mb = max(self.peak_mb, sum(map(_resident, processes)) / 1e6)


def _resident(process: Any) -> int:
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # the process has ended
        return 0


def allowed_memory() -> float:
    """Bytes of address space that this process may have, as set by ``ulimit -v``; infinity without a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return math.inf
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return math.inf if soft == resource.RLIM_INFINITY else soft


def container_memory(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float:
    """Bytes of memory that this process's container may have, beyond which it is killed; infinity without a limit.

    Parameters
    ----------
    groups, own : Path
        Where Linux shows all control groups, and those of this process.
    """
    limits = [math.inf]
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            root, name = (groups / "memory", "memory.limit_in_bytes") if controllers else (groups, "memory.max")
            inside = Path(path.lstrip("/"))
            for folder in (inside, *inside.parents):  # a container sees its own group as the root
                with contextlib.suppress(OSError, ValueError):  # "max" is no limit
                    limits.append(int((root / folder / name).read_text()))
    return min(limits)


def available_memory() -> float:
    """Bytes of memory that this process and others that it starts may still take."""
    import psutil

    return min(float(psutil.virtual_memory().available), container_memory())


def cpus() -> int:
    """Number of processors that this process may use, limited by its CPU affinity and its container's CPU quota."""
    import joblib  # slow to import

    return int(joblib.cpu_count())

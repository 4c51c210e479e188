"""What a run ran on: versions and kind of machine, never whose; and how much memory it took."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import re
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PACKAGES = ("genrebench", "numpy", "scipy", "scikit-learn", "librosa", "soundfile", "torch", "scikit-learn-intelex")

_LOOK = 1.0
"""Seconds from one look for children to the next."""


def describe_environment(*distributions: str) -> dict[str, str]:
    """Versions of Python, the system and the packages that matter to scores.

    Parameters
    ----------
    *distributions : str
        Further distributions to name, such as the plugin's.
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
    """Replace the user's home folder by ~, for records."""
    for home in {str(Path.home()), str(Path.home().resolve())}:
        if len(home) > 1:
            text = re.sub(re.escape(home) + r"(?![\w-])", "~", text)
    return text


class PeakMemory:
    """The largest resident memory of this process and its children while the body runs, sampled every 50 ms.

    Which children there are is looked up once a second only: it takes a look at every process of the machine, which the body
    would wait for.

    Attributes
    ----------
    peak_mb : float
        In 10^6 bytes.
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
        looked = -math.inf
        last = False
        while not last:
            last = self._end.wait(self.every)
            if last or time.monotonic() - looked > _LOOK:
                processes, looked = [own, *own.children(recursive=True)], time.monotonic()
            self.peak_mb = max(self.peak_mb, sum(map(_resident, processes)) / 1e6)


def _resident(process: Any) -> int:
    import psutil

    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended
        return 0


def cpus() -> int:
    """Number of processors that this process may use: limited by its CPU affinity and by its container's CPU quota."""
    import joblib  # takes a while to import

    return int(joblib.cpu_count())

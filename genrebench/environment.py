"""What a run ran on: versions and kind of machine, never whose; and how much memory it took."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import threading
from pathlib import Path
from types import TracebackType

PACKAGES = ("genrebench", "numpy", "scipy", "scikit-learn", "librosa", "soundfile", "torch", "scikit-learn-intelex")


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
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(self.every):
            self._sample()
        self._sample()

    def _sample(self) -> None:
        import psutil

        try:
            own = psutil.Process()
            total = own.memory_info().rss + sum(child.memory_info().rss for child in own.children(recursive=True))
        except psutil.Error:  # a child ended between the list and the look
            return
        self.peak_mb = max(self.peak_mb, total / 1e6)


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1

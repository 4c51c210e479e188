"""Settings shared by all operations: folders, plugins, device, workers, and callbacks for progress and messages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench.environment import allowed_memory, cpus, lend_caches
from genrebench.errors import UsageError
from genrebench.plugin.contract import Context
from genrebench.plugin.inputs import InputContext
from genrebench.plugin.observers import Observer
from genrebench.plugin.registry import Registry, installed_plugins
from genrebench.progress import Progress, no_progress
from genrebench.records import Excerpt

if TYPE_CHECKING:
    from genrebench.cluster import Cluster

LEAST_MEMORY = 700e6
"""Bytes of address space below which SciPy can't be imported: it fails with an odd error, or waits for ever."""

DEVICES = re.compile(r"auto|cpu|mps|cuda(:[0-9]+)?")
"""The devices that can be asked for; "cuda:1" is the second GPU."""

DATA_DIR = "GENREBENCH_DATA_DIR"
"""Environment variable with folders of official datasets that are on disk already, separated like those of PATH."""


def data_home() -> Path:
    """Return the folder of data and caches: GENREBENCH_HOME, or by default the platform's user data folder.

    Raises
    ------
    UsageError
        If neither is known.
    """
    home = os.environ.get("GENREBENCH_HOME")
    try:
        if not home:
            import platformdirs

            home = platformdirs.user_data_dir("genrebench", appauthor=False)
        folder = Path(home).expanduser()
        return _resolved(folder) if folder.is_absolute() else folder.resolve()
    except (RuntimeError, OSError):  # a user without home; a relative path in a deleted folder
        what = f"there is no folder {home!r}" if home else "this user has no home folder"
        raise UsageError(f"{what}; set GENREBENCH_HOME to a folder for data and caches") from None


@lru_cache(maxsize=4)
def _resolved(folder: Path) -> Path:
    """Where a folder really is; caches ask for it once per entry."""
    return folder.resolve()


@dataclass(frozen=True)
class Session:
    """Settings shared by all operations.

    Parameters
    ----------
    home : Path
        Folder of data and caches.
    registry : Registry
        The installed plugins.
    device : {"auto", "cpu", "cuda", "cuda:N", "mps"}
        As in `Context`.
    devices : int
        As in `Context`.
    workers : int
        Number of processes or threads.
    jobs : int
        Number of runs at the same time, among which the workers are shared out.
    cluster : Cluster or None
        The cluster that does the work; None for this machine.
    progress : callable
        As in `Context`.
    say : callable
        ``say(text)`` is called with messages for the user.
    cached : bool
        As in `InputContext`.
    follow_links : bool
        Whether links may lead out of the folder of a dataset.
    observers : tuple of (str, callable)
        Names of the observers of runs, and functions that make one for each run.

    Raises
    ------
    UsageError
        If the device is unknown, a number is less than 1, several devices are to train several runs at the same time, or a
        process may have too little memory.
    """

    home: Path = field(default_factory=data_home)
    registry: Registry = field(default_factory=installed_plugins)
    device: str = "auto"
    devices: int = 1
    workers: int = field(default_factory=cpus)
    jobs: int = 1
    cluster: Cluster | None = None
    progress: Progress = no_progress
    say: Callable[[str], None] = lambda _: None
    cached: bool = True
    follow_links: bool = False
    observers: tuple[tuple[str, Callable[[], Observer]], ...] = ()

    def __post_init__(self) -> None:
        if not DEVICES.fullmatch(self.device):
            hint = "; did you mean cuda?" if self.device.lower().startswith(("gpu", "nvidia", "cuda")) else ""
            raise UsageError(f"device {self.device!r} isn't one of auto, cpu, cuda, cuda:0, cuda:1, ..., mps{hint}")
        if (allowed := allowed_memory()) < LEAST_MEMORY:
            raise UsageError(f"a process may have {allowed / 1e6:.0f} MB of memory here; allow 2 GB or more with 'ulimit -v'")
        for name, number in (("devices", self.devices), ("workers", self.workers), ("jobs", self.jobs)):
            if number < 1:
                raise UsageError(f"{number} isn't a valid number of {name}; use 1 or more")
        if self.devices > 1 and (self.jobs > 1 or self.cluster is not None):
            raise UsageError("several devices train one run at a time; use --devices without --jobs and --cluster")
        lend_caches(self.home)

    def input_context(self, excerpt: Excerpt) -> InputContext:
        """Settings for computing the inputs of an excerpt."""
        return InputContext(
            self.home / "cache", excerpt, self.workers, self.progress, self.cached, device=self.device, say=self.say
        )

    def context(self, genres: tuple[str, ...], **more: Any) -> Context:
        """Context for a model; `more` are other fields of `Context`."""
        return Context(genres, device=self.device, devices=self.devices, workers=self.workers, progress=self.progress, **more)

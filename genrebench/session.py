"""Where work happens and who watches it: folders, device, workers, installed plugins, progress and messages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genrebench.environment import cpus
from genrebench.errors import UsageError
from genrebench.plugin.contract import Context
from genrebench.plugin.inputs import InputContext
from genrebench.plugin.registry import Registry, installed_plugins
from genrebench.progress import no_progress
from genrebench.records import Excerpt

DEVICES = ("auto", "cpu", "cuda", "mps")


def data_home() -> Path:
    """Return the folder of data and caches: GENREBENCH_HOME, else the platform's user data folder."""
    given = os.environ.get("GENREBENCH_HOME")
    if given:
        return Path(given).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("genrebench", appauthor=False))


@dataclass(frozen=True)
class Session:
    """Where work happens and who watches it.

    Parameters
    ----------
    home : Path
        Folder of data and caches.
    registry : Registry
        The installed plugins.
    device : {"auto", "cpu", "cuda", "mps"}
        As in `Context`.
    workers : int
        Number of processes or threads.
    progress : callable
        As in `Context`.
    say : callable
        ``say(text)`` is called with messages for a person.
    cached : bool
        As in `InputContext`.

    Raises
    ------
    UsageError
        If the device is unknown, or there is no worker.
    """

    home: Path = field(default_factory=data_home)
    registry: Registry = field(default_factory=installed_plugins)
    device: str = "auto"
    workers: int = field(default_factory=cpus)
    progress: Callable[..., Iterable[Any]] = no_progress
    say: Callable[[str], None] = lambda _: None
    cached: bool = True

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise UsageError(f"device {self.device!r} is none of {', '.join(DEVICES)}")
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers can't work; give 1 or more")

    def input_context(self, excerpt: Excerpt) -> InputContext:
        """Where and how inputs of an excerpt are computed."""
        return InputContext(self.home / "cache", excerpt, self.workers, self.progress, self.cached)

    def context(self, genres: tuple[str, ...], **more: Any) -> Context:
        """What a model is told; `more` are further fields of `Context`."""
        return Context(genres, device=self.device, workers=self.workers, progress=self.progress, **more)

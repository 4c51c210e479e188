"""Where work happens and who watches it: folders, device, workers, progress and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.evaluation import metrics
from genrebench.plugin.contract import InputContext, InputSpec, MetricSpec
from genrebench.records import Excerpt


@dataclass(frozen=True)
class Session:
    """Where a run happens and who watches it.

    Parameters
    ----------
    home : Path
        Folder of data and caches.
    device : str
        As in `Context`.
    workers : int
        Processes or threads to use.
    progress : callable
        As in `Context`.
    log : callable
        ``log(fold, epoch, values)`` hears of each point of a curve.
    say : callable
        ``say(text)`` hears what a person may want to know.
    input_specs, metric_specs : tuple
        Kinds of input and metrics that are installed.
    cached : bool
        As in `InputContext`.
    """

    home: Path
    device: str = "auto"
    workers: int = 1
    progress: Callable[..., Iterable[Any]] = lambda iterable, *_, **__: iterable
    log: Callable[[int, int, Mapping[str, float]], None] = lambda *_: None
    say: Callable[[str], None] = lambda _: None
    input_specs: tuple[InputSpec, ...] = ()
    metric_specs: tuple[MetricSpec, ...] = metrics.METRICS
    cached: bool = True

    def context(self, excerpt: Excerpt) -> InputContext:
        """Where and how inputs are made of an excerpt."""
        return InputContext(self.home / "cache", excerpt, self.workers, self.progress, self.cached)

"""The contract between genrebench and observers, which follow runs: trackers, notifications, live plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from genrebench.plugin.contract import NoOptions


class Observer:
    """Follows one run; every method may be left out.

    A run's record has the keys of ``genrebench run --format json``: "run_id", "task", "model", "seed", "metrics", ... An
    observer that raises an exception is reported, isn't called again for this run, and stops nothing.
    """

    def started(self, record: Mapping[str, Any]) -> None:
        """The run begins or, after an interruption, goes on."""

    def epoch(self, fold: int, epoch: int, values: Mapping[str, float]) -> None:
        """The model has logged a point of its curves; folds count from 0, epochs from 1."""

    def finished(self, record: Mapping[str, Any]) -> None:
        """The run has ended and is scored; `record` has its metrics."""

    def failed(self, record: Mapping[str, Any]) -> None:
        """The run has failed or was interrupted: see "status" and "error" of the record."""


@dataclass(frozen=True)
class ObserverSpec:
    """An observer that can be chosen with `--observe NAME`.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    make : callable
        ``make(options)`` returns a new `Observer`, one for each run. Put heavy imports into this function; `UsageError` says
        that the observer can't be used, before any work starts.
    options : type
        A frozen dataclass, as for a model; set with ``--set NAME.KEY=VALUE``.
    """

    name: str
    summary: str
    make: Callable[[Any], Observer]
    options: type = NoOptions

"""Metrics as columns of boards: which are shown, what they are called, and the metrics that are measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from genrebench.errors import UsageError, did_you_mean
from genrebench.evaluation.metrics import METRICS
from genrebench.plugin.hookspecs import METRIC
from genrebench.plugin.metrics import MetricSpec
from genrebench.plugin.registry import Registered, Registry

WITH_INTERVAL = ("log_loss", "brier", "f1_micro", "f1_macro", "f1_weighted")
"""Built-in metrics that have an interval."""

RANKED_BY = "log_loss"

_TITLES = {
    "log_loss": "log loss",
    "brier": "Brier",
    "f1_micro": "F1 micro",
    "f1_macro": "F1 macro",
    "f1_weighted": "F1 weighted",
}
_DEFAULT = tuple(metric for metric in METRICS if metric.name in ("f1_micro", "f1_macro"))


@dataclass(frozen=True)
class BoardMetrics:
    """The metrics of boards.

    Parameters
    ----------
    measured : tuple of Registered of MetricSpec
        Metrics of plugins, which are computed from the predictions of each run.
    chosen : tuple of MetricSpec or None
        Those that have columns, beside the log loss; None for the default.
    """

    measured: tuple[Registered[MetricSpec], ...] = ()
    chosen: tuple[MetricSpec, ...] | None = None

    @property
    def shown(self) -> tuple[MetricSpec, ...]:
        """Metrics that have a column."""
        return _DEFAULT if self.chosen is None else self.chosen

    def has_interval(self, metric: MetricSpec) -> bool:
        """Whether a shown metric has a column for its interval; the default columns have none."""
        return self.chosen is not None and (metric.per_track or metric.name in WITH_INTERVAL)


def title(metric: str) -> str:
    """Heading of a metric's column."""
    return _TITLES.get(metric, metric.replace("_", " "))


def board_metrics(registry: Registry, names: Iterable[str] | None = None) -> BoardMetrics:
    """Choose the metrics of boards.

    Parameters
    ----------
    registry : Registry
        Its metrics are measured; one that two plugins offer is left out unless it is named.
    names : iterable of str, optional
        Metrics that get columns.

    Raises
    ------
    UsageError
        If no plugin, or more than one, offers a named metric.
    """
    offered: dict[str, Registered[MetricSpec]] = {}
    for name in registry.names(METRIC):
        if not registry.is_ambiguous(METRIC, name):
            offered[name] = registry.get(METRIC, name)
    measured = tuple(one for name, one in offered.items() if name not in {metric.name for metric in METRICS})
    if names is None:
        return BoardMetrics(measured)
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        if name not in registry.names(METRIC):
            raise UsageError(f"no metric {name!r}; {did_you_mean(name, registry.names(METRIC))}{registry.broken()}")
    specs = [registry.get(METRIC, name).spec for name in chosen if name != RANKED_BY]
    return BoardMetrics(measured, tuple(specs))

"""What the core brings itself, through the same hooks as any plugin."""

from __future__ import annotations

from genrebench import datasets, inputs
from genrebench.evaluation import metrics
from genrebench.plugin.contract import DatasetSpec, InputSpec, MetricSpec
from genrebench.plugin.hookspecs import hookimpl


@hookimpl
def genrebench_datasets() -> list[DatasetSpec]:
    """Give demo and the subsets of FMA."""
    return list(datasets.SPECS)


@hookimpl
def genrebench_inputs() -> list[InputSpec]:
    """Give feature tables, waveforms and frames."""
    return list(inputs.SPECS)


@hookimpl
def genrebench_metrics() -> list[MetricSpec]:
    """Give log loss, the three F1 and the calibration error."""
    return list(metrics.METRICS)

"""The core's own datasets, inputs, metrics, observers and splits, registered through the same hooks as those of plugins."""

from __future__ import annotations

from genrebench import datasets, inputs, observers
from genrebench.evaluation import metrics
from genrebench.plugin.datasets import DatasetSpec
from genrebench.plugin.hookspecs import hookimpl
from genrebench.plugin.inputs import InputSpec
from genrebench.plugin.metrics import MetricSpec
from genrebench.plugin.observers import ObserverSpec
from genrebench.plugin.splits import SplitSpec
from genrebench.tasks import splits


@hookimpl
def genrebench_datasets() -> list[DatasetSpec]:
    """Return demo and the subsets of FMA."""
    return list(datasets.SPECS)


@hookimpl
def genrebench_inputs() -> list[InputSpec]:
    """Return feature tables, waveforms and frames."""
    return list(inputs.SPECS)


@hookimpl
def genrebench_metrics() -> list[MetricSpec]:
    """Return log loss, the three F1 scores and the calibration error."""
    return list(metrics.METRICS)


@hookimpl
def genrebench_splits() -> list[SplitSpec]:
    """Return the splits of every dataset."""
    return list(splits.SPECS)


@hookimpl
def genrebench_observers() -> list[ObserverSpec]:
    """Return MLflow and TensorBoard."""
    return list(observers.SPECS)

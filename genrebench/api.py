"""The API for plugins, which import this module and nothing else from genrebench.

A plugin is a distribution with an entry point in the group ``genrebench`` that names a module. The module has functions marked
with `hookimpl` and named after the hooks: ``genrebench_models``, ``genrebench_datasets``, ``genrebench_inputs``,
``genrebench_metrics``, ``genrebench_observers``, ``genrebench_splits``. See the how-to "Write a model plugin".
"""

from pydantic import Field

from genrebench.audio import read as read_audio
from genrebench.errors import AudioError, DataError, GenrebenchError, PluginError, UsageError
from genrebench.evaluation.metrics import log_loss
from genrebench.files import write as write_file
from genrebench.inputs.own import cached_arrays
from genrebench.plugin.contract import (
    Context,
    Examples,
    FeatureTable,
    Frames,
    Inputs,
    Model,
    ModelSpec,
    NoOptions,
    Table,
    Timeline,
    Waveforms,
)
from genrebench.plugin.datasets import Archive, DatasetSpec, Reference
from genrebench.plugin.folds import grouped_folds
from genrebench.plugin.hookspecs import hookimpl
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.plugin.lazy import LazyInputs, ListInputs
from genrebench.plugin.metrics import MetricSpec
from genrebench.plugin.observers import Observer, ObserverSpec
from genrebench.plugin.sklearn import sklearn_model
from genrebench.plugin.splits import SplitSpec
from genrebench.plugin.versions import CONTRACT
from genrebench.reading import read_arrays, read_json
from genrebench.records import Dataset, Excerpt, Exclusion, FeatureValues, Fold, Track

__all__ = [
    "CONTRACT",
    "Archive",
    "AudioError",
    "Clip",
    "Context",
    "DataError",
    "Dataset",
    "DatasetSpec",
    "Examples",
    "Excerpt",
    "Exclusion",
    "FeatureTable",
    "FeatureValues",
    "Field",
    "Fold",
    "Frames",
    "GenrebenchError",
    "InputContext",
    "InputSpec",
    "Inputs",
    "LazyInputs",
    "ListInputs",
    "MetricSpec",
    "Model",
    "ModelSpec",
    "NoOptions",
    "Observer",
    "ObserverSpec",
    "PluginError",
    "Prepared",
    "Reference",
    "SplitSpec",
    "Table",
    "Timeline",
    "Track",
    "UsageError",
    "Waveforms",
    "cached_arrays",
    "grouped_folds",
    "hookimpl",
    "log_loss",
    "read_arrays",
    "read_audio",
    "read_json",
    "sklearn_model",
    "write_file",
]

"""The hooks that plugins implement, and the kinds of specs that they return.

A plugin implements any of these hooks and marks the functions with `genrebench.api.hookimpl`. All hooks are called once per
process, when plugins are discovered, so they have to be fast and must not import heavy packages. A new kind is added here: its
hook and its entry in `KINDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import pluggy

from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.datasets import DatasetSpec
from genrebench.plugin.inputs import InputSpec
from genrebench.plugin.metrics import RESERVED, MetricSpec
from genrebench.plugin.observers import ObserverSpec
from genrebench.plugin.splits import SplitSpec

hookspec = pluggy.HookspecMarker("genrebench")
hookimpl = pluggy.HookimplMarker("genrebench")


@hookspec
def genrebench_models() -> list[ModelSpec]:  # type: ignore[empty-body]
    """Return models that can be run."""


@hookspec
def genrebench_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Return datasets that can be selected with `--dataset NAME`."""


@hookspec
def genrebench_inputs() -> list[InputSpec]:  # type: ignore[empty-body]
    """Return kinds of input that models can request."""


@hookspec
def genrebench_metrics() -> list[MetricSpec]:  # type: ignore[empty-body]
    """Return metrics that are recorded in addition to the built-in ones."""


@hookspec
def genrebench_splits() -> list[SplitSpec]:  # type: ignore[empty-body]
    """Return splits that can be selected with `--split NAME`."""


@hookspec
def genrebench_observers() -> list[ObserverSpec]:  # type: ignore[empty-body]
    """Return observers that can follow runs, selected with `--observe NAME`."""


S = TypeVar("S", ModelSpec, DatasetSpec, InputSpec, MetricSpec, SplitSpec, ObserverSpec)


@dataclass(frozen=True)
class Kind(Generic[S]):
    """A kind of object that plugins provide.

    Parameters
    ----------
    name : str
        Name of the kind, such as "model".
    hook : str
        Name of the hook.
    spec : type
        Type of the specs in the list that the hook returns.
    pattern : str
        Regular expression that the names of specs have to match.
    reserved : frozenset of str
        Names that aren't allowed.
    """

    name: str
    hook: str
    spec: type[S]
    pattern: str = r"[a-z0-9-]+"
    reserved: frozenset[str] = frozenset()


MODEL = Kind("model", "genrebench_models", ModelSpec)
DATASET = Kind("dataset", "genrebench_datasets", DatasetSpec)
INPUT = Kind("input", "genrebench_inputs", InputSpec, pattern=r"\w+")
METRIC = Kind(
    "metric", "genrebench_metrics", MetricSpec, pattern=r"(?!.*_(?:interval|low|high|spread)$)[a-z0-9_]+", reserved=RESERVED
)
SPLIT = Kind("split", "genrebench_splits", SplitSpec)
OBSERVER = Kind("observer", "genrebench_observers", ObserverSpec)
KINDS = (MODEL, DATASET, INPUT, METRIC, SPLIT, OBSERVER)

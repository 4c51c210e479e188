"""The hooks that genrebench calls, and what each of them collects.

A plugin implements any of them, marked with `genrebench.api.hookimpl`. All fire once per process, when the installed plugins
are first asked for; their functions have to be quick and must not import anything heavy. A new kind of thing that plugins can
offer is added here: its hook, and its line in `KINDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import pluggy

from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.datasets import DatasetSpec
from genrebench.plugin.inputs import InputSpec
from genrebench.plugin.metrics import RESERVED, MetricSpec

hookspec = pluggy.HookspecMarker("genrebench")
hookimpl = pluggy.HookimplMarker("genrebench")


@hookspec
def genrebench_models() -> list[ModelSpec]:  # type: ignore[empty-body]
    """Models that can be run."""


@hookspec
def genrebench_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Datasets that `--dataset NAME` finds."""


@hookspec
def genrebench_inputs() -> list[InputSpec]:  # type: ignore[empty-body]
    """Kinds of input that a model can ask for."""


@hookspec
def genrebench_metrics() -> list[MetricSpec]:  # type: ignore[empty-body]
    """Further scores; they stand in the record beside the built-in ones."""


S = TypeVar("S", ModelSpec, DatasetSpec, InputSpec, MetricSpec)


@dataclass(frozen=True)
class Kind(Generic[S]):
    """A kind of thing that plugins offer.

    Parameters
    ----------
    name : str
        What one of them is called: "model".
    hook : str
        The hook that collects them.
    spec : type
        The type of what the hook returns.
    pattern : str
        Regular expression that names have to match.
    reserved : frozenset of str
        Names that can't be taken.
    """

    name: str
    hook: str
    spec: type[S]
    pattern: str = r"[a-z0-9-]+"
    reserved: frozenset[str] = frozenset()


MODEL = Kind("model", "genrebench_models", ModelSpec)
DATASET = Kind("dataset", "genrebench_datasets", DatasetSpec)
INPUT = Kind("input", "genrebench_inputs", InputSpec, pattern=r"\w+")
METRIC = Kind("metric", "genrebench_metrics", MetricSpec, pattern=r"(?!.*_interval$)[a-z0-9_]+", reserved=RESERVED)
KINDS = (MODEL, DATASET, INPUT, METRIC)

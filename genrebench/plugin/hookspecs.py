"""The hooks that genrebench calls. A plugin implements any of them, marked with `genrebench.api.hookimpl`.

All four fire once a process, when the installed plugins are first asked for; their functions have to be quick and must
not import anything heavy.
"""

from __future__ import annotations

import pluggy

from genrebench.plugin.contract import DatasetSpec, InputSpec, MetricSpec, ModelSpec

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

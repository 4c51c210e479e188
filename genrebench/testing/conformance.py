"""All checks of something that a plugin offers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.datasets import DatasetSpec
from genrebench.plugin.inputs import InputSpec
from genrebench.plugin.metrics import MetricSpec
from genrebench.plugin.splits import SplitSpec
from genrebench.testing import datasets, inputs, metrics, models, splits
from genrebench.testing.apart import TIME_LIMIT
from genrebench.testing.check import Check, Checks, Rule
from genrebench.testing.models.bench import ModelBench

_KINDS: dict[type, tuple[Any, tuple[Rule, ...]]] = {
    ModelSpec: (ModelBench, models.RULES),
    DatasetSpec: (datasets.DatasetBench, datasets.RULES),
    InputSpec: (inputs.InputBench, inputs.RULES),
    MetricSpec: (metrics.MetricBench, metrics.RULES),
    SplitSpec: (splits.SplitBench, splits.RULES),
}
"""Type of a spec to its bench and its rules."""


def rules_of(spec: Any) -> tuple[Rule, ...]:
    """The rules for a spec, in their order.

    Raises
    ------
    TypeError
        If it isn't a spec.
    """
    if type(spec) not in _KINDS:
        raise TypeError(f"{spec!r:.60} isn't a spec; known: {', '.join(kind.__name__ for kind in _KINDS)}")
    return _KINDS[type(spec)][1]


def conformance(spec: Any, *, time_limit: float = TIME_LIMIT, **settings: Any) -> Iterator[Check]:
    """Check that what a plugin offers satisfies its contract, and yield the result of each check.

    The plugin's code runs in processes of its own, so nothing that it does affects this one; a process that takes too long, or
    ends early, is a finding. Where processes can't be forked, as on Windows, it runs in this process without a time limit.

    Parameters
    ----------
    spec : ModelSpec, DatasetSpec, InputSpec, MetricSpec or SplitSpec
    time_limit : float
        Seconds that one of these processes may take.
    **settings
        Options of a model, for example to make it small; for a dataset `home`, the folder of data, by default an empty one;
        for a kind of input `requested`, what a model asks for, by default the type without arguments.

    Yields
    ------
    Check
    """
    with checks_of(spec, time_limit, settings) as checks:
        yield from checks


@contextlib.contextmanager
def checks_of(spec: Any, time_limit: float, settings: Mapping[str, Any]) -> Iterator[Checks]:
    """The checks of a spec, each of which runs when its result is asked for; parameters as in `conformance`."""
    rules = rules_of(spec)
    with contextlib.closing(_KINDS[type(spec)][0](spec, settings, time_limit)) as bench:
        yield Checks(rules, bench)


def assert_conforms(spec: Any, *, time_limit: float = TIME_LIMIT, **settings: Any) -> None:
    """Raise an AssertionError that names all failed checks; parameters as in `conformance`."""
    problems = [str(check) for check in conformance(spec, time_limit=time_limit, **settings) if check.problem]
    if problems:
        raise AssertionError(f"{spec.name} breaks its contract:\n" + "\n".join(problems))

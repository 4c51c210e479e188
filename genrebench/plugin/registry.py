"""Discovery of plugins by the entry-point group "genrebench", and what they offer.

A plugin that can't be imported, or whose hooks fail, is held apart: it is listed with its error and stops nothing else.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pluggy

from genrebench import builtin
from genrebench.errors import PluginError, UsageError
from genrebench.plugin import hookspecs
from genrebench.plugin.contract import DatasetSpec, InputSpec, MetricSpec, ModelSpec
from genrebench.plugin.options import did_you_mean

GROUP = "genrebench"
SPECS = {
    "genrebench_models": ModelSpec,
    "genrebench_datasets": DatasetSpec,
    "genrebench_inputs": InputSpec,
    "genrebench_metrics": MetricSpec,
}
S = TypeVar("S")


@dataclass(frozen=True)
class Plugin:
    """One entry point of one distribution.

    Parameters
    ----------
    name : str
        The entry point's name; "genrebench" for what the core brings itself.
    distribution : str
        The installed distribution, as pip knows it.
    version : str
    error : str or None
        Why nothing of it can be used; None where all is well.
    models, datasets, inputs, metrics : tuple of str
        Names of what it offers.
    """

    name: str
    distribution: str
    version: str
    error: str | None = None
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registered(Generic[S]):
    """Something that a plugin brings, with its origin."""

    spec: S
    plugin: Plugin


@dataclass
class Registry:
    """What all the plugins of this environment offer."""

    plugins: list[Plugin] = field(default_factory=list)
    models: dict[str, list[Registered[ModelSpec]]] = field(default_factory=dict)
    datasets: dict[str, list[Registered[DatasetSpec]]] = field(default_factory=dict)
    inputs: dict[str, list[Registered[InputSpec]]] = field(default_factory=dict)
    metrics: dict[str, list[Registered[MetricSpec]]] = field(default_factory=dict)

    def model(self, name: str) -> Registered[ModelSpec]:
        """Return the model `name`.

        Raises
        ------
        UsageError
            If no plugin, or more than one, offers it.
        """
        if not self.models:
            raise UsageError(f"no model {name!r}: no installed plugin offers a model; {how_to_get_models()}")
        return _only(self.models, name, "model")

    def dataset_specs(self) -> dict[str, DatasetSpec]:
        """Return the registered datasets by name; of two with one name the core's, or the first, counts."""
        return {name: offers[0].spec for name, offers in self.datasets.items()}

    def input_specs(self) -> tuple[InputSpec, ...]:
        """Return all kinds of input; names as for datasets."""
        return tuple(offers[0].spec for offers in self.inputs.values())

    def metric_specs(self) -> tuple[MetricSpec, ...]:
        """Return all metrics, the built-in ones first; names as for datasets."""
        return tuple(offers[0].spec for offers in self.metrics.values())

    def clashes(self, plugin: Plugin) -> list[str]:
        """Names that `plugin` offers and another does too."""
        pairs = (
            (self.models, plugin.models),
            (self.datasets, plugin.datasets),
            (self.inputs, plugin.inputs),
            (self.metrics, plugin.metrics),
        )
        return sorted(name for table, names in pairs for name in names if len(table[name]) > 1)


def how_to_get_models() -> str:
    """Return the next step of somebody who has no model."""
    return "install one: pip install genrebench-svm, or ./plugins/genrebench-svm from a clone of genrebench"


@functools.cache
def registry() -> Registry:
    """Discover the plugins; the same object for the whole process."""
    return discover(importlib.metadata.entry_points(group=GROUP))


def discover(entry_points: Iterable[importlib.metadata.EntryPoint]) -> Registry:
    """Load `entry_points` and ask each plugin what it offers.

    Parameters
    ----------
    entry_points : iterable of EntryPoint
        Of the group "genrebench".

    Returns
    -------
    Registry
        Broken plugins stand in `plugins` with their error.
    """
    result = Registry()
    _add(result, "genrebench", "genrebench", importlib.metadata.version("genrebench"), lambda: builtin)
    for entry in sorted(entry_points, key=lambda entry: (_distribution(entry)[0], entry.name)):
        _add(result, entry.name, *_distribution(entry), entry.load)
    return result


def _distribution(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else (entry.name, "unknown")


def _add(result: Registry, name: str, distribution: str, version: str, load: Callable[[], Any]) -> None:
    """Ask one plugin, in a manager of its own so that its failure is its own."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(load(), name)
        manager.check_pending()
        offered = {hook: _ask(manager, hook, kind) for hook, kind in SPECS.items()}
    # SystemExit too: a plugin that calls sys.exit on import must not end the program
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        result.plugins.append(Plugin(name, distribution, version, error=reason))
        return
    tables: tuple[dict[str, list[Registered[Any]]], ...] = (result.models, result.datasets, result.inputs, result.metrics)
    names = [tuple(map(_spec_name, specs)) for specs in offered.values()]
    plugin = Plugin(name, distribution, version, None, *names)
    result.plugins.append(plugin)
    for table, specs in zip(tables, offered.values(), strict=True):
        for spec in specs:
            table.setdefault(_spec_name(spec), []).append(Registered(spec, plugin))


def _ask(manager: pluggy.PluginManager, hook: str, kind: type) -> list[Any]:
    specs = [spec for answer in getattr(manager.hook, hook)() for spec in answer]
    for spec in specs:
        if not isinstance(spec, kind):
            raise PluginError(f"{hook} has to return a list of {kind.__name__}, not {spec!r}")
        if isinstance(spec, ModelSpec | DatasetSpec) and not re.fullmatch(r"[a-z0-9-]+", spec.name):
            raise PluginError(f"{hook} names {spec.name!r}; use the letters a-z, digits and '-'")
    names = [_spec_name(spec) for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise PluginError(f"{hook} offers {name!r} twice")
    return specs


def _spec_name(spec: Any) -> str:
    return str(spec.type.__name__ if isinstance(spec, InputSpec) else spec.name)


def _only(table: dict[str, list[Registered[S]]], name: str, noun: str) -> Registered[S]:
    if name not in table:
        raise UsageError(f"no {noun} {name!r}; {did_you_mean(name, table)}")
    offers = table[name]
    if len(offers) > 1:
        owners = " and ".join(offer.plugin.distribution for offer in offers)
        raise UsageError(f"{noun} {name!r} is offered by {owners}; uninstall one of them")
    return offers[0]

"""Discovery of plugins through the entry-point group "genrebench", and lookup of what they offer by kind and name.

The same rule holds for every kind: a name that two plugins offer is an error that names both, raised when it is looked up. A
plugin that can't be imported, or whose hooks fail, is listed with its error and doesn't affect other plugins. The core's own
datasets, inputs and metrics are also a plugin, `genrebench.builtin`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

import pluggy

from genrebench.errors import PluginError, UsageError, did_you_mean
from genrebench.plugin import hookspecs
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.hookspecs import INPUT, KINDS, MODEL, Kind, S
from genrebench.plugin.inputs import InputSpec

GROUP = "genrebench"
CORE = importlib.metadata.EntryPoint("genrebench", "genrebench.builtin", GROUP)


@dataclass(frozen=True)
class Plugin:
    """One entry point of one distribution.

    Parameters
    ----------
    name : str
        Name of the entry point; "genrebench" for the core.
    distribution : str
        Name of the installed distribution.
    version : str
    error : str or None
        Why the plugin, or one of its hooks, can't be used; None if all can.
    offers : mapping of str to tuple of str
        Kind to the names that the plugin offers.
    """

    name: str
    distribution: str
    version: str
    error: str | None = None
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered(Generic[S]):
    """A spec and the plugin that offers it; `installed` is False for models passed as Python objects."""

    spec: S
    plugin: Plugin
    installed: bool = True


Key = str | type
"""Identifies a spec within its kind: its name, or for inputs its type."""


@dataclass
class Registry:
    """The plugins and everything that they offer."""

    plugins: list[Plugin] = field(default_factory=list)
    _offers: dict[str, dict[Key, list[Registered[Any]]]] = field(default_factory=lambda: {kind.name: {} for kind in KINDS})

    def get(self, kind: Kind[S], name: Key) -> Registered[S]:
        """Look up a name.

        Raises
        ------
        UsageError
            If no plugin, or more than one, offers the name.
        """
        offered = self._offers[kind.name]
        if name not in offered:
            known = [key for key in offered if isinstance(key, str)]
            raise UsageError(f"no {kind.name} {name!r}; {did_you_mean(str(name), known)}{self.broken()}")
        return _only(kind, offered[name])

    def names(self, kind: Kind[Any]) -> list[str]:
        """All names of a kind in order of registration, including clashing names."""
        return [_name(offers[0].spec) for offers in self._offers[kind.name].values()]

    def all(self, kind: Kind[S]) -> list[Registered[S]]:
        """Return everything of a kind, the core's first.

        Raises
        ------
        UsageError
            If two plugins offer the same name.
        """
        return [_only(kind, offers) for offers in self._offers[kind.name].values()]

    def model(self, name: str) -> Registered[ModelSpec]:
        """Look up a model, like `get`, with an installation hint if no model is installed."""
        if not self._offers[MODEL.name]:
            raise UsageError(f"no model {name!r}: no installed plugin offers a model; {install_hint()}{self.broken()}")
        return self.get(MODEL, name)

    def input(self, requested: Any) -> InputSpec:
        """Return the spec of the input that a model requests.

        Raises
        ------
        PluginError
            If the type of `requested` isn't registered.
        """
        if type(requested) not in self._offers[INPUT.name]:
            known = ", ".join(self.names(INPUT))
            raise PluginError(
                f"the model requests {type(requested).__name__}, which isn't a registered input; known: {known}{self.broken()}"
            )
        return self.get(INPUT, type(requested)).spec

    def broken(self) -> str:
        """Which plugins can't be used, or not wholly, for messages about names that aren't found; empty if all can."""
        broken = [f"{plugin.distribution}: {plugin.error}" for plugin in self.plugins if plugin.error]
        return f" (broken plugins: {'; '.join(broken)})" if broken else ""

    def clashes(self, plugin: Plugin) -> list[str]:
        """Names that both `plugin` and another plugin offer."""
        return sorted(
            _name(offers[0].spec)
            for by_name in self._offers.values()
            for offers in by_name.values()
            if len(offers) > 1 and any(offer.plugin is plugin for offer in offers)
        )

    def add(self, plugin: Plugin, offered: Mapping[str, Iterable[Any]]) -> None:
        """Add a plugin and what it offers, by name of the kind."""
        self.plugins.append(plugin)
        for kind, specs in offered.items():
            for spec in specs:
                self._offers[kind].setdefault(_key(spec), []).append(Registered(spec, plugin))


def install_hint() -> str:
    """Return how to install a first model, for messages."""
    return "install one from a clone of genrebench: pip install ./plugins/genrebench-svm"


@functools.cache
def installed_plugins() -> Registry:
    """Discover the installed plugins, once per process."""
    return discover(importlib.metadata.entry_points(group=GROUP))


def discover(entry_points: Iterable[importlib.metadata.EntryPoint]) -> Registry:
    """Load the core's plugin and those of `entry_points`, and register what they offer.

    Parameters
    ----------
    entry_points : iterable of EntryPoint
        Entry points of the group "genrebench".

    Returns
    -------
    Registry
        Its `plugins` include broken plugins, with their error.
    """
    result = Registry()
    _add(result, CORE, "genrebench", importlib.metadata.version("genrebench"))
    for entry in sorted(entry_points, key=lambda entry: (_distribution(entry)[0], entry.name)):
        _add(result, entry, *_distribution(entry))
    return result


def _distribution(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else (entry.name, "unknown")


def _add(result: Registry, entry: importlib.metadata.EntryPoint, distribution: str, version: str) -> None:
    """Add one plugin, loaded with a separate plugin manager so that a failure doesn't affect other plugins."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(entry.load(), entry.name)
        offered = {kind.name: _specs(manager, kind) for kind in KINDS}
    # SystemExit too: a plugin that calls sys.exit on import must not end the program
    except (Exception, SystemExit) as error:
        result.plugins.append(Plugin(entry.name, distribution, version, error=_reason(error)))
        return
    names = {kind: tuple(map(_name, specs)) for kind, specs in offered.items()}
    result.add(Plugin(entry.name, distribution, version, _unknown_hook(manager), names), offered)


def _unknown_hook(manager: pluggy.PluginManager) -> str | None:
    """Why a hook of the plugin is ignored: it is misspelled, or of another version of genrebench; the others are used."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = ", ".join(kind.hook for kind in KINDS)
        return f"{_reason(error)}; the hooks are {known}"
    return None


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _specs(manager: pluggy.PluginManager, kind: Kind[S]) -> list[S]:
    specs = [spec for returned in getattr(manager.hook, kind.hook)() for spec in returned]
    for spec in specs:
        if not isinstance(spec, kind.spec):
            raise PluginError(f"{kind.hook} has to return a list of {kind.spec.__name__}, not {spec!r}")
        if not re.fullmatch(kind.pattern, spec.name):
            raise PluginError(f"{kind.hook} offers the name {spec.name!r}; names of {kind.name}s have to match {kind.pattern}")
        if spec.name in kind.reserved:
            raise PluginError(f"{kind.hook} offers the name {spec.name!r}, which is reserved; choose another")
    keys = [_key(spec) for spec in specs]
    for spec in specs:
        if keys.count(_key(spec)) > 1:
            raise PluginError(f"{kind.hook} offers {spec.name!r} twice")
    return specs


def _key(spec: Any) -> Key:
    """Inputs are identified by their type, so two plugins may each have an input called `Embeddings`."""
    return spec.type if isinstance(spec, InputSpec) else str(spec.name)


def _name(spec: Any) -> str:
    return str(spec.name)


def _only(kind: Kind[S], offers: list[Registered[S]]) -> Registered[S]:
    if len(offers) > 1:
        core = [offer for offer in offers if offer.plugin.distribution == "genrebench"]
        if core:
            others = " and ".join(offer.plugin.distribution for offer in offers if offer not in core)
            raise UsageError(
                f"{others} offers the {kind.name} {offers[0].spec.name!r}, which genrebench has itself; update {others}, or "
                "uninstall it: its author has to choose another name"
            )
        owners = " and ".join(offer.plugin.distribution for offer in offers)
        raise UsageError(f"the {kind.name} {offers[0].spec.name!r} is offered by {owners}; uninstall one of them")
    return offers[0]

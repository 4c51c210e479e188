"""Discovery of plugins by the entry-point group "genrebench": kind -> name -> who offers it.

One rule holds for every kind: a name that two plugins offer is an error that names both, as soon as it is asked for. A plugin
that can't be imported, or whose hooks fail, is listed with its error and affects no other plugin. What the core brings is a
plugin like any other, `genrebench.builtin`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

import pluggy

from genrebench.errors import PluginError, UsageError
from genrebench.plugin import hookspecs
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.hookspecs import INPUT, KINDS, MODEL, Kind, S
from genrebench.plugin.inputs import InputSpec
from genrebench.plugin.options import did_you_mean

GROUP = "genrebench"
CORE = importlib.metadata.EntryPoint("genrebench", "genrebench.builtin", GROUP)


@dataclass(frozen=True)
class Plugin:
    """One entry point of one distribution.

    Parameters
    ----------
    name : str
        The entry point's name; "genrebench" for the core's own.
    distribution : str
        The installed distribution, as pip knows it.
    version : str
    error : str or None
        Why none of it can be used; None if all is well.
    offers : mapping of str to tuple of str
        Names of what it offers, by the name of the kind.
    """

    name: str
    distribution: str
    version: str
    error: str | None = None
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered(Generic[S]):
    """Something that a plugin brings, with its origin; `installed` is False for an object that a Python session passed."""

    spec: S
    plugin: Plugin
    installed: bool = True


Key = str | type
"""What tells the things of one kind apart: their name, or for inputs their type."""


@dataclass
class Registry:
    """What the plugins of this environment offer."""

    plugins: list[Plugin] = field(default_factory=list)
    _offers: dict[str, dict[Key, list[Registered[Any]]]] = field(default_factory=lambda: {kind.name: {} for kind in KINDS})

    def get(self, kind: Kind[S], name: Key) -> Registered[S]:
        """Return what is offered under a name.

        Raises
        ------
        UsageError
            If no plugin, or more than one, offers it.
        """
        offered = self._offers[kind.name]
        if name not in offered:
            known = [key for key in offered if isinstance(key, str)]
            raise UsageError(f"no {kind.name} {name!r}; {did_you_mean(str(name), known)}")
        return _only(kind, offered[name])

    def names(self, kind: Kind[Any]) -> list[str]:
        """Names of all of one kind, in the order in which they are offered, clashes included."""
        return [_name(offers[0].spec) for offers in self._offers[kind.name].values()]

    def all(self, kind: Kind[S]) -> list[Registered[S]]:
        """Return everything of one kind, the core's first.

        Raises
        ------
        UsageError
            If two plugins offer one name.
        """
        return [_only(kind, offers) for offers in self._offers[kind.name].values()]

    def model(self, name: str) -> Registered[ModelSpec]:
        """Return the model `name`; as `get`, with advice for somebody who has no model at all."""
        if not self._offers[MODEL.name]:
            raise UsageError(f"no model {name!r}: no installed plugin offers a model; {install_hint()}")
        return self.get(MODEL, name)

    def input(self, requested: Any) -> InputSpec:
        """Return the kind of input that a model asks for.

        Raises
        ------
        PluginError
            If `requested` is of no registered type.
        """
        if type(requested) not in self._offers[INPUT.name]:
            known = ", ".join(self.names(INPUT))
            raise PluginError(f"the model asks for {type(requested).__name__}, which is no kind of input; known: {known}")
        return self.get(INPUT, type(requested)).spec

    def clashes(self, plugin: Plugin) -> list[str]:
        """Names that `plugin` offers and another plugin too."""
        return sorted(
            _name(offers[0].spec)
            for by_name in self._offers.values()
            for offers in by_name.values()
            if len(offers) > 1 and any(offer.plugin is plugin for offer in offers)
        )

    def add(self, plugin: Plugin, offered: Mapping[str, Iterable[Any]]) -> None:
        """Add a plugin and what it offers, by kind."""
        self.plugins.append(plugin)
        for kind, specs in offered.items():
            for spec in specs:
                self._offers[kind].setdefault(_key(spec), []).append(Registered(spec, plugin))


def install_hint() -> str:
    """Return the next step of somebody who has no model."""
    return "install one, from a clone of genrebench: pip install ./plugins/genrebench-svm"


@functools.cache
def installed_plugins() -> Registry:
    """Discover the plugins; the same object for the whole process."""
    return discover(importlib.metadata.entry_points(group=GROUP))


def discover(entry_points: Iterable[importlib.metadata.EntryPoint]) -> Registry:
    """Load the core's plugin and `entry_points`, and ask each what it offers.

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
    _add(result, CORE, "genrebench", importlib.metadata.version("genrebench"))
    for entry in sorted(entry_points, key=lambda entry: (_distribution(entry)[0], entry.name)):
        _add(result, entry, *_distribution(entry))
    return result


def _distribution(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else (entry.name, "unknown")


def _add(result: Registry, entry: importlib.metadata.EntryPoint, distribution: str, version: str) -> None:
    """Ask one plugin, in a manager of its own so that its failure is its own."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(entry.load(), entry.name)
        manager.check_pending()
        offered = {kind.name: _ask(manager, kind) for kind in KINDS}
    # SystemExit too: a plugin that calls sys.exit on import must not end the program
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        result.plugins.append(Plugin(entry.name, distribution, version, error=reason))
        return
    names = {kind: tuple(map(_name, specs)) for kind, specs in offered.items()}
    result.add(Plugin(entry.name, distribution, version, None, names), offered)


def _ask(manager: pluggy.PluginManager, kind: Kind[S]) -> list[S]:
    specs = [spec for answer in getattr(manager.hook, kind.hook)() for spec in answer]
    for spec in specs:
        if not isinstance(spec, kind.spec):
            raise PluginError(f"{kind.hook} has to return a list of {kind.spec.__name__}, not {spec!r}")
        if not re.fullmatch(kind.pattern, spec.name):
            raise PluginError(f"{kind.hook} offers the name {spec.name!r}; a {kind.name}'s name has to match {kind.pattern}")
        if spec.name in kind.reserved:
            raise PluginError(f"{kind.hook} offers the name {spec.name!r}, which is reserved; choose another")
    keys = [_key(spec) for spec in specs]
    for spec in specs:
        if keys.count(_key(spec)) > 1:
            raise PluginError(f"{kind.hook} offers {spec.name!r} twice")
    return specs


def _key(spec: Any) -> Key:
    """Inputs are told apart by their type: two plugins may each have an `Embeddings`."""
    return spec.type if isinstance(spec, InputSpec) else str(spec.name)


def _name(spec: Any) -> str:
    return str(spec.name)


def _only(kind: Kind[S], offers: list[Registered[S]]) -> Registered[S]:
    if len(offers) > 1:
        owners = " and ".join(offer.plugin.distribution for offer in offers)
        raise UsageError(f"the {kind.name} {offers[0].spec.name!r} is offered by {owners}; uninstall one of them")
    return offers[0]

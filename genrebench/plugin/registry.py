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
from typing import Any, Generic, Literal

from genrebench.errors import PluginError, UsageError, did_you_mean
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.hookspecs import INPUT, KINDS, MODEL, Kind, S
from genrebench.plugin.inputs import InputSpec
from genrebench.plugin.loading import GROUP, Key, Plugin, key_of, load_entry_point

__all__ = [
    "GROUP",
    "Key",
    "Plugin",
    "Registered",
    "Registry",
    "discover",
    "install_hint",
    "installed_plugins",
    "same_distribution",
]

CORE = importlib.metadata.EntryPoint("genrebench", "genrebench.builtin", GROUP)

Origin = Literal["plugin", "object", "file"]
"""Where a model comes from: an installed plugin, an object of a Python session, or a file."""


@dataclass(frozen=True)
class Registered(Generic[S]):
    """A spec, the plugin that offers it, and where that comes from."""

    spec: S
    plugin: Plugin
    origin: Origin = "plugin"


@dataclass
class Registry:
    """The plugins and everything that they offer."""

    plugins: list[Plugin] = field(default_factory=list)
    _offers: dict[str, dict[Key, list[Registered[Any]]]] = field(default_factory=lambda: {kind.name: {} for kind in KINDS})

    def get(self, kind: Kind[S], name: Key) -> Registered[S]:
        """Look up a name, or a name with its distribution, "DISTRIBUTION:NAME", which tells two plugins apart.

        Raises
        ------
        UsageError
            If no plugin, or more than one, offers the name.
        """
        offered = self._offers[kind.name]
        if isinstance(name, str) and ":" in name:
            return self._qualified(kind, name)
        if name not in offered:
            known = [key for key in offered if isinstance(key, str)]
            raise UsageError(f"no {kind.name} {name!r}; {did_you_mean(str(name), known)}{self.broken()}")
        return _only(kind, offered[name])

    def offers(self, kind: Kind[S], name: Key) -> list[Registered[S]]:
        """Everything that is offered under a name; empty if nothing is."""
        return list(self._offers[kind.name].get(name, ()))

    def _qualified(self, kind: Kind[S], name: str) -> Registered[S]:
        distribution, _, own = name.rpartition(":")
        offers = [offer for offers in self._offers[kind.name].values() for offer in offers]
        found = [o for o in offers if o.spec.name == own and same_distribution(o.plugin.distribution, distribution)]
        if len(found) == 1:
            return found[0]
        known = [f"{offer.plugin.distribution}:{offer.spec.name}" for offer in offers]
        raise UsageError(f"no {kind.name} {name!r}; {did_you_mean(name, known)}{self.broken()}")

    def model_of(self, name: str, distribution: str) -> Registered[ModelSpec]:
        """The model `name` of a distribution, for a run that it trained.

        Raises
        ------
        UsageError
            If the distribution isn't installed, or doesn't offer it; says who else offers the name.
        """
        offers = self._offers[MODEL.name].get(name, [])
        mine = [offer for offer in offers if same_distribution(offer.plugin.distribution, distribution)]
        if mine:
            return mine[0]
        version = next((p.version for p in self.plugins if same_distribution(p.distribution, distribution)), None)
        why = "isn't installed" if version is None else f"{version} is installed and doesn't offer it"
        others = " and ".join(f"{offer.plugin.distribution} {offer.plugin.version}" for offer in offers)
        told = f"; {others} offers a model of this name, which may be another" if others else ""
        raise UsageError(f"the model {name!r} is needed from {distribution}, which {why}{told}{self.broken()}")

    def names(self, kind: Kind[Any]) -> list[str]:
        """All names of a kind in order of registration, including clashing names."""
        return [str(offers[0].spec.name) for offers in self._offers[kind.name].values()]

    def is_ambiguous(self, kind: Kind[Any], name: Key) -> bool:
        """Whether more than one plugin offers a name."""
        return len(self._offers[kind.name].get(name, ())) > 1

    def usable(self, kind: Kind[S]) -> list[Registered[S]]:
        """Return everything of a kind, the core's first, without the names that two plugins offer; of the core's, its own."""
        every = self._offers[kind.name].values()
        return [offers[0] for offers in every if len(offers) == 1 or offers[0].plugin.distribution == CORE.name]

    def model(self, name: str) -> Registered[ModelSpec]:
        """Look up a model, like `get`, with an installation hint if no model is installed."""
        if not self._offers[MODEL.name]:
            raise UsageError(f"no model {name!r}: no installed plugin offers a model; {install_hint()}{self.broken()}")
        return self.get(MODEL, name)

    def input(self, requested: Any) -> InputSpec:
        """Return the spec of the input that a model requests; errors as in `registered_input`."""
        return self.registered_input(requested).spec

    def registered_input(self, requested: Any) -> Registered[InputSpec]:
        """Return the input that a model requests, and the plugin that offers it.

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
        return self.get(INPUT, type(requested))

    def broken(self) -> str:
        """Which plugins can't be used, or not wholly, for messages about names that aren't found; empty if all can."""
        broken = [f"{plugin.distribution}: {plugin.error}" for plugin in self.plugins if plugin.error]
        return f" (broken plugins: {'; '.join(broken)})" if broken else ""

    def clashes(self, plugin: Plugin) -> list[str]:
        """Names that both `plugin` and another plugin offer."""
        return sorted(
            str(offers[0].spec.name)
            for by_name in self._offers.values()
            for offers in by_name.values()
            if len(offers) > 1 and any(offer.plugin is plugin for offer in offers)
        )

    def discard(self, plugin: Plugin) -> None:
        """Forget what a plugin in a file offered before, if it did."""
        self.plugins = [one for one in self.plugins if one.file is None or one.file != plugin.file]
        for by_name in self._offers.values():
            for key, offers in list(by_name.items()):
                by_name[key] = [offer for offer in offers if offer.plugin.file is None or offer.plugin.file != plugin.file]
                if not by_name[key]:
                    del by_name[key]

    def add(self, plugin: Plugin, offered: Mapping[str, Iterable[Any]]) -> None:
        """Add a plugin and what it offers, by name of the kind."""
        self.plugins.append(plugin)
        for kind, specs in offered.items():
            for spec in specs:
                self._offers[kind].setdefault(key_of(spec), []).append(Registered(spec, plugin))


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
    result.add(*load_entry_point(CORE, "genrebench", importlib.metadata.version("genrebench")))
    for entry in sorted(entry_points, key=lambda entry: (_distribution(entry)[0], entry.name)):
        result.add(*load_entry_point(entry, *_distribution(entry)))
    return result


def _distribution(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else (entry.name, "unknown")


def same_distribution(one: str, other: str) -> bool:
    """Whether two names are of one distribution, as pip compares them: "My_Plugin" is "my-plugin"."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _only(kind: Kind[S], offers: list[Registered[S]]) -> Registered[S]:
    if len(offers) > 1:
        core = [offer for offer in offers if offer.plugin.distribution == "genrebench"]
        if core:
            others = " and ".join(offer.plugin.distribution for offer in offers if offer not in core)
            raise UsageError(
                f"{others} offers the {kind.name} {offers[0].spec.name!r}, which genrebench has itself; update {others}, or "
                "uninstall it: its author has to choose another name"
            )
        name = offers[0].spec.name
        owners = " and ".join(offer.plugin.distribution for offer in offers)
        qualified = " or ".join(f"{offer.plugin.distribution}:{name}" for offer in offers)
        way = f"say {qualified}, or uninstall one of them" if kind is MODEL else "uninstall one of them"
        raise UsageError(f"the {kind.name} {name!r} is offered by {owners}; {way}")
    return offers[0]

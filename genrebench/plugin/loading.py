"""Loading of one plugin: its module, what it offers, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import pluggy

from genrebench.errors import PluginError
from genrebench.plugin import hookspecs
from genrebench.plugin.hookspecs import KINDS, Kind, S
from genrebench.plugin.inputs import InputSpec
from genrebench.plugin.versions import STATEMENT, explained, problem_with, stated_by

GROUP = "genrebench"
SLOW = 2.0
"""Seconds from which the import of a plugin is called slow; every command imports every plugin."""

Key = str | type
"""Identifies a spec within its kind: its name, or for inputs its type."""


@dataclass(frozen=True)
class Plugin:
    """One entry point of one distribution, or one file.

    Parameters
    ----------
    name : str
        Name of the entry point; "genrebench" for the core.
    distribution : str
        Name of the installed distribution, or of the file.
    version : str
        Of the distribution; the hash of the content of a file.
    error : str or None
        Why the plugin, or one of its hooks, can't be used; None if all can.
    offers : mapping of str to tuple of str
        Kind to the names that the plugin offers.
    warnings : tuple of str
        What its author should know, although it can be used.
    file : str or None
        Path of a plugin in one file.
    """

    name: str
    distribution: str
    version: str
    error: str | None = None
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    file: str | None = None


def load_entry_point(
    entry: importlib.metadata.EntryPoint, distribution: str, version: str
) -> tuple[Plugin, dict[str, list[Any]]]:
    """Import the module of an entry point, and ask its hooks what it offers.

    Returns
    -------
    plugin : Plugin
        With the error, if it can't be imported or a hook fails.
    offered : dict of str to list
        Specs by kind; empty with an error.
    """
    plugin = Plugin(entry.name, distribution, version)
    return load(plugin, entry.load, stated=stated_by(entry.module))


def load(plugin: Plugin, import_module: Callable[[], ModuleType], stated: object = None) -> tuple[Plugin, dict[str, list[Any]]]:
    """As `load_entry_point`, with any way to import the module; a separate plugin manager keeps failures to the plugin."""
    problem = problem_with(stated)
    if problem is not None:
        return replace(plugin, error=problem), {}
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    started = time.perf_counter()
    try:
        module = import_module()
        seconds = time.perf_counter() - started
        if stated is None and (problem := problem_with(getattr(module, STATEMENT, None))) is not None:
            return replace(plugin, error=problem), {}
        manager.register(module, plugin.name)
        offered = {kind.name: _specs(manager, kind) for kind in KINDS}
    # SystemExit too: a plugin that calls sys.exit on import must not end the program
    except (Exception, SystemExit) as error:
        return replace(plugin, error=explained(error) or reason(error)), {}
    warnings = _unmarked(module)
    if seconds >= SLOW:
        warnings.append(
            f"it takes {seconds:.1f} s to import, in every command: import what is heavy inside the functions that need it"
        )
    if not warnings and not any(offered.values()):
        warnings.append("it offers nothing")
    names = {kind: tuple(str(spec.name) for spec in specs) for kind, specs in offered.items()}
    return replace(plugin, error=_unknown_hook(manager), offers=names, warnings=tuple(warnings)), offered


def key_of(spec: Any) -> Key:
    """Inputs are identified by their type, so two plugins may each have an input called `Embeddings`."""
    return spec.type if isinstance(spec, InputSpec) else str(spec.name)


def reason(error: BaseException) -> str:
    """An exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _unmarked(module: ModuleType) -> list[str]:
    """Functions that are named like a hook but aren't marked, so that nobody calls them."""
    hooks = [kind.hook for kind in KINDS]
    functions = [name for name in hooks if callable(getattr(module, name, None))]
    return [
        f"{name} isn't marked with @hookimpl, so it is never called: from genrebench.api import hookimpl"
        for name in functions
        if not hasattr(getattr(module, name), f"{GROUP}_impl")
    ]


def _unknown_hook(manager: pluggy.PluginManager) -> str | None:
    """Why a hook of the plugin is ignored: it is misspelled, or of another version of genrebench; the others are used."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = ", ".join(kind.hook for kind in KINDS)
        return f"{reason(error)}; the hooks are {known}"
    return None


def _specs(manager: pluggy.PluginManager, kind: Kind[S]) -> list[S]:
    results = getattr(manager.hook, kind.hook)()
    for returned in results:
        if not isinstance(returned, list | tuple):
            raise PluginError(f"{kind.hook} has to return a list of {kind.spec.__name__}, not {returned!r:.80}")
    specs = [spec for returned in results for spec in returned]
    for spec in specs:
        if not isinstance(spec, kind.spec):
            raise PluginError(f"{kind.hook} has to return a list of {kind.spec.__name__}, not {spec!r}")
        if not isinstance(spec.name, str) or not re.fullmatch(kind.pattern, spec.name):
            raise PluginError(f"{kind.hook} offers the name {spec.name!r}; names of {kind.name}s have to match {kind.pattern}")
        if spec.name in kind.reserved:
            raise PluginError(f"{kind.hook} offers the name {spec.name!r}, which is reserved; choose another")
    keys = [key_of(spec) for spec in specs]
    for spec in specs:
        if keys.count(key_of(spec)) > 1:
            raise PluginError(f"{kind.hook} offers {spec.name!r} twice")
    return specs

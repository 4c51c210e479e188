"""Installed plugins, the options of their models, and tools for plugin authors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench.plugin import scaffold
from genrebench.plugin.hosted import HostedModel
from genrebench.plugin.options import OptionInfo, describe_options
from genrebench.plugin.registry import Registry, install_hint, installed_plugins
from genrebench.tables import Shown, Table

if TYPE_CHECKING:
    from genrebench.testing import Check


class PluginList(Shown):
    """The installed plugins and what they provide; broken plugins are listed with their error."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def notes(self) -> list[str]:
        """How to install a model, if none is installed."""
        installed = any(plugin.offers.get("model") for plugin in self._registry.plugins)
        return [] if installed else [f"no model is installed; {install_hint()}"]

    def to_json(self) -> list[dict[str, Any]]:
        """One object per plugin, in JSON types."""
        return [
            {
                "plugin": plugin.distribution,
                "version": plugin.version,
                "models": list(plugin.offers.get("model", ())),
                "datasets": list(plugin.offers.get("dataset", ())),
                "inputs": list(plugin.offers.get("input", ())),
                "metrics": list(plugin.offers.get("metric", ())),
                "splits": list(plugin.offers.get("split", ())),
                "status": plugin.error or self._clash(self._registry.clashes(plugin)),
                "error": plugin.error,
            }
            for plugin in self._registry.plugins
        ]

    def tables(self) -> list[Table]:
        """One row per plugin."""
        rows = [
            (one["plugin"], one["version"], ", ".join(one["models"]), ", ".join(one["datasets"]), one["status"])
            for one in self.to_json()
        ]
        return [Table.of(("plugin", "version", "models", "datasets", "status"), rows)]

    @staticmethod
    def _clash(names: list[str]) -> str:
        return f"conflict: another plugin also provides {', '.join(names)}" if names else "ok"


def list_plugins() -> PluginList:
    """List the installed plugins."""
    return PluginList(installed_plugins())


@dataclass(frozen=True, repr=False)
class ModelInfo(Shown):
    """Description of a model: its input and its options."""

    model: HostedModel

    @property
    def options(self) -> list[OptionInfo]:
        """The options, in order of declaration."""
        return describe_options(self.model.name, self.model.spec.options)

    def to_json(self) -> dict[str, Any]:
        """The description in JSON types."""
        return {
            "model": self.model.name,
            "summary": self.model.spec.summary,
            "plugin": self.model.plugin.distribution,
            "version": self.model.plugin.version,
            "inputs": repr(self.model.input),
            "options": [{"name": o.name, "type": o.type, "default": o.default, "help": o.help} for o in self.options],
        }

    @property
    def heading(self) -> list[str]:
        """The model's name and summary, and its input, one per line."""
        return [f"{self.model.label}: {self.model.spec.summary}", f"input: {self.model.input!r}"]

    def tables(self) -> list[Table]:
        """The options; no table if there are none."""
        rows = [(o.name, o.type, "none" if o.default is None else o.default, o.help) for o in self.options]
        return [Table.of(("option", "type", "default", "description"), rows)] if rows else []

    def notes(self) -> list[str]:
        """How to set an option."""
        if not self.options:
            return ["The model has no options."]
        return [f"Set an option with: genrebench run {self.model.name} --set {self.options[0].name}=VALUE"]


def describe_model(name: str) -> ModelInfo:
    """Describe an installed model."""
    return ModelInfo(HostedModel(installed_plugins().model(name)))


@dataclass(frozen=True, repr=False)
class ModelCheck(Shown):
    """Results of the conformance checks of a model."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return not any(check.problem for check in self.checks)

    def to_json(self) -> list[dict[str, Any]]:
        """One object per check, in JSON types."""
        return [{"check": c.name, "passed": c.problem is None, "problem": c.problem} for c in self.checks]

    def tables(self) -> list[Table]:
        """One row per check."""
        return [Table.of(("check", "result"), [(c.name, c.problem or "passed") for c in self.checks])]


def check_model(name: str, options: Mapping[str, Any] | None = None) -> ModelCheck:
    """Check that an installed model satisfies the contract, on a tiny task.

    Parameters
    ----------
    name : str
    options : mapping, optional
        Options of the model, for example to make it small.
    """
    from genrebench.testing import conformance

    registered = installed_plugins().model(name)
    HostedModel(registered, options)  # an invalid option is a usage error, not a failed check
    return ModelCheck(tuple(conformance(registered.spec, **(options or {}))))


def new_plugin(name: str, out: str | Path | None = None) -> Path:
    """Create a package with one model, its options and a test in a new folder, by default genrebench-NAME."""
    return scaffold.write(name, Path(out or f"genrebench-{name}"))

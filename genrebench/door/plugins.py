"""Installed plugins, the options of their models, and tools for plugin authors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench.errors import UsageError
from genrebench.plugin import scaffold
from genrebench.plugin.contract import ModelSpec
from genrebench.plugin.hookspecs import DATASET, INPUT, KINDS, METRIC, MODEL, OBSERVER, SPLIT, Kind
from genrebench.plugin.hosted import HostedModel
from genrebench.plugin.one_file import is_file_name, model_of_file, offers_of_file
from genrebench.plugin.options import OptionInfo, describe_options
from genrebench.plugin.registry import Registered, Registry, install_hint, installed_plugins, same_distribution
from genrebench.runs import model_files
from genrebench.session import data_home
from genrebench.tables import Shown, Table

if TYPE_CHECKING:
    from genrebench.testing import Check


class PluginList(Shown):
    """The installed plugins and what they provide; broken plugins are listed with their error."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def notes(self) -> list[str]:
        """What authors of plugins should know; how to install a model, if none is installed."""
        installed = any(plugin.offers.get("model") for plugin in self._registry.plugins)
        told = [f"warning: {plugin.distribution}: {text}" for plugin in self._registry.plugins for text in plugin.warnings]
        return [*told, *([] if installed else [f"no model is installed; {install_hint()}"])]

    def to_json(self) -> list[dict[str, Any]]:
        """One object per plugin, in JSON types."""
        return [
            {
                "plugin": plugin.distribution,
                "version": plugin.version,
                **{f"{kind.name}s": list(plugin.offers.get(kind.name, ())) for kind in KINDS},
                "status": plugin.error or self._clash(self._registry.clashes(plugin)),
                "error": plugin.error,
                "warnings": list(plugin.warnings),
            }
            for plugin in self._registry.plugins
        ]

    def tables(self) -> list[Table]:
        """One row per plugin, with all that it offers, by kind."""
        kinds = [f"{kind.name}s" for kind in KINDS]
        rows = [
            (
                one["plugin"],
                one["version"],
                "; ".join(f"{kind}: {', '.join(one[kind])}" for kind in kinds if one[kind]),
                one["status"],
            )
            for one in self.to_json()
        ]
        return [Table.of(("plugin", "version", "offers", "status"), rows, text=("offers", "status"))]

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

    def heading(self) -> list[str]:
        """The model's name and summary, and its input, one per line."""
        return [f"{self.model.label}: {self.model.spec.summary}", f"input: {self.model.input!r}"]

    def tables(self) -> list[Table]:
        """The options; no table if there are none."""
        rows = [(o.name, o.type, "none" if o.default is None else o.default, o.help) for o in self.options]
        return [Table.of(("option", "type", "default", "description"), rows, text=("type", "description"))] if rows else []

    def notes(self) -> list[str]:
        """How to set an option."""
        if not self.options:
            return ["The model has no options."]
        return [f"Set an option with: genrebench run {self.model.name} --set {self.options[0].name}=VALUE"]


def describe_model(name: str) -> ModelInfo:
    """Describe a model: an installed one, or that of a file such as ./model.py."""
    return ModelInfo(HostedModel(_model(name)))


def _model(name: str) -> Registered[ModelSpec]:
    registry = installed_plugins()
    if not is_file_name(name):
        return registry.model(name)
    model_files.remember(name)
    return model_of_file(name, registry)


@dataclass(frozen=True, repr=False)
class PluginCheck(Shown):
    """Results of the conformance checks of what a plugin offers.

    Parameters
    ----------
    checks : tuple of Check
    of : tuple of str
        What each is about: the name of the model, for example. A file may offer several things.
    """

    checks: tuple[Check, ...]
    of: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no check found anything."""
        return not any(check.problem for check in self.checks)

    def to_json(self) -> list[dict[str, Any]]:
        """One object per check, in JSON types."""
        return [
            {
                "of": name,
                "check": c.name,
                "passed": c.passed,
                "problem": c.problem,
                "why": c.why,
                "change": c.change,
                "skipped": c.skipped,
            }
            for name, c in zip(self.of, self.checks, strict=True)
        ]

    def tables(self) -> list[Table]:
        """One row per check."""
        rows = [(c.name, c.problem or (f"left out: {c.skipped}" if c.skipped else "passed")) for c in self.checks]
        if len(set(self.of)) == 1:
            return [Table.of(("check", "result"), rows, text=("result",))]
        several = [(name, *row) for name, row in zip(self.of, rows, strict=True)]
        return [Table.of(("of", "check", "result"), several, text=("result",))]

    def notes(self) -> list[str]:
        """Why what was found matters, and what to change."""
        return [f"{c.name}: {c.why} {c.change}" for c in self.checks if c.problem]


def check_model(name: str, options: Mapping[str, Any] | None = None, *, time_limit: float = 300.0) -> PluginCheck:
    """Check that a model satisfies the contract, on tiny tasks.

    Parameters
    ----------
    name : str
        Of an installed model, or the path of a file with one model, such as ./model.py.
    options : mapping, optional
        Options of the model, for example to make it small.
    time_limit : float
        Seconds that a training with what follows may take; the checks train the model five times or more.
    """
    return _checked([_model_to_check(name, options or {})], time_limit)


def check_plugin(
    name: str, options: Mapping[str, Any] | None = None, *, time_limit: float = 300.0, home: str | Path | None = None
) -> PluginCheck:
    """Check an installed model, dataset, kind of input, metric or split, or all of these that a file offers.

    Parameters
    ----------
    name, options, time_limit
        As in `check_model`; options are for models only. A file such as ./metric.py needs no model.
    home : path, optional
        The folder of data in which a dataset is looked for, by default that of genrebench.
    """
    return _checked(find_offers(name, options or {}, home), time_limit)


def find_offers(name: str, options: Mapping[str, Any], home: str | Path | None = None) -> list[tuple[Any, dict[str, Any]]]:
    """Look up what is to be checked, and the settings of the checks of each; parameters as in `check_plugin`.

    Raises
    ------
    UsageError
        If nothing of this name can be checked, or an option isn't one of the model.
    """
    registry = installed_plugins()
    kinds: tuple[Kind[Any], ...] = (DATASET, INPUT, METRIC, SPLIT)
    if is_file_name(name):
        return [_to_check(kind, offer, options, home) for kind, offer in offers_of_file(name, (MODEL, *kinds), registry)]
    own = name.rpartition(":")[2]
    kind = next((kind for kind in kinds if own in registry.names(kind)), None)
    if kind is None and own in registry.names(OBSERVER) and own not in registry.names(MODEL):
        raise UsageError(
            f"{name!r} is an observer, for which there are no checks: one that raises is reported and stops nothing"
        )
    if kind is None or own in registry.names(MODEL):
        return [_model_to_check(name, options)]
    if options:
        raise UsageError(f"{name!r} is a {kind.name}, which has no options")
    offer = _input(registry, name) if kind is INPUT else registry.get(kind, name)
    return [_to_check(kind, offer, options, home)]


def _to_check(
    kind: Kind[Any], offer: Registered[Any], options: Mapping[str, Any], home: str | Path | None
) -> tuple[Any, dict[str, Any]]:
    if kind is MODEL:
        HostedModel(offer, options)  # an invalid option is a usage error, not a failed check
        return offer.spec, dict(options)
    return offer.spec, {"home": Path(home or data_home())} if kind is DATASET else {}


def _input(registry: Registry, name: str) -> Registered[Any]:
    """A kind of input by its name; plugins may have different ones of the same name."""
    offers = [offer for offer in registry.usable(INPUT) if offer.spec.name == name]
    if len(offers) > 1:
        known = " or ".join(f"{offer.plugin.distribution}:{name}" for offer in offers)
        raise UsageError(f"there are several kinds of input {name!r}; say {known}")
    return offers[0] if offers else registry.get(INPUT, name)


def _model_to_check(name: str, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    return _to_check(MODEL, _model(name), options, None)


def _checked(offers: Sequence[tuple[Any, Mapping[str, Any]]], time_limit: float) -> PluginCheck:
    from genrebench.testing import conformance

    found = [(spec.name, check) for spec, settings in offers for check in conformance(spec, time_limit=time_limit, **settings)]
    return PluginCheck(tuple(check for _, check in found), tuple(name for name, _ in found))


def new_plugin(
    name: str,
    out: str | Path | None = None,
    *,
    kind: str = "model",
    input: str = "table",  # noqa: A002, the option's name on the command line
    estimator: str | None = None,
) -> NewPlugin:
    """Create a package of a plugin that works: pyproject.toml, code, tests, README and CI.

    Parameters
    ----------
    name : str
        Name of the model, dataset or metric.
    out : path, optional
        The folder to create, by default genrebench-NAME.
    kind : {"model", "dataset", "metric"}
    input : {"table", "waveforms", "frames", "own"}
        What a model takes.
    estimator : str, optional
        A classifier of scikit-learn or another package, such as "sklearn.ensemble.HistGradientBoostingClassifier", for a model
        on the feature table.
    """
    registry = installed_plugins()
    kinds: dict[str, Kind[Any]] = {"model": MODEL, "dataset": DATASET, "metric": METRIC}
    folder = scaffold.write(name, Path(out or f"genrebench-{name.replace('_', '-')}"), kind, input, estimator)
    owners = [offer.plugin.distribution for offer in registry.offers(kinds[kind], name)]
    installed = [plugin.distribution for plugin in registry.plugins]
    distribution = f"genrebench-{name.replace('_', '-')}"
    return NewPlugin(folder, name, kind, tuple(owners), next(filter(partial(same_distribution, distribution), installed), None))


@dataclass(frozen=True)
class NewPlugin:
    """A plugin that was created.

    Parameters
    ----------
    folder : Path
    name, kind : str
    taken_by : tuple of str
        Installed distributions that offer the name already.
    replaces : str or None
        An installed plugin whose distribution has the name of the new one.
    """

    folder: Path
    name: str
    kind: str
    taken_by: tuple[str, ...] = ()
    replaces: str | None = None

    @property
    def warning(self) -> str:
        """That the name is taken; empty if it isn't."""
        if self.replaces is not None:
            return f"{self.replaces} is installed, and installing this one would replace it: choose another name"
        if not self.taken_by:
            return ""
        return (
            f"{' and '.join(self.taken_by)} offers the {self.kind} {self.name!r} already; with both installed, the name can't "
            "be used: choose another one"
        )

    def __str__(self) -> str:
        return str(self.folder)

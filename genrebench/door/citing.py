"""What to cite: genrebench, datasets and models, as BibTeX."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.datasets import mirdata_source
from genrebench.door.folders import open_run
from genrebench.errors import UsageError, did_you_mean
from genrebench.plugin.hookspecs import DATASET, MODEL
from genrebench.plugin.registry import CORE, Registry, installed_plugins
from genrebench.runs.result import RunResult
from genrebench.session import data_home
from genrebench.tables import Shown, Table, printable_lines

SOFTWARE = """@misc{{genrebench,
  title = {{genrebench: comparing music-genre classifiers}},
  author = {{{{The genrebench developers}}}},
  note = {{Software, version {version}}},
}}"""


@dataclass(frozen=True, repr=False)
class Citations(Shown):
    """What to cite.

    Parameters
    ----------
    entries : tuple of (str, str)
        What is cited, and its BibTeX; each entry once.
    missing : tuple of str
        Datasets and models that say nothing.
    """

    entries: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The entries as a BibTeX file."""
        return "\n\n".join(bibtex for _, bibtex in self.entries)

    def to_json(self) -> dict[str, Any]:
        """The entries in JSON types."""
        entries = [{"name": name, "bibtex": bibtex} for name, bibtex in self.entries]
        return {"entries": entries, "missing": list(self.missing)}

    def tables(self) -> list[Table]:
        """One row per entry."""
        return [Table.of(("cites", "BibTeX"), self.entries)]

    def notes(self) -> list[str]:
        """What says nothing of what to cite."""
        return [f"{name} doesn't say what to cite" for name in self.missing]


def cite(names: str | RunResult | Iterable[str | RunResult] = (), *, runs: str | Path = "runs") -> Citations:
    """Return the BibTeX of genrebench, and of datasets and models.

    Parameters
    ----------
    names : str or RunResult, or an iterable of them
        Names of datasets or models, or runs or their ids, which stand for their dataset and model.
    runs : path
        Folder of the runs that are given by their ids.

    Raises
    ------
    UsageError
        If a name is neither that of a dataset, a model nor a run.
    """
    registry = installed_plugins()
    entries = {"genrebench": _software()}
    missing: list[str] = []
    for one in [names] if isinstance(names, str | RunResult) else names:
        for name, bibtex in _cited(one, registry, runs):
            if bibtex.strip():
                entries.setdefault(name, printable_lines(bibtex.strip()))
            elif name not in missing:
                missing.append(name)
    unique = {bibtex: name for name, bibtex in reversed(entries.items())}
    return Citations(tuple((name, bibtex) for name, bibtex in entries.items() if unique[bibtex] == name), tuple(missing))


def _software() -> str:
    """The entry of genrebench itself."""
    return SOFTWARE.format(version=importlib.metadata.version("genrebench"))


def _cited(one: str | RunResult, registry: Registry, runs: str | Path) -> list[tuple[str, str]]:
    """Name and BibTeX of each dataset and model that is meant; BibTeX is empty where it isn't known."""
    if isinstance(one, str):
        found = [*_of_dataset(one, registry), *_of_model(one, registry)]
        if found:
            return found
        if not (Path(runs) / one).is_dir():
            known = [*registry.names(DATASET), *registry.names(MODEL)]
            raise UsageError(f"there is no dataset, model or run {one!r}; {did_you_mean(one, known)}{registry.broken()}")
    record = open_run(one, runs).record
    dataset, model = record.task.dataset, record.model.name
    return [*(_of_dataset(dataset, registry) or [(dataset, "")]), *(_of_model(model, registry) or [(model, "")])]


def _of_dataset(name: str, registry: Registry) -> list[tuple[str, str]]:
    if name.startswith(mirdata_source.PREFIX):
        return [(name, mirdata_source.citation(name, data_home()))]
    if name not in registry.names(DATASET):
        return []
    offered = registry.get(DATASET, name)
    own = offered.plugin.distribution == CORE.name  # the demo is part of genrebench
    return [(name, offered.spec.citation or (_software() if own else ""))]


def _of_model(name: str, registry: Registry) -> list[tuple[str, str]]:
    return [(name, registry.get(MODEL, name).spec.citation)] if name in registry.names(MODEL) else []

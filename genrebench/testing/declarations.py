"""Checks of what all plugins declare: name and summary, citation, and the module."""

from __future__ import annotations

import re
from typing import Any

from genrebench.plugin.hookspecs import Kind
from genrebench.plugin.registry import CORE, installed_plugins
from genrebench.testing.bench import Bench, module_of
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.imports import import_problem

_BIBTEX = re.compile(r"\s*(?:@\w+\s*\{.*\}\s*)+", re.DOTALL)


def declaration_problem(spec: Any, kind: Kind[Any]) -> str | None:
    """What is wrong with the name, the summary or the citation of a spec."""
    name, summary, citation = spec.name, spec.summary, getattr(spec, "citation", "")
    if not isinstance(name, str) or not re.fullmatch(kind.pattern, name):
        return f"the name {name!r} doesn't match {kind.pattern}"
    core = [offer.spec for offer in installed_plugins().offers(kind, name) if offer.plugin.distribution == CORE.name]
    if name in kind.reserved or (core and core[0] is not spec):
        return f"the name {name!r} is one of genrebench's own"
    if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
        return f"the summary {summary!r} isn't one line of text"
    if not isinstance(citation, str) or (citation.strip() and not _BIBTEX.fullmatch(citation)):
        return f"the citation is {citation!r:.60}, which isn't BibTeX: @article{{key, ...}}"
    return None


def module(bench: Bench) -> str | None:
    """The module that has the hook is imported in no time, and leaves the process as it is."""
    name = module_of(bench.spec)
    if not name or name == "__main__":
        raise NotApplicable("it isn't in a module of a plugin")
    return import_problem(name)


IMPORT = Rule(
    "import",
    module,
    "Each genrebench command imports the modules of all plugins, and shares its process with them.",
    "Import heavy packages in the function that builds the model, and do nothing else at the top of the module.",
)

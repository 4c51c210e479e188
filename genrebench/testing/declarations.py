"""Checks of what all plugins declare: name and summary, and the module."""

from __future__ import annotations

import re
from typing import Any

from genrebench.testing.bench import Bench, module_of
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.imports import import_problem


def declaration_problem(name: Any, summary: Any, pattern: str) -> str | None:
    """What is wrong with the name or the summary of a spec."""
    if not isinstance(name, str) or not re.fullmatch(pattern, name):
        return f"the name {name!r} doesn't match {pattern}"
    if not isinstance(summary, str) or not summary.strip() or "\n" in summary:
        return f"the summary {summary!r} isn't one line of text"
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

"""The version of the plugin interface, and what a plugin says that it needs.

The interface has a version of its own, MAJOR.MINOR. MINOR grows when something is added, MAJOR when something is removed or
changes its meaning. A plugin states the version that it was written for at the top of its module::

    GENREBENCH_CONTRACT = "1.1"

The statement is read from the source before the module is imported, so that a plugin for another version is told plainly
instead of failing with whatever it uses first.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

CONTRACT = "1.1"
"""Version of the plugin interface of this genrebench: 1.0 is that of genrebench 0.1.0."""

STATEMENT = "GENREBENCH_CONTRACT"
"""Name of the constant in a plugin's module."""

_FORM = re.compile(r"(\d+)\.(\d+)")
_MISSING_NAME = re.compile(r"cannot import name '(\w+)' from (?:partially initialized module )?'genrebench\.(api|testing)'")
_UNKNOWN_ARGUMENT = re.compile(
    r"(\w+Spec|Dataset|Prepared|Track|Reference)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'"
)


def problem_with(stated: object) -> str | None:
    """Say why a plugin that was written for this version of the interface can't be used; None if it can, or says nothing.

    Parameters
    ----------
    stated : object
        What the plugin states: text such as "1.1".
    """
    if stated is None:
        return None
    match = _FORM.fullmatch(stated) if isinstance(stated, str) else None
    if match is None:
        return f"{STATEMENT} = {stated!r} isn't a version of the plugin interface such as {CONTRACT!r}"
    here = f"this genrebench has {CONTRACT}"
    own = tuple(map(int, CONTRACT.split(".")))
    wanted = tuple(map(int, match.groups()))
    if wanted[0] < own[0]:
        return f"it was written for version {stated} of the plugin interface, and {here}; update the plugin"
    if wanted > own:
        return f"it needs version {stated} of the plugin interface, and {here}; update genrebench"
    return None


def stated_by(module: str) -> object:
    """What a module states, read from its source without importing it; None if nothing, or if the source isn't found."""
    source = _source(module)
    try:
        return None if source is None else stated_in(source.read_bytes())
    except OSError:
        return None  # the import says what is wrong


def stated_in(source: bytes) -> object:
    """What a module with this source states; None if nothing."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == STATEMENT for target in targets):
            value = getattr(node, "value", None)
            return value.value if isinstance(value, ast.Constant) else ast.unparse(value) if value is not None else None
    return None


def explained(error: BaseException) -> str | None:
    """Say in plain words that a plugin uses what this version of the interface doesn't have; None for other errors."""
    text = str(error)
    if isinstance(error, ImportError) and (match := _MISSING_NAME.search(text)):
        what = f"it imports {match[1]!r}, which genrebench.{match[2]} doesn't have"
    elif isinstance(error, TypeError) and (match := _UNKNOWN_ARGUMENT.search(text)):
        what = f"it gives {match[1]} the argument {match[2]!r}, which it doesn't have"
    else:
        return None
    return (
        f"{what}: it was written for another version of the plugin interface than {CONTRACT}; update genrebench or the plugin"
    )


def _source(module: str) -> Path | None:
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)  # of a top-level module, nothing is imported for it
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    candidates = [folder.joinpath(*rest) for folder in folders]
    files = [file for path in candidates for file in (path.with_suffix(".py"), path / "__init__.py")]
    return next((file for file in files if file.is_file()), None)

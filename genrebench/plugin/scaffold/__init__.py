"""Packages of new plugins, for `genrebench plugins new`."""

from __future__ import annotations

import importlib
import importlib.resources
import inspect
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from genrebench.errors import UsageError
from genrebench.plugin.hookspecs import DATASET, METRIC, MODEL, Kind

INPUTS = ("table", "waveforms", "frames", "own")
_KINDS: dict[str, Kind[Any]] = {"model": MODEL, "dataset": DATASET, "metric": METRIC}
_TEMPLATES = importlib.resources.files(__name__) / "templates"

_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/test.yml": "test.yml",
}
"""Files of every package, and their templates; code and tests come from those of the kind."""

_INPUT_TYPES = {"table": "Table", "waveforms": "LazyInputs", "frames": "LazyInputs", "own": "LazyInputs"}


def write(name: str, folder: Path, kind: str = "model", takes: str = "table", estimator: str | None = None) -> Path:
    """Write the package of a plugin into the new folder `folder`, and return the folder.

    Parameters
    ----------
    name : str
        Name of the model, dataset or metric.
    folder : Path
    kind : {"model", "dataset", "metric"}
    takes : {"table", "waveforms", "frames", "own"}
        Input of a model.
    estimator : str, optional
        Dotted name of a classifier that a model is made of.

    Raises
    ------
    UsageError
        If the name isn't valid, the folder exists or can't be written, or there is no such classifier.
    """
    if kind not in _KINDS or takes not in INPUTS:
        raise UsageError(
            f"kind {kind!r} or input {takes!r} isn't known; kinds: {', '.join(_KINDS)}; inputs: {', '.join(INPUTS)}"
        )
    _require_name(name, kind)
    if folder.exists():
        raise UsageError(f"{str(folder)!r} already exists; choose another name, or another folder with --out")
    module = f"genrebench_{name.replace('-', '_')}"
    values = {
        "name": name,
        "kind": kind,
        "module": module,
        "distribution": f"genrebench-{name.replace('_', '-')}",
        "class": "".join(part.capitalize() for part in re.split("[-_]", name)),
        "version": metadata.version("genrebench"),
        "requires": '"numpy>=2.0"',
        "check": f"genrebench plugins check {name}",
        "use": _USE[kind].format(name=name),
    }
    code = f"{kind}.py"
    if kind == "model" and estimator is not None:
        code, values = "estimator.py", values | _estimator(estimator)
    elif kind == "model":
        code = "model.py"
        values |= {part: _template(f"{takes}-{part}.py").rstrip("\n") for part in ("imports", "input", "hooks")}
        values |= {"typed": _INPUT_TYPES[takes], "summary": _template(f"{takes}-summary").strip()}
    tests = _template(
        f"test_{'input' if takes == 'own' and kind == 'model' and not estimator else code.removesuffix('.py')}.py"
    )
    files = {path: _template(template) for path, template in _FILES.items()}
    files |= {f"src/{module}/__init__.py": _template(code), f"src/{module}/py.typed": "", f"tests/test_{module[11:]}.py": tests}
    try:
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_filled(text, values), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"can't write {str(folder)!r}: {error.strerror}; choose another folder with --out") from None
    return folder


MAX_NAME = 100
"""Characters: longer names don't fit into names of files, of which they are a part."""

_USE = {
    "model": "genrebench run {name}",
    "dataset": "genrebench run svm-baseline --dataset {name}",
    "metric": "genrebench leaderboard --metrics {name}",
}


def _require_name(name: str, kind: str) -> None:
    pattern = _KINDS[kind].pattern
    letters = "_" if kind == "metric" else "-"
    if not re.fullmatch(pattern, name) or not re.fullmatch(rf"[a-z][a-z0-9]*({letters}[a-z0-9]+)*", name):
        raise UsageError(
            f"{name!r} isn't a valid {kind} name; start with a letter and use a-z, 0-9 and, between them, {letters!r}"
        )
    if len(name) > MAX_NAME:
        raise UsageError(f"{name[:20]!r}... has {len(name)} characters; choose a name of {MAX_NAME} at most")
    if name in _KINDS[kind].reserved:
        raise UsageError(f"{name!r} is a column of boards already; choose another name for the metric")


def _template(name: str) -> str:
    return (_TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")


def _filled(text: str, values: dict[str, str]) -> str:
    """Replace «name» by its value; values may contain others."""
    for _ in range(2):
        text = re.sub("«([a-z_]+)»", lambda found: values[found[1]], text)
    return text


_METHODS = ("fit", "predict_proba", "get_params")


def _estimator(dotted: str) -> dict[str, str]:
    """What the templates say about a classifier."""
    package, _, name = dotted.rpartition(".")
    try:
        kind = getattr(importlib.import_module(package), name)
        parameters = inspect.signature(kind).parameters
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise UsageError(f"no classifier {dotted!r}: {error}; give its module and class, such as sklearn.ensemble.X") from None
    if not all(hasattr(kind, method) for method in _METHODS):
        raise UsageError(f"{dotted} isn't a classifier with fit, predict_proba and get_params")
    try:
        made = kind()
    except Exception as error:
        raise UsageError(f"{dotted} can't be made without arguments ({error}); name another classifier") from None
    if not all(hasattr(made, method) for method in _METHODS):  # of some, a parameter decides
        raise UsageError(f"{dotted} has no predict_proba unless its parameters say so; name another classifier")
    arguments = {"random_state": "context.seed", "n_jobs": "context.workers"}
    top = package.partition(".")[0]
    distribution = next(iter(metadata.packages_distributions().get(top, ())), top)
    requires = {distribution, "scikit-learn"}
    bounds = [f'"{one}>={".".join(metadata.version(one).split(".")[:2])}"' for one in sorted(requires)]
    return {
        "package": package,
        "estimator": name,
        "arguments": ", ".join(f'"{key}": {value}' for key, value in arguments.items() if key in parameters),
        "requires": ", ".join(bounds),
    }

"""Files of a new plugin, for `genrebench plugins new`."""

from __future__ import annotations

import re
from pathlib import Path

from genrebench.errors import UsageError

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "genrebench-{name}"
version = "0.1.0"
description = "genrebench plugin: {name}"
requires-python = ">=3.11"
dependencies = ["genrebench", "scikit-learn"]

[project.entry-points.genrebench]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
"""

MODULE = '''\
"""The model `{name}` for genrebench: a working starting point; replace the classifier in `make` with your own."""

from dataclasses import dataclass
from typing import Annotated

from genrebench.api import Field, FeatureTable, hookimpl, sklearn_model


@dataclass(frozen=True)
class Options:
    """Options of the model, set with --set NAME=VALUE."""

    n_trees: Annotated[int, Field(ge=1, description="number of trees")] = 200


def make(context, options):
    """Return an unfitted classifier; heavy imports belong inside this function."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(options.n_trees, random_state=context.seed, n_jobs=context.workers)


@hookimpl
def genrebench_models():
    """Register the model with genrebench."""
    return [
        sklearn_model(
            "{name}",
            "random forest on FMA's 518 features",
            make,
            options=Options,
            inputs=lambda options: FeatureTable(),
        )
    ]
'''

TEST = """\
from {module} import genrebench_models

from genrebench.testing import assert_conforms


def test_contract():
    assert_conforms(genrebench_models()[0], n_trees=10)
"""


def write(name: str, folder: Path) -> Path:
    """Write a plugin package for the model `name` into the new folder `folder`, and return the folder.

    Raises
    ------
    UsageError
        If the name isn't of the form [a-z][a-z0-9-]*, or the folder exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise UsageError(f"{name!r} isn't a valid model name; start with a letter and use a-z, 0-9 and '-'")
    if folder.exists():
        raise UsageError(f"{str(folder)!r} already exists; choose another name, or another folder with --out")
    module = f"genrebench_{name.replace('-', '_')}"
    files = {
        "pyproject.toml": PYPROJECT,
        f"src/{module}/__init__.py": MODULE,
        f"tests/test_{module}.py": TEST,
        "README.md": "# genrebench-{name}\n\nA model for genrebench: `genrebench run {name}`.\n",
    }
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("{name}", name).replace("{module}", module), encoding="utf-8")
    return folder

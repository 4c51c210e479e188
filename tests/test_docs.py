"""The docs tell of every command, option, hook and field, and their Python runs."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from genrebench import api
from genrebench.cli.main import app
from genrebench.plugin import contract, hookspecs

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if not page.name.startswith("_"))


def commands() -> Iterator[tuple[str, Any]]:
    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", {})
        if not children:
            yield " ".join(words), command
        for name, child in children.items():
            yield from walk(child, (*words, name))

    return walk(typer.main.get_command(app), ("genrebench",))


ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
def test_every_command_is_told_of(name: str) -> None:
    assert name in TEXT


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_has_help(name: str) -> None:
    assert ALL[name].help, name
    for parameter in ALL[name].params:
        assert parameter.help or parameter.name in ("help",), f"{name} {parameter.name}"


def test_every_command_that_the_docs_name_is_there() -> None:
    groups = {name.rsplit(" ", 1)[0] for name in ALL} - {"genrebench"}
    for page in PAGES:
        for name in re.findall(
            r"(?<![\w-])genrebench ((?:[a-z]+ ?){1,2})",
            "\n".join(line.split("#")[0] for code in code_of(page) for line in code.splitlines()),
        ):
            words = name.split()
            found = f"genrebench {words[0]}"
            assert found in ALL or found in groups, f"{page.name}: genrebench {name}"
            if found in groups and len(words) > 1:
                assert f"{found} {words[1]}" in ALL, f"{page.name}: genrebench {name}"


def code_of(page: Path, language: str = "sh") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_docs_compiles_and_imports_what_exists(page: Path) -> None:
    for code in code_of(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module == "genrebench.api":
                assert {alias.name for alias in node.names} <= set(api.__all__)


def test_hooks_and_the_model_contract_are_told_of() -> None:
    for name in [name for name in vars(hookspecs) if name.startswith("genrebench_")]:
        assert name in TEXT
    for name, method in inspect.getmembers(contract.Model, inspect.isfunction):
        if not name.startswith("_"):
            assert method.__doc__
            assert f"`{name}" in TEXT or f"def {name}" in TEXT, name
    for kind in (contract.FeatureTable, contract.Waveforms, contract.Frames):
        for field in dataclasses.fields(kind):
            assert field.name in TEXT, f"{kind.__name__}.{field.name}"


@pytest.mark.parametrize("name", api.__all__)
def test_everything_in_the_api_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(api, name))


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+\.(?:md|cff))[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).resolve().is_file(), f"{page.name}: {target}"

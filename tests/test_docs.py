"""The docs name every command, option, hook, field and function, and their Python runs."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.testing

import genrebench.testing
from genrebench import api
from genrebench.boards.comparison import Comparison
from genrebench.boards.rows import Board
from genrebench.cli.main import app
from genrebench.datasets.check.findings import KINDS
from genrebench.plugin import contract, hookspecs
from genrebench.plugin.datasets import Reference
from genrebench.plugin.metrics import RESERVED
from genrebench.runs.record import ModelRecord, PredictionsRecord, Run, TaskRecord
from genrebench.runs.reproduce import Reproduction
from genrebench.testing import models

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if not page.name.startswith("_"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = (ROOT / "docs" / "howto" / "python.md").read_text(encoding="utf-8")
JSON = (ROOT / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?P<not_run><!-- not run: [^\n]+ -->\n\n)?```python\n(?P<code>.*?)```", re.DOTALL)
BLOCKS = list(BLOCK.finditer(PYTHON))
FUNCTIONS = [name for name in genrebench.__all__ if inspect.isfunction(getattr(genrebench, name))]


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
def test_every_command_is_named(name: str) -> None:
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


def functions_in(code: str) -> set[str]:
    """Names of the functions of `gb` that are called."""
    return {
        node.func.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "gb"
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_docs_compiles_and_imports_what_exists(page: Path) -> None:
    for code in code_of(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module == "genrebench.api":
                assert {alias.name for alias in node.names} <= set(api.__all__)
        assert functions_in(code) <= set(FUNCTIONS)


@pytest.mark.parametrize("name", genrebench.__all__)
def test_everything_in_the_package_is_on_the_python_page(name: str) -> None:
    assert f"gb.{name}" in PYTHON
    assert inspect.getdoc(getattr(genrebench, name))


def test_the_python_page_calls_every_function() -> None:
    called = {name for block in BLOCKS for name in functions_in(block["code"])}
    assert called == set(FUNCTIONS)


def test_the_python_page_runs_as_one_script(tmp_path: Path) -> None:
    not_run = {name for block in BLOCKS if block["not_run"] for name in functions_in(block["code"])}
    assert not_run == {"get_dataset", "clear_cache"}
    printed = run_script(tmp_path, [block["code"] for block in BLOCKS if not block["not_run"]])
    assert re.match(r"On demo \(official, 128 test tracks of 32 artists, synthetic music\), .*logistic.*\n", printed)
    assert printed.endswith("no model 'svm-basline'; did you mean svm-baseline?\n")
    for name in ("board.png", "comparison.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    printed = run_script(tmp_path, [block["code"] for block in BLOCK.finditer(README)])
    assert "randomforestclassifier" in printed and "svm-baseline" in printed


def run_script(folder: Path, blocks: list[str]) -> str:
    """Run code as a script in a folder, without a plugin or a shell of its own, and return what it prints."""
    script = folder / "page.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "GenrebenchWarning" not in done.stderr
    return done.stdout


def test_the_python_page_says_which_results_have_frames_and_figures() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| ([^|]+) \| ([^|]+) \|$", PYTHON, re.MULTILINE)
    documented = {name: (frame != "–", figure != "–") for name, frame, figure in rows}
    defined = {}
    for file in set((ROOT / "genrebench").rglob("*.py")) - {ROOT / "genrebench" / "tables.py"}:  # the base of all results
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            methods = {part.name for part in getattr(node, "body", ()) if isinstance(part, ast.FunctionDef)}
            if isinstance(node, ast.ClassDef) and methods & {"to_frame", "figure"} and file.name != "tables.py":
                defined[node.name] = ("to_frame" in methods, "figure" in methods)
    assert documented == defined


@pytest.mark.parametrize("kind", [TaskRecord, ModelRecord, PredictionsRecord, Run, Board, Comparison, Reproduction, Reference])
def test_every_key_of_the_json_is_documented(kind: Any) -> None:
    assert [field.name for field in dataclasses.fields(kind) if f"`{field.name}`" not in JSON] == []


def test_every_key_of_a_row_and_every_kind_of_finding_is_documented() -> None:
    assert [name for name in (*sorted(RESERVED), *KINDS) if f"`{name}`" not in JSON] == []


def test_hooks_and_the_model_contract_are_in_the_docs() -> None:
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


def test_every_check_of_the_kit_is_named() -> None:
    page = (ROOT / "docs" / "howto" / "kit.md").read_text(encoding="utf-8")
    names = [name for row in re.findall(r"^\| ([a-z ,-]+) \|", page, re.MULTILINE) for name in row.split(", ")]
    assert sorted(rule.name for rule in models.RULES) == sorted(set(names) & {rule.name for rule in models.RULES})


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_in_the_help_which_the_reference_includes(name: str) -> None:
    shown = typer.testing.CliRunner().invoke(app, [*name.split()[1:], "--help"], env={"COLUMNS": "110"}).output
    options = [option for parameter in ALL[name].params for option in parameter.opts if option.startswith("--")]
    assert [option for option in options if option not in shown] == []
    assert "_cli.md" in (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def test_every_exported_name_is_on_the_page_of_the_interface() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"automodule:: genrebench\.(\w+)\n((?:   :.*\n)+)", page))
    (excluded,) = re.findall(r":exclude-members: (.*)", blocks["api"])
    assert ":members:\n" in blocks["api"] and ":imported-members:" in blocks["api"]
    assert set(excluded.split(", ")) & set(api.__all__) == {"Field"} and "`Field`" in page
    (members,) = re.findall(r":members: (.*)", blocks["testing"])
    assert set(genrebench.testing.__all__) <= {*members.split(", "), *api.__all__}


def test_every_key_of_what_tools_for_plugins_print_is_documented() -> None:
    results = [genrebench.list_plugins(), genrebench.check_plugin("stratified"), genrebench.list_datasets()]
    keys = {key for result in results for one in result.to_json() for key in one}
    assert [key for key in sorted(keys) if f"`{key}`" not in JSON] == []

"""The docs name every command, option, hook, field and function, and what they show runs.

Each page is run once, as a reader would; its outputs are kept by content, so that the docs' build and the tests don't run it
twice.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.testing

import genrebench
import genrebench.testing
from docs.running.outputs import outputs
from docs.running.pages import DOCS, Page, pages
from genrebench import api
from genrebench.boards.comparison import Comparison
from genrebench.boards.rows import Board
from genrebench.cli._pages import PAGES as PAGES_OF_COMMANDS
from genrebench.cli._pages import page_of
from genrebench.cli.main import app
from genrebench.datasets.check.findings import KINDS
from genrebench.plugin import contract, hookspecs
from genrebench.plugin.datasets import Reference
from genrebench.plugin.metrics import RESERVED
from genrebench.runs.record import ModelRecord, PredictionsRecord, Run, TaskRecord
from genrebench.runs.reproduce import Reproduction
from genrebench.testing import models

ROOT = Path(__file__).parents[1]
PAGES = [page.path for page in pages()]
TEXT = "\n".join(page.text for page in pages())
PYTHON = (ROOT / "docs" / "howto" / "python.md").read_text(encoding="utf-8")
JSON = (ROOT / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
PYTHON_PAGE = Page(DOCS / "howto" / "python.md")
BLOCKS = [block for block in PYTHON_PAGE.blocks if block.language == "python"]
OF_PLUGINS = ("dataset", "input", "kit", "metric", "observer", "plugin", "split", "torch")
"""Pages whose commands need the plugin that the page writes; the tests of plugins run that."""
SHOWN = [page for page in pages() if page.played and page.path.stem not in OF_PLUGINS]
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


@pytest.mark.parametrize("name", ALL)
def test_the_help_of_every_command_names_a_page_that_shows_it(name: str) -> None:
    page = ALL[name].epilog.removeprefix("More in the docs: ")
    assert page == page_of(*name.split()[1:])
    assert f"{name}" in (DOCS / page).read_text(encoding="utf-8")


def test_no_page_is_given_for_a_command_that_isnt_there() -> None:
    groups = {name.rsplit(" ", 1)[0] for name in ALL}
    assert {f"genrebench {words}" for words in PAGES_OF_COMMANDS} <= set(ALL) | groups


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


def code_of(path: Path, language: str = "sh") -> list[str]:
    return [block.code for block in Page(path).blocks if block.language == language]


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
    called = {name for block in BLOCKS for name in functions_in(block.code)}
    assert called == set(FUNCTIONS)
    not_run = {name for block in BLOCKS if block.mark("not run") for name in functions_in(block.code)}
    assert not_run == {"get_dataset", "clear_cache"}


UNWANTED = re.compile(r"Traceback|GenrebenchWarning")


def printed_by(page: Page) -> list[str]:
    """What the blocks of a page print, run in the folder of data that the tests share."""
    steps = outputs(page, Path(os.environ["GENREBENCH_HOME"]))
    assert [text for step in steps for text in (step["text"], step.get("stderr", "")) if UNWANTED.search(text)] == []
    return [step["text"] for step in steps]


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page: Page, request: pytest.FixtureRequest) -> None:
    if any(block.mark("needs") for block in page.played):
        request.getfixturevalue("real_data")
    assert len(printed_by(page)) == len(page.played)


def test_what_isnt_run_says_why() -> None:
    for page in pages():
        for block in page.blocks:
            assert block.mark("not run") != "", f"{page.name}:{block.line}"
            if block.language == "sh" and page in SHOWN and "pip install" in block.code:
                assert block.mark("not run"), f"{page.name}:{block.line}"


def test_the_python_page_prints_what_it_says() -> None:
    printed = "".join(printed_by(PYTHON_PAGE))
    assert re.match(r"On demo \(official, 128 test tracks of 32 artists, synthetic music\), .*logistic.*\n", printed)
    assert printed.endswith("no model 'svm-basline'; did you mean svm-baseline?\n")


def test_a_notebook_shows_tables_and_figures() -> None:
    page = Page(DOCS / "howto" / "notebook.md")
    printed_by(page)
    shown = [
        {kind for output in step["outputs"] for kind in output if kind != "text/plain"}
        for block, step in zip(page.played, outputs(page, Path(os.environ["GENREBENCH_HOME"])), strict=True)
        if block.mark("output") is not None
    ]
    assert shown == [{"text/html"}, {"text/html"}, {"text/html"}, {"image/png"}, {"image/png"}]


def test_what_the_pages_say_of_the_demo_is_so() -> None:
    page = Page(DOCS / "howto" / "board.md")
    rows = re.findall(r"^ +\d  (\d)[ .\d]*?  ([a-z-]+) +([\d.]+)  ", printed_by(page)[0], re.MULTILINE)
    assert [(first, name) for first, name, _ in rows[:2]] == [("1", "mfcc-frames"), ("2", "svm-baseline")]
    assert [float(loss) for _, _, loss in rows[:2]] == pytest.approx([0.38, 0.77], abs=0.02)  # the page calculates with them


def test_the_python_of_the_readme_compares() -> None:
    printed = printed_by(Page(ROOT / "README.md"))[-1]
    assert "randomforestclassifier" in printed and "svm-baseline" in printed


def test_the_tutorial_shows_what_each_command_prints() -> None:
    page = Page(DOCS / "tutorial.md")
    text = "".join(step for block, step in zip(page.played, printed_by(page), strict=True) if block.mark("output") is not None)
    assert "Next: genrebench leaderboard" in text and "training-prior" in text
    assert str(ROOT) not in text and os.environ["GENREBENCH_HOME"] not in text


def test_the_python_page_says_which_results_have_frames_and_figures() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]+\| ([^|]+) \| ([^|]+) \|$", PYTHON, re.MULTILINE)
    documented = {name: (frame != "–", figure != "–") for name, frame, figure in rows}
    defined = {}
    for file in set((ROOT / "genrebench").rglob("*.py")) - {ROOT / "genrebench" / "tables.py"}:  # the base of all results
        text = file.read_text(encoding="utf-8")
        for node in ast.parse(text).body if "def to_frame" in text or "def figure" in text else ():
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

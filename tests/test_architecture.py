"""CONTRIBUTING.md lists the modules in layers; imports keep to it, docs/architecture.md draws it, and start-up stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import genrebench

ROOT = Path(genrebench.__file__).parent
PROJECT = ROOT.parent
PLUGINS = PROJECT / "plugins"
CONTRIBUTING = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
FILES = sorted(ROOT.rglob("*.py"))
ENTRY = re.compile(r"^(?P<layer>\d)\. \*\*|^   - `(?P<name>[\w.]+/?)`: \S", re.MULTILINE)
TOKEN = re.compile(r"──>|<──|\w+")


def listed() -> list[tuple[str, int]]:
    """Files and folders as CONTRIBUTING.md names them, each with its layer."""
    section = CONTRIBUTING.split("<!-- layers -->")[1].split("<!-- end of layers -->")[0]
    layer, found = 0, []
    for entry in ENTRY.finditer(section):
        if entry["layer"]:
            layer = int(entry["layer"])
        else:
            found.append((entry["name"], layer))
    return found


LAYER = {name.removesuffix(".py").rstrip("/"): layer for name, layer in listed() if name != "py.typed"}


def drawn() -> tuple[dict[str, int], set[tuple[str, str]]]:
    """Layers and arrows of the picture: one line per layer, "a ──> b" where a imports b."""
    picture = ARCHITECTURE.split("```text\n")[1].split("```")[0]
    layers: dict[str, int] = {}
    arrows = set()
    for line in picture.splitlines():
        number, modules = re.fullmatch(r"(\d)  [a-z ]+?  +(\S.*)", line).groups()  # type: ignore[union-attr]
        tokens = TOKEN.findall(modules)
        layers |= {token: int(number) for token in tokens if token.isidentifier()}
        for left, token, right in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if token == "──>":
                arrows.add((left, right))
            elif token == "<──":
                arrows.add((right, left))
    return layers, arrows


def name_of(file: Path) -> str:
    """The dotted name under which a file is imported."""
    parts = file.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top(module: str) -> str:
    """The top-level module that a dotted name belongs to; `genrebench` itself is __init__."""
    return (*module.split("."), "__init__")[1]


@cache
def imports(file: Path) -> frozenset[str]:
    """Dotted names of the modules that a file imports anywhere, also inside functions and under TYPE_CHECKING."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} has a relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                found.add(submodule if submodule in MODULES else str(node.module))
    return frozenset(found)


MODULES = {name_of(file): file for file in FILES}
BETWEEN_FILES = {name: imports(file) & MODULES.keys() - {name} for name, file in MODULES.items()}
BETWEEN_TOPS: dict[str, set[str]] = {name: set() for name in LAYER}
for _module, _others in BETWEEN_FILES.items():
    BETWEEN_TOPS.setdefault(top(_module), set()).update({top(other) for other in _others} - {top(_module)})


def cycles(graph: Mapping[str, set[str] | frozenset[str]]) -> Iterator[list[str]]:
    """For each node that can be reached from itself, a way back to it."""
    for start in graph:
        ways = [[start]]
        seen = set()
        while ways:
            way = ways.pop(0)
            for node in graph.get(way[-1], ()):
                if node == start:
                    yield [*way, start]
                    ways = []
                    break
                if node not in seen:
                    seen.add(node)
                    ways.append([*way, node])


def short(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_every_file_and_folder_of_the_top_level_is_listed_once() -> None:
    there = {path.name + "/" * path.is_dir() for path in ROOT.iterdir() if path.name != "__pycache__"}
    assert sorted(name for name, _ in listed()) == sorted(there)


@pytest.mark.parametrize("name", BETWEEN_TOPS)
def test_imports_run_to_lower_layers_or_along_an_arrow_of_the_picture(name: str) -> None:
    _, arrows = drawn()
    for other in BETWEEN_TOPS[name]:
        assert LAYER[other] < LAYER[name] or (name, other) in arrows, f"{name} imports {other}"


def test_the_picture_shows_the_layers_of_the_list_and_no_arrow_that_is_no_import() -> None:
    layers, arrows = drawn()
    assert layers == LAYER
    assert arrows
    for name, other in arrows:
        assert LAYER[name] == LAYER[other] and other in BETWEEN_TOPS[name], f"{name} ──> {other}"


def test_no_import_cycles() -> None:
    assert list(cycles(BETWEEN_TOPS)) == []
    assert list(cycles(BETWEEN_FILES)) == []


def test_cycles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert sorted(cycles(graph)) == [["b", "c", "b"], ["c", "b", "c"]]


def test_every_place_on_the_way_of_a_clip_exists() -> None:
    places = re.findall(r"`(genrebench/[\w/]+\.py)`((?:,\s+`[A-Za-z_.]+`)*)", ARCHITECTURE)
    assert len(places) > 15
    for file, names in places:
        tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
        defined = set()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
            if isinstance(node, ast.ClassDef):
                defined |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
        assert set(re.findall(r"`([^`]+)`", names)) <= defined, file


def test_no_function_of_the_package_has_the_name_of_a_module() -> None:
    assert not set(genrebench.__all__) & LAYER.keys()


def test_the_folders_of_the_tests_are_those_of_the_package() -> None:
    tests = PROJECT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("*.py")}
    assert [str(folder) for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("file", FILES, ids=short)
def test_the_core_never_imports_torch_and_only_the_command_line_knows_typer(file: Path) -> None:
    roots = {name.split(".")[0] for name in imports(file)}
    assert "torch" not in roots
    if top(name_of(file)) != "cli":
        assert not roots & {"typer", "rich"} - ({"rich"} if file.name in ("layout.py", "progress.py") else set())


FACE = {
    "errors",
    "layout",
    "tables",
    "jsontypes",
    "files",
    "progress",
    "cli",
    "runs.result",
    "runs.file_predictions",
    "runs.timelines",
}


@pytest.mark.parametrize("file", sorted((ROOT / "cli").glob("*.py")), ids=lambda file: file.name)
def test_the_command_line_is_a_face_over_the_python_api(file: Path) -> None:
    """What it needs beyond `import genrebench` are results' types and how to print; types under TYPE_CHECKING don't count."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing_only = {node for block in ast.walk(tree) if isinstance(block, ast.If) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in typing_only and str(node.module).startswith("genrebench."):
            module = str(node.module).removeprefix("genrebench.")
            assert module.split(".")[0] in FACE or module in FACE, module


@pytest.mark.parametrize("file", sorted(PLUGINS.glob("*/src/**/*.py")), ids=lambda file: str(file.relative_to(PLUGINS)))
def test_plugins_import_the_api_alone(file: Path) -> None:
    assert {name for name in imports(file) if name.split(".")[0] == "genrebench"} <= {"genrebench.api"}


HEAVY = ("torch", "librosa", "sklearn", "pandas", "matplotlib", "scipy")


@pytest.mark.parametrize(
    ("code", "banned"),
    [
        ("from genrebench.cli import main; main(['--help'])", HEAVY),
        ("from genrebench.cli import main; main(['leaderboard', '--runs', '.'])", HEAVY),
        ("from genrebench.cli import main; main(['run', '--help'])", HEAVY),
        ("import genrebench as gb; gb.list_plugins().to_json()", ("torch", "librosa", "sklearn")),
        ("import genrebench", (*HEAVY, "numpy", "pydantic")),
    ],
)
def test_light_commands_import_nothing_heavy(code: str, banned: tuple[str, ...], tmp_path: Path) -> None:
    script = f"{code}\nimport sys\nprint('loaded', [m for m in {banned!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip().endswith("loaded []"), done.stdout[-300:]

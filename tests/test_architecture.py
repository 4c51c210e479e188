"""Imports run downward only, the core never imports torch, and start-up stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import genrebench

ROOT = Path(genrebench.__file__).parent
PLUGINS = ROOT.parent / "plugins"

# a room is a folder or a file of the package's top level; it imports rooms of earlier layers, and of its own without a circle
LAYERS = (
    ("errors", "records", "files", "environment", "jsontypes", "tables", "progress"),
    ("plugin",),
    ("audio", "evaluation", "session"),
    ("api", "tasks"),
    ("datasets",),
    ("inputs",),
    ("builtin", "runs"),
    ("boards",),
    ("experiments", "report", "testing"),
    ("door",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}


def module_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """Top-level modules of genrebench that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"genrebench.{alias.name}" for alias in node.names] if node.module == "genrebench" else [str(node.module)]
        else:
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{file} has a relative import"
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("genrebench.")}
    return {name for name in found if (ROOT / f"{name}.py").exists() or (ROOT / name).is_dir()}


CORE = sorted(file for file in ROOT.rglob("*.py") if file != ROOT / "__init__.py")


@pytest.mark.parametrize("file", CORE, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_downward(file: Path) -> None:
    own = module_of(file)
    assert own in LEVEL, f"{own} stands in no layer; put it into LAYERS"
    for other in imported(file) - {own}:
        assert LEVEL[other] <= LEVEL[own], f"{own} imports {other}, which stands above it"


def test_no_circles_between_rooms() -> None:
    graph: dict[str, set[str]] = {}
    for file in CORE:
        graph.setdefault(module_of(file), set()).update(imported(file) - {module_of(file)})

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        return any(n == goal or (n not in seen and reaches(n, goal, seen | {n})) for n in graph.get(start, ()))

    assert [name for name in graph if reaches(name, name, set())] == []


@pytest.mark.parametrize("file", CORE, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_core_never_imports_torch_and_only_the_command_line_knows_typer_and_rich(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        tops = {name.split(".")[0] for name in names}
        assert "torch" not in tops
        if module_of(file) != "cli":
            assert not tops & {"typer", "rich"} - ({"rich"} if file.name == "progress.py" else set())


@pytest.mark.parametrize("file", sorted(PLUGINS.glob("*/src/**/*.py")), ids=lambda file: str(file.relative_to(PLUGINS)))
def test_plugins_import_the_api_alone(file: Path) -> None:
    assert imported(file) <= {"api"}


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

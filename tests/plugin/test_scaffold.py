"""Packages of `plugins new` pass ruff, mypy and the kit as they are written, and run."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import genrebench as gb
from genrebench.errors import UsageError
from genrebench.plugin import registry
from genrebench.testing import conformance
from tests import tiny

NAMES = {
    "model-on-a-table": {},
    "waves": {"input": "waveforms"},
    "frames-with-a-name-that-is-rather-long": {"input": "frames"},
    "own": {"input": "own"},
    "music": {"kind": "dataset"},
    "score_2": {"kind": "metric"},
    "hgb": {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier"},
    "forest": {"estimator": "sklearn.ensemble.RandomForestClassifier"},
}
MODELS = [name for name, how in NAMES.items() if "kind" not in how]


MYPY = """[mypy]
strict = True

[mypy-pandas.*,scipy.*,matplotlib.*,rich.*,typer.*,click.*,requests.*,urllib3.*,psutil.*,joblib.*,PIL.*,jinja2.*]
# none of the packages uses these, whose stubs take two thirds of the time
follow_imports = skip
follow_imports_for_stubs = True
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All packages, by name."""
    root = tmp_path_factory.mktemp("packages")
    return {name: gb.new_plugin(name, root / name, **how).folder for name, how in NAMES.items()}


def module_of(packages: dict[str, Path], name: str) -> ModuleType:
    return importlib.import_module(f"genrebench_{name.replace('-', '_')}")


@pytest.fixture
def importable(packages: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The packages can be imported, and what they offer is known in this process."""
    for folder in packages.values():
        monkeypatch.syspath_prepend(str(folder / "src"))
    known = registry.discover([])
    for name in NAMES:
        module = module_of(packages, name)
        offered: dict[str, list[Any]] = {}
        for kind in ("model", "dataset", "metric", "input"):
            hook = getattr(module, f"genrebench_{kind}s", None)
            offered[kind] = hook() if hook else []
        known.add(registry.Plugin(name, f"genrebench-{name}", "0.1.0"), offered)
    registry.installed_plugins.cache_clear()
    monkeypatch.setattr(registry, "discover", lambda _: known)
    yield
    registry.installed_plugins.cache_clear()


def call(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_they_pass_ruff_and_mypy(packages: dict[str, Path]) -> None:
    root = next(iter(packages.values())).parent
    call("ruff", "check", ".", cwd=root)  # each package by its own settings
    call("ruff", "format", "--check", ".", cwd=root)
    files = [str(path) for folder in packages.values() for path in (folder / "src", folder / "tests")]
    (root / "mypy.ini").write_text(MYPY)
    call("mypy", *files, cwd=root)


@pytest.mark.parametrize("name", NAMES)
def test_they_name_versions_tests_and_ci(packages: dict[str, Path], name: str) -> None:
    folder = packages[name]
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert all(">=" in one for one in project["dependencies"])
    assert project["dependencies"][0] == f"genrebench>={gb.__version__},<1"
    assert any(one.startswith("pytest") for one in project["optional-dependencies"]["test"])
    assert project["entry-points"]["genrebench"] == {name: f"genrebench_{name.replace('-', '_')}"}
    assert (folder / "README.md").is_file() and "pytest" in (folder / ".github/workflows/test.yml").read_text()
    assert "«" not in "".join(
        path.read_text(encoding="utf-8") for path in folder.rglob("*.*") if path.suffix in (".py", ".toml", ".md")
    )


@pytest.mark.parametrize("name", NAMES)
def test_they_pass_the_kit(importable: None, packages: dict[str, Path], name: str) -> None:
    for kind in ("models", "inputs", "datasets", "metrics"):
        for spec in getattr(module_of(packages, name), f"genrebench_{kind}", list)():
            assert [str(check) for check in conformance(spec) if check.problem] == []


def test_the_models_run(importable: None, packages: dict[str, Path], tmp_path: Path) -> None:
    music = tiny.write_music(tmp_path / "music", n=14)
    runs = tmp_path / "runs"
    models = [name for name in MODELS if name not in ("model-on-a-table", "hgb", "forest")]
    table = tiny.write_table(tmp_path / "table", n=90)
    finished = [
        *gb.run(models, music, split="stratified", runs=runs, workers=1),
        *gb.run(["model-on-a-table", "hgb", "forest"], table, split="stratified", runs=runs),
    ]
    assert [run.status for run in finished] == ["finished"] * len(MODELS)
    for run in finished:
        assert (run.metrics["f1_micro"] or 0) > 0.6, run.id
        assert "score_2" in run.metrics


def test_the_dataset_can_be_used(importable: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path))
    assert gb.task("music", split="artist").shared_artists == 0
    assert gb.check_plugin("music").passed


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("Bad", {}, "isn't a valid model name"),
        ("bad-name", {"kind": "metric"}, "isn't a valid metric name"),
        ("model", {"kind": "metric"}, "a column of boards already"),
        ("x", {"estimator": "sklearn.ensemble.Forest"}, "no classifier 'sklearn.ensemble.Forest'"),
        ("x", {"estimator": "nothing"}, "no classifier 'nothing'"),
        ("x", {"estimator": "sklearn.linear_model.LinearRegression"}, "isn't a classifier with fit"),
        ("x", {"estimator": "sklearn.svm.SVC"}, "has no predict_proba unless its parameters say so"),
        ("x", {"estimator": "sklearn.multiclass.OneVsRestClassifier"}, "can't be made without arguments"),
        ("ends-", {}, "isn't a valid model name"),
        ("two--hyphens", {}, "isn't a valid model name"),
        ("x" * 101, {}, "has 101 characters"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, how: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        gb.new_plugin(name, tmp_path / "new", **how)


def test_a_name_that_is_taken_is_a_warning(tmp_path: Path) -> None:
    made = gb.new_plugin("svm-baseline", tmp_path / "new")
    assert made.warning.startswith("genrebench-svm offers the model 'svm-baseline' already")
    assert gb.new_plugin("another", tmp_path / "other").warning == ""
    assert gb.new_plugin("svm", tmp_path / "svm").warning.startswith("genrebench-svm is installed, and installing this one")
    with pytest.raises(UsageError, match=r"can't write .*; choose another folder with --out"):
        gb.new_plugin("another", tmp_path / "svm" / "README.md" / "below")
    with pytest.raises(UsageError, match="already exists"):
        gb.new_plugin("another", tmp_path / "other")

"""The wheels in a clean environment: the core alone, the core with a plugin, the core alone again."""

from __future__ import annotations

import email
import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def call(*words: str | Path, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("wheels")
    for part in (ROOT, ROOT / "plugins" / "genrebench-svm"):
        call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", out, part)
    return {wheel.name.split("-")[0]: wheel for wheel in out.glob("*.whl")}


def link_what_is_required(wheel: Path, site: Path) -> None:
    """Link what a wheel requires, and what that requires, into another environment: all of it, and nothing else."""
    (metadata,) = [path for path in zipfile.Path(wheel).iterdir() if path.name.endswith(".dist-info")]
    lines = email.message_from_string((metadata / "METADATA").read_text(encoding="utf-8")).get_all("Requires-Dist", [])
    todo: list[tuple[str, set[str]]] = [(line, set()) for line in lines]  # each with the extras that were asked for
    done = set()
    while todo:
        line, extras = todo.pop()
        requirement = Requirement(line)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            continue
        distribution = importlib.metadata.distribution(requirement.name)
        if (distribution.name, *requirement.extras) in done:
            continue
        done.add((distribution.name, *requirement.extras))
        todo += [(line, requirement.extras) for line in distribution.requires or []]
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(str(distribution.locate_file(top)))


def test_core_alone_then_with_a_plugin_then_without(wheels: dict[str, Path], tmp_path: Path) -> None:
    call(sys.executable, "-m", "venv", tmp_path / "clean")
    (site,) = (tmp_path / "clean").glob("lib/*/site-packages")
    link_what_is_required(wheels["genrebench"], site)
    python = tmp_path / "clean" / "bin" / "python"
    program = python.with_name("genrebench")
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")

    def plugins() -> dict[str, Any]:
        return {row["plugin"]: row for row in json.loads(call(program, "plugins", "list", "--format", "json", cwd=tmp_path))}

    call(*pip, "install", "--no-deps", wheels["genrebench"])
    call(*pip, "check")
    assert "torch" not in call(python, "-m", "pip", "list")
    assert set(plugins()) == {"genrebench"}
    refused = subprocess.run([program, "run", "svm-baseline"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "pip install ./plugins/genrebench-svm" in refused.stderr

    call(*pip, "install", "--no-deps", wheels["genrebench_svm"])
    call(*pip, "check")
    assert "svm-baseline" in plugins()["genrebench-svm"]["models"]

    call(*pip, "uninstall", "--yes", "genrebench-svm")
    assert set(plugins()) == {"genrebench"}


def test_the_wheel_holds_everything_that_is_read_at_run_time(wheels: dict[str, Path]) -> None:
    packed = set(zipfile.ZipFile(wheels["genrebench"]).namelist())
    for file in (ROOT / "genrebench").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert str(file.relative_to(ROOT)) in packed

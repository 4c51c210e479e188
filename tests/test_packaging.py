"""The wheels in a clean environment: the core alone, the core with a plugin, the core alone again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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


def test_core_alone_then_with_a_plugin_then_without(wheels: dict[str, Path], tmp_path: Path) -> None:
    call(sys.executable, "-m", "venv", tmp_path / "clean")
    python = tmp_path / "clean" / "bin" / "python"
    program = python.with_name("genrebench")
    pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")

    def plugins() -> dict[str, Any]:
        return {row["plugin"]: row for row in json.loads(call(program, "plugins", "list", "--format", "json", cwd=tmp_path))}

    call(*pip, "install", "-c", ROOT / "constraints.txt", wheels["genrebench"])
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
    import zipfile

    packed = set(zipfile.ZipFile(wheels["genrebench"]).namelist())
    for file in (ROOT / "genrebench").rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts:
            assert str(file.relative_to(ROOT)) in packed

"""The plugin for pytest: one line in a file of tests, one test for each check; nothing for those who don't use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import tiny

METRICS = """
from genrebench.api import MetricSpec, hookimpl

def accuracy(labels, p):
    return float((p.argmax(axis=1) == labels).mean())

def first(labels, p):
    return float(p[:, 0].mean())

@hookimpl
def genrebench_metrics():
    return [MetricSpec(name, "a metric", compute) for name, compute in (("right", accuracy), ("first", first))]
"""


WRONG = {
    '{"wrong": {}}': "genrebench_checks: no model 'wrong'",
    '{"right": {"epochs": 1}}': "genrebench_checks: 'right' is a metric, which has no options",
    '["mlflow"]': "genrebench_checks: 'mlflow' is an observer",
    '"right"': "genrebench_checks is 'right', not of the form",
}


def run_pytest(folder: Path, **files: str) -> str:
    """What pytest prints about files of tests, beside which a distribution with two metrics is installed."""
    site = tiny.install_plugin(folder / "site", "genrebench-two", METRICS)
    for name, tests in files.items():
        (folder / f"test_{name}.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--continue-on-collection-errors"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_one_line_gives_one_test_for_each_check(tmp_path: Path) -> None:
    line = 'genrebench_checks = {"right": {}, "genrebench-two:first": {}}\n'
    wrong = {f"wrong_{i}": f"genrebench_checks = {value}\n" for i, value in enumerate(WRONG)}
    told = run_pytest(tmp_path, own=f"{line}\ndef test_own(): ...\n", **wrong)
    assert "test_own.py::right::track-order PASSED" in told
    assert "test_own.py::right::direction SKIPPED (the metric has no direction)" in told
    assert "test_own.py::genrebench-two:first::genre-order FAILED" in told
    assert "first: the score depends on the order of the genres" in told and "Genres are names" in told
    assert "test_own.py::test_own PASSED" in told
    for message in WRONG.values():
        assert message in told
    assert " 1 failed, " in told and f"{len(WRONG)} errors" in told
    assert "Traceback" not in told


def test_without_the_line_nothing_is_imported(tmp_path: Path) -> None:
    told = run_pytest(
        tmp_path,
        plain="import sys\n\ndef test_own():\n    loaded = {name for name in sys.modules if name.startswith('genrebench')}\n"
        "    assert loaded == {'genrebench', 'genrebench.pytest_plugin'} and 'numpy' not in sys.modules\n",
    )
    assert "1 passed" in told

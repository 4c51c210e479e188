"""Prediction and boards when a plugin was upgraded, can't read old models any more, was renamed or is gone."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genrebench.cli.main import main
from genrebench.plugin.registry import installed_plugins
from tests import tiny

CODE = """
from genrebench.api import Frames, hookimpl
from tests import tiny

@hookimpl
def genrebench_models():
    spec = tiny.ModelSpec("means", "means", tiny.FrameMeans, lambda _: Frames(), tiny.Options, reads_since="{since}")
    return [spec]
"""
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a version in place of the one before, as pip would."""
    path = list(sys.path)

    def call(version: str, since: str = "", name: str = "genrebench-means") -> None:
        site = tiny.install_plugin(tmp_path / version, name, CODE.format(since=since), "means_plugin", version)
        monkeypatch.setattr(sys, "path", [str(site), *path])
        sys.modules.pop("means_plugin", None)
        importlib.invalidate_caches()
        installed_plugins.cache_clear()

    monkeypatch.chdir(tmp_path)
    yield call
    sys.modules.pop("means_plugin", None)
    installed_plugins.cache_clear()


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run a command; returns its exit code, stdout and stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--format", "json"])
        told = capfd.readouterr()
        return code, told.out, told.err

    return call


def test_a_plugin_that_is_upgraded_renamed_and_gone(
    install: Callable[..., None],
    command: Command,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny.write_music(Path("music"), n=4, seconds=0.5)
    install("0.1.0")
    run = ("run", "means", "--dataset", "music", "--split", "stratified")
    code, out, _ = command(*run)
    old = json.loads(out)[0]["run_id"]
    predict = ("predict", "music/g0-0.wav", "--run", old)
    code, answer, told = command(*predict)
    assert code == 0 and "trained by" not in told

    install("0.2.0")
    code, out, told = command(*predict)
    assert code == 0 and out == answer
    assert f"warning: {old} was trained by genrebench-means 0.1.0, and genrebench-means 0.2.0 answers" in told
    assert command(*run)[0] == 0
    assert main(["leaderboard"]) == 0
    board = capfd.readouterr().out
    assert "0.1.0" in board and "0.2.0" in board  # the rows don't look alike

    install("0.3.0", since="0.2.0")
    code, out, told = command(*predict)
    assert code == 2 and not out
    assert "genrebench-means 0.3.0 answers, which doesn't read models from before 0.2.0" in told
    assert "pip install 'genrebench-means==0.1.0'" in told
    assert command("predict", "music/g0-0.wav", "--run", "latest")[0] == 0  # 0.2.0 is read

    install("0.4.0", name="genrebench-frame-means")
    code, _, told = command(*predict)
    assert code == 2
    assert "is needed from genrebench-means, which isn't installed; genrebench-frame-means 0.4.0 offers a model of" in told

    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path / "0.4.0")])
    installed_plugins.cache_clear()
    code, _, told = command(*predict)
    assert code == 2 and "the model 'means' is needed from genrebench-means, which isn't installed" in told

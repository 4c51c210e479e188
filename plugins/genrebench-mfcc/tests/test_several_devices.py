"""A training that a launcher such as torchrun starts in two processes, from the command line."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import genrebench as gb
from genrebench.api import UsageError

OPTIONS = {"crop_seconds": 2, "hidden": 8, "members": 2, "epochs": 3, "batch_size": 4, "dropout": 0.0}
"""Without dropout, which draws other numbers on each rank."""

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tracks of each of two genres: steady and trembling noise."""
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    seconds = np.arange(2 * 22_050) / 22_050
    for genre, loudness in {"steady": np.full(len(seconds), 0.2), "trembling": 0.2 * (1 + np.sin(50 * seconds))}.items():
        (folder / genre).mkdir()
        for number in range(12):
            soundfile.write(folder / genre / f"{number}.wav", loudness * rng.uniform(-1, 1, len(seconds)), 22_050)
    return folder


def test_two_processes_of_a_launcher_make_one_run_like_one_process(music: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [word for name, value in OPTIONS.items() for word in ("--set", f"{name}={value}")]
    words = ["run", "mfcc-frames", "--dataset", str(music), *settings, "--device", "cpu", "--format", "json", "--seeds", "0,1"]
    started = []
    for rank in range(2):
        launcher = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        environment = {**os.environ, **{name: str(value) for name, value in (launcher | address).items()}}
        command = [sys.executable, "-m", "genrebench", *words, "--runs", str(tmp_path / "two")]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    try:
        (answer, _), (nothing, silence) = [process.communicate(timeout=300) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0]
    assert (nothing, silence) == ("", "")

    runs = json.loads(answer)
    assert [run["facts"]["devices"] for run in runs] == [2, 2]
    alone = gb.run("mfcc-frames", music, options=OPTIONS, seeds=[0, 1], device="cpu", runs=tmp_path / "one")
    for run, one in zip(runs, alone, strict=True):
        assert run["metrics"]["log_loss"] == pytest.approx(one.metrics["log_loss"], abs=TOLERANCE)
        curves = [tmp_path / runs / name / "curves.jsonl" for runs, name in (("two", run["run_id"]), ("one", one.id))]
        ours, theirs = ([json.loads(line) for line in file.read_text().splitlines()] for file in curves)
        assert len(ours) == OPTIONS["epochs"]
        for point, expected in zip(ours, theirs, strict=True):
            assert point == pytest.approx(expected, abs=TOLERANCE)


def test_a_command_that_uses_one_process_is_refused_under_a_launcher(music: Path, tmp_path: Path, monkeypatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="has started 2 processes, but this command uses one of them"):
        gb.leakage("mfcc-frames", music, runs=tmp_path)
    with pytest.raises(UsageError, match="has started 2 processes, but --devices is 3"):
        gb.run("mfcc-frames", music, devices=3, runs=tmp_path)

"""What commands print fits the terminal, and no number, name or id is broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.cli import main
from genrebench.layout import length
from tests import tiny

WIDTHS = (60, 80, 120, 200)


@pytest.fixture(scope="module")
def folder(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of version 0.1.0 on the demo and a small dataset."""
    folder = tmp_path_factory.mktemp("screens")
    shutil.copytree(real_data / "store-0.1.0" / "runs", folder / "runs", copy_function=shutil.copyfile)
    for path in [folder / "runs", *(folder / "runs").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    tiny.write_music(folder / "music", n=6, seconds=0.3, genres=("Old-Time / Historic", "a genre of a very long name indeed"))
    return folder


def printed(words: list[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(words) == 0
    return capsys.readouterr().out


COMMANDS = (
    "leaderboard",
    "leaderboard --references",
    "runs list",
    "runs show svm-baseline-20261126-104619-94bb",
    "compare svm-baseline mfcc-frames",
    "data show music",
    "data list",
    "plugins list",
    "plugins show svm-baseline",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_screen_fits_and_breaks_nothing(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    words = command.split()
    wide = printed(words, 2000, monkeypatch, capsys)
    whole = {piece.rstrip(":") for piece in wide.split()}
    for width in WIDTHS:
        text = printed(words, width, monkeypatch, capsys)
        assert all(character.isprintable() for character in text.replace("\n", ""))
        assert [line for line in text.splitlines() if length(line) > width] == []
        pieces = {piece.rstrip(":") for piece in text.split() if not set(piece) <= set("─·")}
        assert {piece for piece in pieces - whole if re.search(r"[\d-]", piece)} == set()
        for number_and_unit in re.findall(r"\d %|p [<=] [\d.]+|[\d.]+ \.\. [\d.]+", wide):
            assert number_and_unit in text or width < 120


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["data", "--help"], ["runs", "--help"]])
@pytest.mark.parametrize("width", WIDTHS)
def test_help_fits_and_isnt_cut(
    words: list[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(words, width, monkeypatch, capsys)
    assert "..." not in text.replace("[ARGS]...", "").replace("MODEL...", "").replace("]...", "")
    assert [line for line in text.splitlines() if len(line) > width] == []


def test_the_terminals_encoding_may_lack_our_signs(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genrebench", "leaderboard", "--split", "official"],
        cwd=folder, env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}, capture_output=True, check=True,
    )  # fmt: skip
    assert b"\\u" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80

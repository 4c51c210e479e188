"""Mistakes on the command line are answered with the command that was meant; the shell completes names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genrebench.cli import main
from genrebench.cli._mistakes import MEANT, WITHIN
from genrebench.cli.main import app
from genrebench.errors import similar

LIBRARY = ("Value error", "Input should", "valid number", "valid integer", "unable to parse", "Traceback", "No such command")


@pytest.fixture(scope="module")
def folder(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs on two boards, two folders of music, and nothing else."""
    folder = tmp_path_factory.mktemp("mistakes")
    for source in sorted((real_data / "store-0.1.0" / "runs").iterdir()):
        shutil.copytree(source, folder / "runs" / source.name, copy_function=shutil.copyfile)
    for path in [folder / "runs", *(folder / "runs").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "my-music" / "rock").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("run svm-baseline my-music", "genrebench run svm-baseline --dataset my-music"),
        ("run my-music cnn-raw", "genrebench run cnn-raw --dataset my-music"),
        ("run svm-baseline fma-small", "genrebench run svm-baseline --dataset fma-small"),
        ("run svm", "did you mean svm-baseline or svm-grouped?"),
        ("run SVM-Baseline", "did you mean svm-baseline?"),
        ("run mfcc", "did you mean mfcc-frames?"),
        ("modles", "genrebench plugins list"),
        ("dataset", "genrebench data show DATASET"),
        ("lederboard", "genrebench leaderboard"),
        ("runs ls", "genrebench runs list"),
        ("runs delete", "genrebench runs rm"),
        ("plugins lits", "genrebench plugins list"),
        ("leaderboard --format tabel", "did you mean table?"),
        ("runs list --format excel", "choose one of table, json, csv, md"),
        ("leaderboard --dataset nosuch", "no dataset 'nosuch'"),
        ("leaderboard --dataset dem", "did you mean demo?"),
        ("leaderboard --split artst", "did you mean artist"),
        ("report --dataset nosuch", "no dataset 'nosuch'"),
        ("compare svm-baseline cnn-raw --dataset nosuch", "no dataset 'nosuch'"),
        ("leaderboard --runs rusn", "did you mean 'runs'?"),
        ("leaderboard --runs nope", "did you mean 'runs'?"),
        ("runs show latest --runs nope", "did you mean 'runs'?"),
        ("runs show 94bb", "did you mean svm-baseline-20261126-104619-94bb?"),
        ("runs show svm-baseline", "svm-baseline@latest"),
        ("compare svm-baseline svm-basline", "did you mean 'svm-baseline'?"),
        ("predict my-music", "--run latest"),
        ("submission --clips my-music --out s.csv", "--run latest"),
        ("run svm-baseline --set c=10", "did you mean C?"),
        ("run svm-baseline --set C=ten", "C='ten' isn't a number > 0"),
        ("run svm-baseline --set kernel=rfb", "did you mean rbf?"),
        ("run cnn-raw --set epochs=1.5", "epochs='1.5' isn't a whole number >= 1"),
        ("run cnn-raw --set sample_rate=4000", "--set window_seconds=3.525"),
        ("run svm-baseline --dataset my-musik", "did you mean 'my-music'?"),
        ("run svm-baseline --datset demo", "did you mean --dataset"),
        ("run svm-baseline --workers two", "--workers 'two' isn't valid: it has to be a whole number"),
        ("run svm-baseline --workers=0", "it has to be 1 or more"),
        ("predict x.mp3 --run latest --min-confidence high", "--min-confidence 'high' isn't valid: it has to be a number"),
        ("leakage svm-baseline my-music", "--dataset my-music"),
        ("leaderboard demo", "--dataset demo"),
        ("leakage", "MODEL is missing"),
        ("runs show", "ID is missing"),
        ("run svm-baseline --seed", "--seed needs a value"),
        ("run svm-baseline C=10", "genrebench run svm-baseline --set C=10"),
        ("run svm-baseline -dataset my-music", "did you mean --dataset?"),
        ("run svm-baseline --seeds 3-5", "did you mean 3..5?"),
        ("run svm-baseline --device gpu", "did you mean cuda?"),
        ("data get demo", "'demo' can't be downloaded (synthetic music"),
        ("cache show", "genrebench cache info"),
        ("compare svm-baseline", "name two models, rows or runs"),
        ("runs list my-music", "genrebench runs list ... --runs my-music"),
    ],
)
def test_the_command_that_was_meant_is_named(
    command: str, meant: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(command.split()) == 2
    printed = capsys.readouterr()
    (line,) = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert meant in line
    assert not any(phrase in line for phrase in LIBRARY)
    assert printed.out == ""


def test_two_boards_are_told_apart_by_the_split(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """svm-baseline has runs on both boards, and here svm-grouped too."""
    shutil.copytree(folder / "runs", tmp_path / "runs")
    source = tmp_path / "runs" / "svm-baseline-20261126-104619-94bb"
    copy = tmp_path / "runs" / "svm-grouped-20261126-104619-0000"
    shutil.copytree(source, copy)
    record = (copy / "run.json").read_text().replace(source.name, copy.name).replace("svm-baseline", "svm-grouped")
    (copy / "run.json").write_text(record)
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "svm-baseline", "svm-grouped"]) == 2
    assert "choose one with --split artist-cv5 or --split official" in capsys.readouterr().err
    assert main(["compare", "svm-baseline", "svm-grouped", "--split", "official"]) == 0


def test_other_words_lead_to_commands_that_exist() -> None:
    import typer

    group = typer.main.get_command(app)
    for words in MEANT.values():
        name, *rest = words.split()
        command = group.commands.get(name)  # type: ignore[attr-defined]
        assert name.startswith("--") or command is not None
        if hasattr(command, "commands"):
            assert rest[0] in command.commands
    inner = {name for command in group.commands.values() for name in getattr(command, "commands", {})}  # type: ignore[attr-defined]
    assert set(WITHIN.values()) <= inner


def test_similar_names_are_in_this_order_of_preference() -> None:
    names = ["C", "class_weight", "svm-baseline", "svm-grouped", "my-svm", "gamma"]
    assert similar("c", names) == ["C"]
    assert similar("SVM", names) == ["svm-baseline", "svm-grouped"]
    assert similar("gama", names) == ["gamma"]
    assert similar("weight", names) == ["class_weight"]
    assert similar("zzz", names) == []


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("run svm", {"svm-baseline", "svm-grouped"}),
        ("run svm-baseline mf", {"mfcc-frames"}),
        ("run svm-baseline --dataset fma-s", {"fma-small"}),
        ("run svm-baseline --dataset ./my", {"./my-music"}),
        ("data show de", {"demo"}),
        ("runs show cnn", {"cnn-raw-20261126-104621-8103", "cnn-raw@latest"}),
        ("predict song.mp3 --run la", {"latest"}),
        ("compare mfcc", {"mfcc-frames", "mfcc-frames-20261126-104710-2707", "mfcc-frames@latest"}),
        ("leaderboard --split art", {"artist", "artist-cv5"}),
    ],
)
def test_names_are_completed_in_the_shell(words: str, completions: set[str], folder: Path) -> None:
    import typer.testing

    cwd = Path.cwd()
    os.chdir(folder)
    try:
        answers = {
            shell: typer.testing.CliRunner().invoke(
                app, [], prog_name="genrebench", env={"_GENREBENCH_COMPLETE": f"complete_{shell}", **variables}
            ).output
            for shell, variables in {
                "bash": {"COMP_WORDS": f"genrebench {words}", "COMP_CWORD": str(len(words.split()))},
                "zsh": {"_TYPER_COMPLETE_ARGS": f"genrebench {words}"},
                "fish": {"_TYPER_COMPLETE_ARGS": f"genrebench {words}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
            }.items()
        }  # fmt: skip
    finally:
        os.chdir(cwd)
    assert set(answers["bash"].split()) == completions
    assert set(answers["fish"].split()) == completions
    assert all(f'"{name}"' in answers["zsh"] for name in completions)


def test_completions_and_the_script_go_to_stdout(folder: Path) -> None:
    words = [sys.executable, "-m", "genrebench"]
    environment = {**os.environ, "_GENREBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "genrebench lea", "COMP_CWORD": "1"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == {"leaderboard", "leakage"}
    assert done.stderr == ""

"""Boards for papers: LaTeX that says no more than the board, citations, figures in files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import genrebench as gb
from genrebench.boards.board_metrics import BoardMetrics
from genrebench.boards.by_metric import ByMetric
from genrebench.boards.row import Row
from genrebench.boards.rows import Board
from genrebench.cli.main import main
from genrebench.errors import UsageError
from genrebench.plugin.metrics import MetricSpec
from genrebench.runs.record import TaskRecord
from genrebench.tables import latex_text

ROOT = Path(__file__).parents[2]
TASK = TaskRecord(dataset="music & more", split="artist", fingerprint="f0", genres=("a", "b"), n_test=40)


def row(name: str, rank: int, **settings: Any) -> Row:
    scores = {"log_loss": 0.1 * rank, "f1_micro": 0.9, "f1_macro": 0.8}
    values: dict[str, Any] = {
        "row": name,
        "rank": rank,
        "model": name,
        "plugin": "p",
        "version": "1",
        "options": {},
        "runs": ("r",),
        "seeds": (0,),
        "scores": scores,
        "spread": {},
        "intervals": {"log_loss": (0.05, 0.4)},
        "rank_interval": (rank, rank),
    }
    return Row(**(values | settings))


def latex_of(board: Board) -> str:
    return board.to_latex()


def cells(text: str) -> list[list[str]]:
    """Cells of the rows below the header."""
    lines = [line.strip() for line in text.splitlines() if line.strip().endswith(r"\\")]
    return [re.split(r"(?<!\\) & ", line.removesuffix(r"\\").strip()) for line in lines[1:]]


def test_a_score_is_bold_only_where_one_row_alone_may_be_first() -> None:
    alone = latex_of(Board(TASK, (row("first", 1, may_be_best=True), row("second", 2))))
    assert cells(alone)[0] == ["1", "first", "1", r"\textbf{0.100} [0.050, 0.400]", "0.900", "0.800"]
    assert alone.count(r"\textbf") == 1
    two = latex_of(Board(TASK, (row("first", 1, may_be_best=True), row("second", 2, may_be_best=True, rank_interval=(1, 3)))))
    assert r"\textbf" not in two
    assert cells(two)[1][0] == "1--3"
    baseline = latex_of(Board(TASK, (row("uniform", 1, may_be_best=True, baseline=True, seeds=(), runs=()), row("second", 2))))
    assert r"\textbf" not in baseline


def test_metrics_of_plugins_have_intervals_and_bold_of_their_own() -> None:
    spec = MetricSpec("top_2", "s", len, True, "higher", (0, 1))
    best = ByMetric((0.8, 1.0), (), 1, (1, 1), may_be_best=True)
    other = ByMetric((0.4, 0.6), (), 2, (2, 2), may_be_best=False)
    rows = tuple(
        row(name, rank, by_metric={"top_2": found}, scores={"log_loss": 0.1 * rank, "top_2": value})
        for name, rank, found, value in (("first", 1, other, 0.5), ("second", 2, best, 0.9))
    )
    text = latex_of(Board(TASK, rows, metrics=BoardMetrics((), (spec,))))
    assert [found[-1] for found in cells(text)] == ["0.500 [0.400, 0.600]", r"\textbf{0.900} [0.800, 1.000]"]
    assert "& Top 2" in text


@pytest.mark.parametrize(
    "name", ["a_b", "50%", "$x$", "R&B", "#1", "{", "}", "a\\b", "x^2", "~", "<|>", "é", "--", "\x1b[2J", "`a'"]
)
def test_whatever_a_name_is_the_table_stays_whole(name: str) -> None:
    text = latex_of(Board(replace(TASK, dataset=name), (row(name, 1), row("plain", 2))))
    assert len(cells(text)) == 2
    assert all(len(found) == 6 for found in cells(text))
    assert text.isprintable() or all(line.isprintable() for line in text.splitlines())
    without = re.sub(r"\\text[a-z]+\{\}|\\[{}$&#%_]", "", latex_text(name))
    assert not re.search(r"[\\${}&#%_^~<>|]", without.replace("-{}-{}", ""))


def test_a_row_that_was_predicted_elsewhere_or_by_others_says_so() -> None:
    text = latex_of(Board(TASK, (row("mine", 1, origin="imported"), row("theirs", 2, lab="Lab A"))))
    assert [found[1] for found in cells(text)] == ["mine (predicted elsewhere)", "theirs (by Lab A)"]


# ------------------------------------------------------------------ the command line


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sklearn.dummy import DummyClassifier
    from sklearn.naive_bayes import GaussianNB

    from tests import tiny

    folder = tmp_path_factory.mktemp("papers")
    table = tiny.write_table(folder / "music", n=60, artists=False)
    gb.run({"bayes": GaussianNB(), "dummy": DummyClassifier()}, table, runs=folder / "runs")
    return folder


@pytest.mark.parametrize(("suffix", "begins"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_figures_of_a_board_and_of_a_comparison_are_files(store: Path, tmp_path: Path, suffix: str, begins: bytes) -> None:
    board, comparison = tmp_path / f"board.{suffix}", tmp_path / f"comparison.{suffix}"
    assert main(["leaderboard", "--runs", str(store / "runs"), "--figure", str(board)]) == 0
    assert main(["compare", "bayes", "dummy", "--runs", str(store / "runs"), "--figure", str(comparison)]) == 0
    assert board.read_bytes().startswith(begins)
    assert comparison.read_bytes().startswith(begins)
    assert main(["leaderboard", "--runs", str(store / "runs"), "--figure", str(tmp_path / "board.doc")]) == 2
    assert main(["leaderboard", "--runs", str(tmp_path), "--figure", str(board)]) == 2  # there is no board


def test_latex_and_metrics_of_the_command_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "--runs", str(store / "runs"), "--metrics", "brier", "--format", "latex"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("% needs \\usepackage{booktabs}\n\\begin{table}")
    assert "& Brier" in text and "F1 micro" not in text
    assert main(["leaderboard", "--runs", str(store / "runs"), "--metrics", "brier, f1_weighted", "--format", "csv"]) == 0
    header = capsys.readouterr().out.splitlines()[0].split(",")
    ends = ("", "_low", "_high")
    assert {f"{metric}{end}" for metric in ("brier", "f1_weighted", "f1_macro") for end in ends} <= set(header)  # all there is


# ------------------------------------------------------------------ what to cite


def test_genrebench_cites_itself_as_its_citation_file_does() -> None:
    file = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    text = str(gb.cite())
    assert file["title"] in text
    assert file["authors"][0]["name"] in text
    assert f"version {gb.__version__}" in text


def test_datasets_models_and_runs_are_cited_once(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    citations = gb.cite(["fma-medium", "fma-small", "demo", "gtzan"])
    assert [name for name, _ in citations.entries] == ["genrebench", "fma-medium", "gtzan"]
    assert citations.missing == ()
    entries = re.findall(r"^@\w+\{([\w-]+),", str(citations), re.MULTILINE)
    assert len(entries) == len(set(entries)) == 4
    assert str(citations).count("{") == str(citations).count("}")
    (run,) = [one for one in gb.list_runs(runs=store / "runs") if one.record.model.name == "bayes"]
    assert gb.cite(run).missing == ("music", "bayes")
    with pytest.raises(UsageError, match="no dataset, model or run 'fma-medum'; did you mean fma-medium"):
        gb.cite("fma-medum")
    assert main(["cite", "fma-medium", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"][1]["name"] == "fma-medium"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex isn't installed")
def test_latex_sets_the_table_whatever_the_names_are(tmp_path: Path) -> None:
    names = ["a_b", "50% of $x$", "R&B #1", "{left", "right}", "a\\b^2~", "<|>", "é ü", "--set", '`a\' "b"', "–"]
    text = latex_of(Board(replace(TASK, dataset=names[1]), tuple(row(name, i + 1) for i, name in enumerate(names))))
    rules = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline"  # booktabs isn't in every installation
    document = f"\\documentclass{{article}}\n{rules}\n\\begin{{document}}\n{text}\n\\end{{document}}\n"
    (tmp_path / "board.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-halt-on-error", "-interaction=nonstopmode", "board.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout

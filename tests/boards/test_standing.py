"""Where a run stands: its score, guessing, its rank, and the genres that it fails on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genrebench.boards.board import boards
from genrebench.boards.standing import Standings, standing
from genrebench.records import Predictions
from genrebench.runs.pages import confusion_table, genre_table, taken_for
from genrebench.runs.result import RunResult
from genrebench.runs.store import RunStore


@pytest.fixture
def add(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> Callable[..., RunResult]:
    """Add a run to the store."""
    store = RunStore(tmp_path / "runs")

    def add(
        run_id: str, *, skill: float = 1.0, unfinished: bool = False, options: dict | None = None, **record: object
    ) -> RunResult:
        predictions = make_predictions(skill=skill)
        run = make_run(run_id, predictions=predictions, options=options, **record)
        run = replace(run, model=replace(run.model, changed=options or {}))
        store.begin(run)
        if unfinished:
            store.save(replace(run, status="failed", error="the disk is full", metrics=None))
        else:
            store.finish(run, predictions)
        return RunResult(store.load(run_id), store)

    return add


def test_a_run_stands_as_its_row_on_the_board(add: Callable[..., RunResult]) -> None:
    add("a", model="good", skill=4)
    run = add("b", model="fair", skill=2)
    add("c", model="other-task", skill=2, fingerprint="f1")
    stands = standing(run)
    board = next(board for board in boards(run.store)[0] if board.task.fingerprint == "f0")
    row = board.rows[1]
    assert stands.row == row and stands.rows == board.rows
    assert stands.intervals.keys() == row.intervals.keys()
    assert all(ends == pytest.approx(row.intervals[metric]) for metric, ends in stands.intervals.items())
    # worked by hand: 10 test tracks per genre, training counts 30 : 20 : 10
    prior = -(math.log(1 / 2) + math.log(1 / 3) + math.log(1 / 6)) / 3
    assert stands.guessing == pytest.approx({"uniform": math.log(3), "training-prior": prior})
    first, guesses, rank, genres = stands.heading()
    low, high = row.intervals["log_loss"]
    assert first.startswith(
        f"fair on music, split artist: log loss {run.metrics['log_loss']:.3f} (95 %: {low:.3f} .. {high:.3f})"
    )
    assert guesses == f"Guessing would give a log loss of 1.099 (uniform) and {prior:.3f} (training-prior)."
    assert rank.startswith("Rank 2 of 4")
    scores = run.genres()["f1"]
    assert genres == f"Lowest F1: {scores.idxmin()} {scores.min():.2f}."
    assert stands.to_json()["standing"]["rank"] == 2


def test_rows_of_one_model_are_told_apart_by_their_options(add: Callable[..., RunResult]) -> None:
    add("a", skill=2)
    run = add("b", skill=2, options={"C": 10.0})
    assert "can't be told from svm with default options" in "".join(standing(run).heading())
    assert "can't be told from svm (C=10)." in "".join(standing(RunResult(run.store.load("a"), run.store)).heading())


def test_counts_of_a_run_over_folds_are_those_of_a_fold(add: Callable[..., RunResult]) -> None:
    run = add("a", n_folds=5, n_training=390, n_validation=128, n_test=130)
    assert run.record.task.counts == "130 test tracks in 5 folds, each with about 78 training, 26 validation tracks"


def test_a_run_that_learned_nothing_is_called_so(add: Callable[..., RunResult]) -> None:
    assert "not clearly better" in standing(add("a", skill=0.0), rank=False).scores()[1]
    assert "not clearly better" not in standing(add("b", skill=6.0), rank=False).scores()[1]


def test_a_run_without_scores_says_why(add: Callable[..., RunResult]) -> None:
    failed = add("a", unfinished=True)
    assert standing(failed).heading() == ["svm on music, split artist: failed, without scores: the disk is full"]
    assert "the disk is full" in str(standing(failed))
    damaged = add("b")
    (damaged.folder / "predictions.csv").write_text("no predictions")
    again = RunResult(damaged.store.load("b"), damaged.store)
    assert "without scores" in standing(again).heading()[0]


def test_several_runs_end_with_their_f1_by_genre(add: Callable[..., RunResult]) -> None:
    runs = [add("a", model="good", skill=4), add("b", model="fair", seed=1), add("c", unfinished=True)]
    ending = Standings([standing(run, rank=False) for run in runs])
    assert [line.split(":")[0] for line in ending.heading()] == ["good, seed 0", "fair, seed 1", ending.heading()[2]]
    (table,) = ending.tables()
    assert table.columns == ("genre", "good 0", "fair 1")
    for i, run in enumerate(runs[:2], 1):
        assert [row[i] for row in table.rows] == [f"{f1:.2f}" for f1 in run.genres()["f1"]]
    (table,) = Standings([standing(runs[0], rank=False)]).tables()
    assert table.columns[0] == "genre" and "taken for" in table.columns


def test_confusions_are_those_of_the_predictions() -> None:
    right = np.eye(3)
    predictions = Predictions(
        ids=("1", "2", "3", "4"), genres=("Blues", "Jazz", "Old-Time / Historic"), labels=np.array([0, 0, 0, 1]),
        folds=np.zeros(4, int), probabilities=right[[0, 1, 1, 2]], groups=None,
    )  # fmt: skip
    assert taken_for(predictions) == {"Blues": [("Jazz", 2)], "Jazz": [("Old-Time / Historic", 1)], "Old-Time / Historic": []}
    assert confusion_table(predictions).rows == (
        ("a Blues", "1", "2", "·"),
        ("b Jazz", "·", "·", "1"),
        ("c Old-Time / Historic", "·", "·", "·"),
    )
    assert genre_table([]) == []


def test_the_record_is_shown_without_python(add: Callable[..., RunResult]) -> None:
    text = str(standing(add("a", options={"C": 1.0, "gamma": None, "layers": [1, 2], "probability": True})))
    assert not any(sign in text for sign in ("{", "}", "[", "None", "True"))
    for line in ("model.options.layers", "model.options.gamma", "task.fingerprint", "environment.python"):
        assert line in text

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genrebench.boards.board import boards
from genrebench.boards.comparability import differences
from genrebench.boards.compare import compare_named as compare
from genrebench.boards.comparison import p_text
from genrebench.errors import StoreError, UsageError
from genrebench.evaluation import metrics
from genrebench.report import write
from genrebench.runs.store import RunStore


@pytest.fixture
def add(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> Callable:
    store = RunStore(tmp_path / "runs")

    def add(run_id: str, *, skill: float = 1.0, predictions_seed: int = 0, n: int = 120, **record: object) -> RunStore:
        predictions = make_predictions(n=n, skill=skill, seed=predictions_seed, per_artist=2)
        run = make_run(run_id, predictions=predictions, **record)
        store.begin(run)
        store.finish(run, predictions)
        return store

    return add


def test_a_better_model_is_called_better(add: Callable) -> None:
    add("a", model="good", skill=3, predictions_seed=1)
    store = add("b", model="poor", skill=0.5, predictions_seed=2)
    comparison = compare(store, "good", "b")
    first, second = (store.predictions(store.load(name)) for name in "ab")
    losses = [metrics.log_loss(p.labels, p.probabilities) for p in (first, second)]
    assert comparison.difference == pytest.approx(losses[0] - losses[1])
    assert comparison.interval[0] < comparison.difference < comparison.interval[1] < 0
    assert not comparison.tied
    assert (comparison.unit, comparison.n_units, comparison.n_tracks) == ("artist", 60, 120)
    assert "this run of good has a lower log loss than this run of poor (b), by" in comparison.sentence
    assert "Another seed isn't accounted for" in comparison.sentence
    assert "What happens on fewer than 1 artist in 20 may be missing from this test set." in comparison.sentence
    assert sum(row["tracks"] * row["difference"] for row in comparison.genres) / 120 == pytest.approx(comparison.difference)
    assert all(row["p_value"] is None or row["p_adjusted"] >= row["p_value"] for row in comparison.genres)
    gaps = [abs(row["loss_a"] - row["loss_b"]) for row in comparison.tracks]
    assert gaps == sorted(gaps, reverse=True)
    assert len(gaps) == 10
    json.dumps(comparison.to_json(), allow_nan=False)


def test_swapping_the_two_changes_only_the_sign(add: Callable) -> None:
    add("a", model="x", skill=1.2, predictions_seed=1)
    store = add("b", model="y", skill=1, predictions_seed=2)
    one, other = compare(store, "a", "b"), compare(store, "b", "a")
    assert one.difference == pytest.approx(-other.difference)
    assert one.p_value == other.p_value
    assert one.tied
    assert "can't be told apart" in one.sentence
    assert "may be missing" not in one.sentence
    assert (one.f1_micro["only_a"], one.f1_micro["only_b"]) == (other.f1_micro["only_b"], other.f1_micro["only_a"])


def test_a_quoted_claim_and_its_numbers_agree(add: Callable) -> None:
    add("a", model="x", skill=3, predictions_seed=1)
    claim = compare(add("b", model="y", skill=0.5, predictions_seed=2), "a", "b")
    near = replace(claim, difference=-2e-4, interval=(-4e-4, -1e-7), p_value=0.0499)
    assert "by 0.0002 (95 % interval 1e-07 to 0.0004, p = 0.0499)" in near.sentence
    assert "p = 0.0501" in replace(near, interval=(-4e-4, 1e-7), p_value=0.0501, tied=True).sentence
    assert [p_text(p) for p in (0.0004, 0.012345, 0.3, 1)] == ["p < 0.001", "p = 0.012", "p = 0.3", "p = 1"]


def test_models_that_answer_alike_have_the_same_loss_on_every_track(add: Callable) -> None:
    add("a", model="x", predictions_seed=1)
    comparison = compare(add("b", model="y", predictions_seed=1), "a", "b")
    assert comparison.tied and not comparison.undecided
    assert "have the same log loss on every track. Another seed" in comparison.sentence
    assert "0.000 would be detected" not in str(comparison)


def test_methods_that_answer_alike_with_several_seeds(add: Callable) -> None:
    for seed in (0, 1):
        for model in "xy":
            store = add(f"{model}{seed}", model=model, seed=seed, predictions_seed=seed)
    comparison = compare(store, "x", "y")
    assert comparison.tied and comparison.population == "methods"
    low, high = comparison.interval
    assert low < 0 < high < 10
    assert comparison.f1_micro["p_value"] == comparison.p_value == 1


def test_what_a_board_tells_apart_a_comparison_does_too(add: Callable) -> None:
    for i, skill in enumerate((1.0, 1.1, 1.2, 1.4, 1.7, 2.5)):
        store = add(f"r{i}", model=f"m{i}", skill=skill, predictions_seed=i)
    (board,), _ = boards(store)
    rows = {row.model: row for row in board.rows if not row.baseline}
    ties = {(a, b) for a in rows for b in rows if a < b and rows[b].row in rows[a].tied_with}
    # of one pair by itself more can be said than of all pairs together
    assert ties >= {(a, b) for a in rows for b in rows if a < b and compare(store, a, b).tied}
    assert 0 < len(ties) < 15
    assert board.smallest_difference > 0
    assert (board.unit, board.n_units) == ("artist", 60)
    for row in rows.values():
        for metric, (low, high) in row.intervals.items():
            assert low < row.scores[metric] < high


def test_seeds_are_averaged(add: Callable) -> None:
    add("a0", model="x", seed=0, predictions_seed=0)
    add("a1", model="x", seed=1, predictions_seed=1)
    store = add("b", model="y", predictions_seed=2)
    mean = np.mean([store.load(name).metrics["log_loss"] for name in ("a0", "a1")])
    assert compare(store, "x", "y").a["log_loss"] == pytest.approx(mean)
    assert compare(store, "x", "y").a["runs"] == ["a0", "a1"]
    assert compare(store, "a0", "a1").difference == pytest.approx(
        store.load("a0").metrics["log_loss"] - store.load("a1").metrics["log_loss"]
    )


def test_unknown_and_ambiguous_names(add: Callable) -> None:
    add("a", model="x", options={"C": 1})
    add("b", model="x", options={"C": 2})
    add("c", model="z")
    store = add("d", model="y", fingerprint="other", split_seed=1)
    with pytest.raises(UsageError, match=r"'nobody'.*genrebench runs list"):
        compare(store, "a", "nobody")
    with pytest.raises(UsageError, match="split seed 0 for the first, 1 for the second"):
        compare(store, "a", "d")
    with pytest.raises(UsageError, match="2 pairs of rows; name two runs"):
        compare(store, "x", "z")


@pytest.mark.parametrize("n", [1, 4, 10])
def test_five_artists_are_too_few_for_a_result(add: Callable, n: int) -> None:
    add("a", model="x", skill=9, n=n)
    store = add("b", model="y", skill=0, n=n)
    comparison = compare(store, "x", "y")
    assert comparison.tied
    assert f"{comparison.n_units} artists are too few" in comparison.sentence
    assert comparison.to_json()["interval"] == [None, None]
    assert comparison.to_json()["smallest_difference"] is None
    (board,), _ = boards(store)
    row = board.to_json()["rows"][0]
    assert row["log_loss_interval"] is None
    assert len(row["tied_with"]) == len(board.rows) - 1
    assert board.smallest_difference is None
    json.dumps(board.to_json(), allow_nan=False)
    write(store, store.root.parent / "report")


def test_ties_are_listed_by_rank_and_reading_many_runs_shows_progress(add: Callable) -> None:
    for i in range(9):
        store = add(f"run-{i}", predictions_seed=9 - i, model=f"m{i}")
    shown: list[str] = []

    def progress(items: list, description: str) -> list:
        shown.extend(description for _ in items)
        return items

    (board,), _ = boards(store)
    order = [row.row for row in board.rows]
    for row in board.to_json()["rows"]:
        assert row["tied_with"] == sorted(row["tied_with"], key=order.index)
    assert any(len(row.tied_with) > 2 for row in board.rows)
    compare(store, "m0", "m1", progress=progress)
    assert len(shown) == 9


def test_the_damaged_file_is_named(add: Callable) -> None:
    add("a", model="x")
    store = add("b", model="y")
    (store.folder("b") / "predictions.csv").write_text("nothing")
    with pytest.raises(StoreError, match=r"b/predictions\.csv"):
        compare(store, "a", "b")


def test_boards_say_why_they_are_not_comparable(add: Callable) -> None:
    add("a")
    add("b", fingerprint="f1", split_seed=1)
    add("c", fingerprint="f2", excluded=[{"id": "t9", "reason": "user"}])
    store = add("d", fingerprint="f3")
    first = next(board for board in boards(store)[0] if board.task.fingerprint == "f0")
    text = "\n".join(first.apart)
    assert "split seed 1 there, 0 here" in text
    assert "1 track (t9) excluded only there" in text
    assert "f3: labels, artists, parts, feature values or audio differ in content" in text
    assert text.count("in content") == 1  # only for the board without any other difference
    assert first.to_json()["apart"] == list(first.apart)


MORE = {"dataset": "big", "added": {"Blues": 4, "Soul, RnB": 1}}
ADDED = "extra training: 5 training tracks of big there, none here"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"n_training": 65, "extra_training": MORE}, [ADDED]),
        ({"n_training": 60 + 13 * 5, "n_folds": 13, "extra_training": MORE}, [ADDED]),
        ({"n_training": 62}, ["62 training tracks of music there, 60 here"]),
        ({"n_training": 65, "n_test": 32, "extra_training": MORE}, ["32 test tracks of music there, 30 here", ADDED]),
        ({"n_training": 65, "split_seed": 2, "extra_training": MORE}, ["split seed 2 there, 0 here", ADDED]),
    ],
)
def test_extra_training_is_reported_as_a_difference(other: dict, expected: list[str], make_run: Callable) -> None:
    here, there = make_run().task, make_run(fingerprint="f1", **other).task
    assert differences(there, here) == expected


def test_different_extra_tracks_are_reported_if_their_ids_are_recorded(make_run: Callable) -> None:
    ids = {"Blues": ["1", "2", "3", "4"], "Soul, RnB": ["5"]}
    one = make_run(extra_training=MORE | {"ids": ids}).task
    other = make_run(fingerprint="f1", extra_training=MORE | {"ids": ids | {"Soul, RnB": ["6"]}}).task
    old = make_run(fingerprint="f2", extra_training=MORE).task
    assert differences(one, other) == ["extra training: 5 training tracks of big in both, but not the same tracks"]
    assert "in content" in differences(one, old)[0]


def test_a_comparison_mentions_extra_training(add: Callable) -> None:
    more = MORE | {"ids": {"Blues": ["1", "2", "3", "4"], "Soul, RnB": ["5"]}}
    add("a", model="x", skill=3, extra_training=more)
    comparison = compare(add("b", model="y", extra_training=more), "x", "y")
    assert "(artist + 5 training tracks of big, " in comparison.sentence
    assert comparison.to_json()["task"]["extra_training"] == {"source": ""} | MORE

import dataclasses
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.boards.board import boards, dataset_name
from genrebench.evaluation import metrics
from genrebench.plugin.datasets import Reference
from genrebench.plugin.metrics import RESERVED
from genrebench.report import write
from genrebench.runs.store import RunStore


@pytest.fixture
def add(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> Callable:
    """Add a finished run to the store."""
    store = RunStore(tmp_path / "runs")

    def add(run_id: str, *, skill: float = 1.0, predictions_seed: int = 0, per_artist: int = 0, **record: object) -> RunStore:
        predictions = make_predictions(skill=skill, seed=predictions_seed, per_artist=per_artist)
        run = make_run(run_id, predictions=predictions, **record)
        store.begin(run)
        store.finish(run, predictions)
        return store

    return add


def models(board: object) -> list[str]:
    return [row.model for row in board.rows]


def test_ranks_by_log_loss_with_the_baselines(add: Callable) -> None:
    add("a", model="good", skill=4)
    store = add("b", model="fair", skill=2)
    (board,), problems = boards(store)
    assert problems == []
    assert models(board) == ["good", "fair", "uniform", "training-prior"]
    assert [row.rank for row in board.rows] == [1, 2, 3, 4]
    uniform, prior = board.rows[2:]
    assert uniform.scores["log_loss"] == pytest.approx(math.log(3))
    # worked by hand: 10 test tracks per genre, training counts 30 : 20 : 10
    assert prior.scores["log_loss"] == pytest.approx(-(math.log(1 / 2) + math.log(1 / 3) + math.log(1 / 6)) / 3)
    assert prior.scores["f1_micro"] == pytest.approx(1 / 3)
    assert uniform.baseline
    assert not board.rows[0].baseline
    # the rule of three: 30 tracks may have none of what happens on one in ten
    assert "What happens on fewer than 1 track in 10 may be missing from this test set." in board.notes()[0]


def test_what_takes_long_on_large_boards_shows_progress(add: Callable) -> None:
    add("a", model="good", skill=4)
    store = add("b", model="fair", skill=2)
    shown: dict[str, tuple[int, int | None]] = {}

    def progress(items: Iterable[Any], description: str, total: int | None = None) -> Iterable[Any]:
        listed = list(items)
        shown[description] = len(listed), total
        return listed

    (board,), _ = boards(store, progress=progress)
    assert shown == {"reading predictions": (2, None), "intervals of F1": (4, None), "comparing all pairs of rows": (1, 1)}
    assert boards(store)[0] == [board]
    shown.clear()
    boards(store, progress=progress)
    assert list(shown) == ["reading predictions"]  # the rest is cached


def test_seeds_are_one_row_with_mean_and_spread(add: Callable) -> None:
    add("a", seed=0, predictions_seed=1, started="2026-01-01")
    add("old", seed=1, predictions_seed=2, started="2026-01-01")
    store = add("new", seed=1, predictions_seed=3, started="2026-01-02")
    (board,), _ = boards(store)
    (row,) = [row for row in board.rows if not row.baseline]
    losses = [store.load(name).metrics["log_loss"] for name in ("a", "new")]
    assert row.runs == ("a", "new")
    assert row.seeds == (0, 1)
    assert row.scores["log_loss"] == pytest.approx(np.mean(losses))
    assert row.spread["log_loss"] == pytest.approx(abs(losses[0] - losses[1]) / math.sqrt(2))


def test_rows_differ_by_options_and_version_boards_by_fingerprint(add: Callable) -> None:
    add("a", options={"C": 1})
    add("b", options={"C": 2})
    add("c", options={"C": 1}, version="2")
    store = add("d", options={"C": 1}, fingerprint="f1", split="stratified")
    all_boards, _ = boards(store)
    assert [len([row for row in board.rows if not row.baseline]) for board in all_boards] == [3, 1]
    names = [row.row for board in all_boards for row in board.rows]
    assert len(set(names)) == len(names)
    assert names == [row.row for board in boards(store)[0] for row in board.rows]
    assert [board.task.split for board in boards(store, split="stratified")[0]] == ["stratified"]
    assert boards(store, dataset="other")[0] == []
    assert len(boards(store, dataset="./somewhere/music")[0]) == 2


def test_unfinished_and_unscored_runs_are_on_no_board(
    tmp_path: Path, make_run: Callable, make_predictions: Callable, add: Callable
) -> None:
    store = add("a")
    store.begin(make_run("b", model="other"))
    empty = make_predictions(n=0)
    challenge = make_run("c", model="other")
    store.begin(challenge)
    store.finish(challenge, empty)
    assert models(boards(store)[0][0]).count("other") == 0
    assert boards(RunStore(tmp_path / "nothing")) == ([], [])


def test_edited_predictions_are_reported_and_left_out_even_if_cached(add: Callable) -> None:
    add("a", model="good", skill=3)
    store = add("b", model="fair")
    boards(store)  # writes the caches
    file = store.folder("b") / "predictions.csv"
    stat = file.stat()
    data = bytearray(file.read_bytes())
    data[-10] = ord("9") if data[-10] != ord("9") else ord("8")
    file.write_bytes(bytes(data))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the modification time doesn't show the edit
    (board,), (problem,) = boards(store)
    assert "fair" not in models(board)
    assert str(file) in problem


@pytest.mark.parametrize(
    ("genres", "counts", "n_rows"),
    [
        (["Blues"], [[60]], 0),
        ([], [], 0),
        (["a", "b", "c"], [[30, 20, 10]], 0),
        (["Blues", "Old-Time / Historic", "Soul, RnB"], [[30, 20]], 2),
        (["Blues", "Old-Time / Historic", "Soul, RnB"], [[30, 20, 10], [1]], 2),
        (["Blues", "Old-Time / Historic", "Soul, RnB"], [[0, 0, 0]], 2),
    ],
)
def test_a_task_that_contradicts_its_predictions_is_no_traceback(
    add: Callable, genres: list[str], counts: list[list[int]], n_rows: int
) -> None:
    file = add("a").folder("a") / "run.json"
    record = json.loads(file.read_text())
    record["task"] |= {"genres": genres, "training_counts": counts}
    file.write_text(json.dumps(record))
    found, problems = boards(RunStore(file.parents[1]))
    assert [len(board.rows) for board in found] == (
        [n_rows] if n_rows else []
    )  # without valid counts there is no training prior
    assert ["has other genres than run.json says" in problem for problem in problems] == ([] if n_rows else [True])


def test_recorded_metrics_replace_no_key_of_a_row(add: Callable) -> None:
    store = add("a")
    file = store.folder("a") / "run.json"
    record = json.loads(file.read_text())
    record["metrics"] |= {"rank": 7.0, "model": 0.5, "top_3": 0.75}  # 0.1.0 took metrics of any name
    file.write_text(json.dumps(record))
    ((board,), _) = boards(store)
    row = next(row for row in board.to_json()["rows"] if not row["baseline"])
    assert (row["rank"], row["model"], row["top_3"]) == (1, "svm", 0.75)


def test_scores_come_from_the_predictions(add: Callable) -> None:
    store = add("a")
    record = store.folder("a") / "run.json"
    content = json.loads(record.read_text())
    correct = content["metrics"]["log_loss"]
    content["metrics"]["log_loss"] = 0.0
    content["metrics_version"] = metrics.VERSION - 1
    record.write_text(json.dumps(content))
    (board,), _ = boards(store)
    assert board.rows[0].scores["log_loss"] == pytest.approx(correct)


def cached(home: Path) -> list[Path]:
    return [file for kind in ("scores", "boards") for file in (home / "cache" / kind).rglob("*") if file.is_file()]


def test_a_damaged_cache_is_computed_again(add: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENREBENCH_HOME", str(tmp_path / "home"))
    store = add("a")
    before = boards(store)[0][0].to_json()
    files = cached(tmp_path / "home")
    assert len(files) == 2
    for content in (b"{", b"[]\n", b"\xff", b'{"stamp": 1}\n', b"", None):
        for file in files:
            file.unlink() if content is None else file.write_bytes(content)
        assert boards(store)[0][0].to_json() == before
        assert cached(tmp_path / "home") == files
        assert not {file.read_bytes() for file in files} & {content}


def test_a_copied_store_gives_the_same_boards(add: Callable, tmp_path: Path) -> None:
    store = add("a")
    shutil.copytree(store.root, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = RunStore(tmp_path / "copy")
    assert boards(copy)[0][0].to_json() == boards(store)[0][0].to_json()
    (copy.folder("a") / "predictions.csv").write_text("edited")
    assert boards(copy)[0] == []


def test_runs_of_several_stores_are_on_one_board(
    tmp_path: Path, add: Callable, make_run: Callable, make_predictions: Callable
) -> None:
    store = add("a", model="first")
    other = RunStore(tmp_path / "other")
    predictions = make_predictions()
    run = make_run("a", model="second", predictions=predictions)
    other.begin(run)
    other.finish(run, predictions)
    (board,), _ = boards([store, other])
    assert {"first", "second"} <= set(models(board))


def test_json_has_the_documented_keys(add: Callable) -> None:
    (board,), _ = boards(add("a", options={"C": 1.0}))
    out = json.loads(json.dumps(board.to_json(), allow_nan=False))
    row = out["rows"][0]
    keys = {"row", "rank", "model", "options", "runs", "seeds", "log_loss", "log_loss_interval", "f1_micro", "f1_macro"}
    assert keys | {"tied_with"} <= set(row)
    assert (row["model"], row["options"], row["runs"], row["seeds"]) == ("svm", {"C": 1.0}, ["a"], [0])
    assert {"dataset", "split", "fingerprint", "genres"} <= set(out["task"])
    assert out["references"] == []


def test_published_scores_are_shown_only_on_boards_of_their_dataset(add: Callable) -> None:
    reference = Reference("a paper's model", "its own test set", "a paper", 1.5, 0.6)
    add("a")
    all_boards, _ = boards(add("b", fingerprint="f1", dataset="other"), references={"other": [reference]})
    assert [board.references for board in all_boards] == [(), (reference,)]
    (shown,) = all_boards[1].to_json()["references"]
    assert {"name", "log_loss", "f1_micro", "comparable"} <= set(shown)
    assert not shown["comparable"]


def test_the_other_keys_of_a_row_are_reserved_names_for_metrics(add: Callable) -> None:
    (board,), _ = boards(add("a"))
    scores = {metric.name for metric in metrics.METRICS}
    others = {name for row in board.to_json()["rows"] for name in row} - scores
    assert {name for name in others if not name.endswith("_interval")} <= RESERVED


def test_a_board_lists_no_tracks(add: Callable) -> None:
    more = {"dataset": "big", "added": {"Blues": 1}}
    store = add("a", excluded=[{"id": "t9", "reason": "user"}], extra_training=more | {"ids": {"Blues": ["1"]}})
    (board,), _ = boards(store)
    task = board.to_json()["task"]
    assert task["extra_training"] == {"source": ""} | more
    assert "excluded" not in task and "training_counts" not in task


def test_dataset_name_of_names_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path / "demo")
    assert [dataset_name(name) for name in ("demo", "./x/", "a/b", ".")] == ["demo", "x", "b", "demo"]


def test_boards_import_no_heavy_libraries() -> None:
    heavy = {"torch", "librosa", "sklearn", "scipy", "pandas", "matplotlib"}
    code = f"import sys, genrebench.boards.board; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_f1_and_brier_have_intervals_that_hold_the_score(add: Callable) -> None:
    add("a", seed=0, predictions_seed=0)
    (board,), _ = boards(add("b", seed=1, predictions_seed=1))
    assert board.warnings == ()
    for row in board.to_json()["rows"]:
        for metric in ("log_loss", "brier", "f1_micro", "f1_macro", "f1_weighted"):
            low, high = row[f"{metric}_interval"]
            assert 0 <= low <= row[metric] + 1e-9
            assert row[metric] <= high + 1e-9


def test_a_genre_of_one_artist_leaves_macro_f1_without_interval_and_the_board_says_so(
    tmp_path: Path, make_run: Callable, make_predictions: Callable
) -> None:
    predictions = make_predictions()
    groups = np.where(predictions.labels == 1, 0, 1 + np.arange(len(predictions.labels)))
    predictions = dataclasses.replace(predictions, groups=groups)
    store = RunStore(tmp_path / "runs")
    run = make_run("a", predictions=predictions)
    store.begin(run)
    store.finish(run, predictions)
    (board,), _ = boards(store)
    assert board.rows[0].to_json()["f1_macro_interval"] is None
    assert board.rows[0].to_json()["f1_weighted_interval"] is not None
    genre = predictions.genres[1]
    expected = (
        f"Macro F1 has no interval: {genre} has test tracks of a single artist, which can't say how others would be classified."
    )
    assert board.to_json()["warnings"] == [expected]
    assert expected in board.notes()


def test_a_loss_that_is_the_same_on_every_track_has_no_interval_and_the_board_says_so(add: Callable) -> None:
    add("a", model="perfect", skill=100)  # probabilities of 1: the loss is 0, up to clipping
    store = add("b", model="good", skill=2)
    for _ in range(2):  # the second time from the cache
        (board,), _ = boards(store)
        rows = {row.model: row for row in board.rows}
        assert set(rows["perfect"].intervals) == {"f1_micro", "f1_macro", "f1_weighted"}
        assert rows["perfect"].to_json()["log_loss_interval"] is None
        assert rows["uniform"].intervals["log_loss"] == pytest.approx((math.log(3), math.log(3)))
        assert {"log_loss", "brier"} <= set(rows["good"].intervals)
        (warning,) = board.warnings
        assert warning.startswith("The log loss of perfect has no interval: it is the same on every test track")
        assert warning in str(board)
    board.figure()
    write(store, store.root.parent / "report")
    (file,) = (store.root.parent / "report" / "boards").glob("*.html")
    page = file.read_text(encoding="utf-8")
    assert "too few" not in page and "The log loss of perfect has no interval" in page.replace("&#39;", "'")

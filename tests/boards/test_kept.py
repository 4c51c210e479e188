"""Boards that are shown again: the same ones, without reading a run, until something has changed."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from genrebench.boards import kept
from genrebench.boards.board import boards as computed
from genrebench.boards.board_metrics import BoardMetrics
from genrebench.plugin.datasets import Reference
from genrebench.runs.reader_cache import write_cached
from genrebench.runs.store import RunStore


@pytest.fixture
def store(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> RunStore:
    store = RunStore(tmp_path / "runs")
    for i in range(4):
        add(store, make_run, make_predictions, f"run-{i}", model=f"model-{i % 2}", seed=i, skill=i % 2)
    add(store, make_run, make_predictions, "elsewhere", fingerprint="f1", dataset="other")
    return store


def add(store: RunStore, make_run: Callable, make_predictions: Callable, name: str, skill: float = 1, **task: Any) -> None:
    predictions = make_predictions(skill=skill, seed=len(name), per_artist=2)
    store.add(make_run(name, predictions=predictions, **task), predictions)


def shown(store: RunStore, *words: str | None, **options: Any) -> tuple[list[Any], list[str], bool]:
    """What is shown, and whether runs were read for it."""
    read: list[str] = []

    def progress(items: Iterable[Any], description: str, total: int | None = None) -> Iterable[Any]:
        read.append(description)
        return items

    found, problems = kept.boards([store], *words, progress=progress, **options)
    return [(board, board.to_json(), board.to_text(100)) for board in found], problems, bool(read)


def test_boards_are_shown_again_without_reading_a_run(store: RunStore) -> None:
    first, problems, read = shown(store)
    assert read
    assert len(first) == 2
    assert shown(store) == (first, problems, False)
    assert [board for board, _, _ in first] == computed(store)[0]


def test_a_choice_of_boards_is_kept_by_itself(store: RunStore) -> None:
    assert shown(store)[2]
    (one,), _, read = shown(store, "other")
    assert read
    assert one[0].task.dataset == "other"
    assert not shown(store, "other")[2]
    assert not shown(store)[2]
    assert shown(store, None, "first-80")[0] == []


def test_references_and_metrics_are_those_of_today(store: RunStore) -> None:
    shown(store, "other")
    reference = Reference("published", "test", 1.0, 0.5)
    ((board, _, _),), _, read = shown(store, "other", references={"other": (reference,)}, metrics=BoardMetrics((), ()))
    assert not read
    assert board.references == (reference,)
    assert board.columns != shown(store, "other")[0][0][0].columns


def test_any_change_of_the_runs_is_seen(store: RunStore, make_run: Callable, make_predictions: Callable) -> None:
    def rows() -> list[tuple[str, ...]]:
        (board, _, _), *_ = shown(store, "music")[0]
        return sorted(row.runs for row in board.rows if row.runs)

    assert rows() == [("run-0", "run-2"), ("run-1", "run-3")]
    add(store, make_run, make_predictions, "new", model="model-2")
    assert rows() == [("new",), ("run-0", "run-2"), ("run-1", "run-3")]
    shutil.rmtree(store.root / "new")
    assert rows() == [("run-0", "run-2"), ("run-1", "run-3")]
    file = store.root / "run-1" / "predictions.csv"
    stat = file.stat()
    file.write_bytes(file.read_bytes().replace(b"0.", b"0,", 1))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as large and as old as before
    _, problems, _ = shown(store, "music")
    assert "changed after the run" in problems[0]
    assert shown(store, "music")[1] == problems
    assert rows() == [("run-0", "run-2"), ("run-3",)]


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"stamp": 1}', b"null"])
def test_a_damaged_entry_is_computed_again(store: RunStore, damaged: bytes) -> None:
    first = shown(store)[0]
    write_cached(damaged, kept.CACHE, [str(store.root)], None, None)
    assert shown(store) == (first, [], True)

"""Runs are found by ids, beginnings of ids, `latest` and `MODEL@latest`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from genrebench.errors import GenrebenchError, StoreError, UsageError
from genrebench.runs.lookup import find_run
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore

IDS = (
    "svm-baseline-20260103-101010-aaaa",
    "svm-baseline-20260102-101010-bbbb",
    "svm-grouped-20260101-101010-cccc",
    "mfcc-frames-20260104-101010-dddd",
)


@pytest.fixture
def store(tmp_path: Path, make_run: Callable[..., Run]) -> RunStore:
    store = RunStore(tmp_path / "runs")
    for id_ in IDS:
        day = id_.split("-")[2]
        store.begin(make_run(id_, model=id_.rsplit("-", 3)[0], started=f"{day[:4]}-{day[4:6]}-{day[6:]}T10:10:10+00:00"))
    return store


@pytest.mark.parametrize(
    ("name", "index"),
    [
        *((id_, i) for i, id_ in enumerate(IDS)),
        ("mfcc", 3),
        ("svm-g", 2),
        ("svm-baseline-20260102", 1),
        ("latest", 3),
        ("svm-baseline@latest", 0),
        ("svm-grouped@latest", 2),
    ],
)
def test_a_run_is_found(name: str, index: int, store: RunStore) -> None:
    assert find_run([store], name) == (store, IDS[index])


def test_an_ambiguous_beginning_lists_the_candidates(store: RunStore) -> None:
    with pytest.raises(UsageError) as raised:
        find_run([store], "svm-baseline")
    assert f"{IDS[0]}, {IDS[1]}; give more of the id, or svm-baseline@latest" in str(raised.value)
    with pytest.raises(UsageError) as raised:
        find_run([store], "svm")
    assert all(id_ in str(raised.value) for id_ in IDS[:3])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bbbb", f"did you mean {IDS[1]}?"),
        ("20260101", f"did you mean {IDS[2]}?"),
        ("SVM-grouped", f"did you mean {IDS[2]}?"),
        (IDS[3].replace("dddd", "dddc"), f"did you mean {IDS[3]}"),
        ("mfc-frames@latest", "did you mean mfcc-frames@latest?"),
        ("nothing-like-it", "runs list"),
        ("../data", "isn't a run id"),
        ("", "isn't a run id"),
    ],
)
def test_the_run_that_was_meant_is_named(name: str, hint: str, store: RunStore) -> None:
    with pytest.raises(GenrebenchError) as raised:
        find_run([store], name)
    assert hint in str(raised.value)


def test_the_first_of_two_folders_takes_precedence_and_latest_means_both(
    store: RunStore, tmp_path: Path, make_run: Callable[..., Run]
) -> None:
    other = RunStore(tmp_path / "other")
    other.begin(make_run(IDS[0], model="svm-baseline", started="2026-01-09T00:00:00+00:00"))
    assert find_run([store, other], IDS[0])[0] is store
    assert find_run([store, other], "latest") == (other, IDS[0])


def test_an_empty_folder_has_no_latest_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there are no runs in .*; start with: genrebench run MODEL"):
        find_run([RunStore(tmp_path / "runs")], "latest")

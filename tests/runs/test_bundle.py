"""Runs exported in one folder and imported in another: same scores, same board; what was changed is refused."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

import genrebench as gb
from genrebench.errors import GenrebenchError, StoreError, UsageError
from genrebench.runs.predictions import predictions_to_csv
from tests import tiny


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """A folder of two runs, one of which has two folds, and the bundle of both."""
    folder = tmp_path_factory.mktemp("lab-a")
    table = tiny.write_table(folder / "music", n=40)
    runs = folder / "runs"
    ids = [
        gb.run({"bayes": GaussianNB()}, table, runs=runs)[0].id,
        gb.run({"bayes": GaussianNB()}, table, split="artist-cv5", seed=3, runs=runs)[0].id,
    ]
    gb.export_runs(ids, folder / "a.zip", by="Lab A", runs=runs)
    return folder / "a.zip", runs, ids


def test_same_scores_and_same_board(exported: Any, tmp_path: Path) -> None:
    bundle, runs, ids = exported
    found = gb.import_runs(bundle, runs=tmp_path / "runs")
    assert [run.id for run in found.runs] == ids
    assert (found.skipped, found.unchecked) == ((), ())
    for run in found.runs:
        assert run.metrics == gb.load_run(run.id, runs=runs).metrics
        assert run.record.lab == "Lab A"
    here, there = gb.leaderboard(runs=runs), gb.leaderboard(runs=tmp_path / "runs")
    for own, theirs in zip(here, there, strict=True):
        assert own.task.fingerprint == theirs.task.fingerprint
        for a, b in zip(own.rows, theirs.rows, strict=True):
            assert (a.rank, a.scores, a.intervals, a.rank_interval) == (b.rank, b.scores, b.intervals, b.rank_interval)
        (row,) = [row for row in theirs.rows if row.runs]
        assert row.lab == "Lab A"
        assert "run by Lab A" in theirs.tables()[0].rows[row.rank - 1][-1]
        assert "by Lab A" in row.label
    again = gb.import_runs(bundle, runs=tmp_path / "runs")
    assert (len(again.runs), list(again.skipped)) == (0, ids)


def test_boards_of_two_labs_merge_by_fingerprint(exported: Any, tmp_path: Path) -> None:
    bundle, runs, ids = exported
    own = tmp_path / "own"
    gb.run({"bayes": GaussianNB()}, runs.parent / "music", runs=own)
    gb.import_runs(bundle, by="the others", runs=own)
    boards = gb.leaderboard(runs=own)
    (both,) = [board for board in boards if sum(bool(row.runs) for row in board.rows) == 2]
    assert sorted(row.lab for row in both.rows if row.runs) == ["", "the others"]
    assert gb.compare(ids[0], next(row.runs[0] for row in both.rows if row.runs and not row.lab), runs=own).difference == 0
    again = gb.run({"bayes": GaussianNB()}, runs.parent / "music", split="artist-cv5", seed=3, runs=own, resume=True)
    assert again[0].id != ids[1]  # the run of another lab isn't one's own finished run


def test_the_same_runs_make_the_same_file(exported: Any, tmp_path: Path) -> None:
    bundle, runs, ids = exported
    gb.export_runs(ids, tmp_path / "b.zip", by="Lab A", runs=runs)
    assert (tmp_path / "b.zip").read_bytes() == bundle.read_bytes()


def test_what_cannot_be_exported(exported: Any, tmp_path: Path) -> None:
    _, runs, ids = exported
    with pytest.raises(StoreError, match="there is no run 'nobody'"):
        gb.export_runs("nobody", tmp_path / "x.zip", runs=runs)
    with pytest.raises(UsageError, match="isn't a name for a lab"):
        gb.export_runs(ids[0], tmp_path / "x.zip", by="\x1b[2J", runs=runs)
    with pytest.raises(UsageError, match="each once"):
        gb.export_runs([ids[0], ids[0]], tmp_path / "x.zip", runs=runs)
    with pytest.raises(UsageError, match=r"there is no folder|doesn't exist"):
        gb.export_runs(ids[0], tmp_path / "no" / "x.zip", runs=runs)
    assert not (tmp_path / "x.zip").exists()


def test_without_the_dataset_labels_are_unchecked_or_checked_against_own_runs(exported: Any, tmp_path: Path) -> None:
    bundle, _, ids = exported
    bare = rewritten(bundle, tmp_path / "bare.zip", lambda name, data: None if name.endswith("task.json") else data)
    found = gb.import_runs(bare, runs=tmp_path / "empty")
    assert list(found.unchecked) == ids
    assert any("couldn't be checked" in note for note in found.notes())
    assert found.runs[0].record.lab == "Lab A"


# ------------------------------------------------------------------ what is refused


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A bundle with members changed, or left out where `change` returns None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


def with_changes(source: Path, target: Path, run_id: str, **change: Any) -> Path:
    """A bundle in which one run has other predictions, and a record whose checksum and scores fit them."""
    from genrebench.evaluation import metrics
    from genrebench.runs.predictions import predictions_from_csv, test_counts

    def forge(name: str, data: bytes) -> bytes:
        if not name.startswith(f"runs/{run_id}/"):
            return data
        with zipfile.ZipFile(source) as archive:
            predictions = replace(predictions_from_csv(archive.read(f"runs/{run_id}/predictions.csv")), **change)
        csv = predictions_to_csv(predictions)
        if name.endswith("predictions.csv"):
            return csv
        if name.endswith("run.json"):
            record = json.loads(data)
            record["predictions"] |= {
                "sha256": hashlib.sha256(csv).hexdigest(),
                "test_counts": test_counts(predictions),
            }
            record["metrics"] |= metrics.evaluate(predictions.labels, predictions.probabilities)
            return json.dumps(record).encode()
        return data

    return rewritten(source, target, forge)


def refused(bundle: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(GenrebenchError, match=message) as caught:
        gb.import_runs(bundle, runs=tmp_path / "target")
    assert str(caught.value).isprintable()
    assert not list((tmp_path / "target").glob("*"))


def test_a_changed_prediction_is_refused(exported: Any, tmp_path: Path) -> None:
    bundle, _, _ = exported

    def flip(name: str, data: bytes) -> bytes:
        return data.replace(b"0.9", b"0.8", 1) if name.endswith("predictions.csv") else data

    changed = rewritten(bundle, tmp_path / "x.zip", flip)
    refused(changed, tmp_path, r"nothing is imported from .*predictions.csv was changed")


def test_scores_that_the_predictions_do_not_give_are_refused(exported: Any, tmp_path: Path) -> None:
    bundle, _, _ = exported

    def better(name: str, data: bytes) -> bytes:
        if not name.endswith("run.json"):
            return data
        record = json.loads(data)
        record["metrics"]["log_loss"] /= 2
        return json.dumps(record).encode()

    refused(rewritten(bundle, tmp_path / "x.zip", better), tmp_path, "says log_loss .* instead of")


def test_labels_that_suit_the_predictions_are_refused_by_the_fingerprint(exported: Any, tmp_path: Path) -> None:
    bundle, runs, ids = exported
    predictions = gb.load_run(ids[0], runs=runs).predictions
    labels = predictions.probabilities.argmax(axis=1)
    labels[0] = (labels[0] + 1) % 3
    forged = with_changes(bundle, tmp_path / "x.zip", ids[0], labels=labels)
    refused(forged, tmp_path, "aren't those of the tracks and labels of its task")
    bare = rewritten(forged, tmp_path / "bare.zip", lambda name, data: None if name.endswith("task.json") else data)
    gb.import_runs(bundle, runs=tmp_path / "own")
    other = rewritten(
        bare,
        tmp_path / "other.zip",
        lambda name, data: data.replace(ids[0].encode(), b"another-id") if "json" in name else data,
    )
    renamed = tmp_path / "renamed.zip"
    with zipfile.ZipFile(other) as old, zipfile.ZipFile(renamed, "w") as new:
        for name in old.namelist():
            new.writestr(name.replace(ids[0], "another-id"), old.read(name))
    with pytest.raises(UsageError, match=r"aren't those of '.*', which has the same task"):
        gb.import_runs(renamed, runs=tmp_path / "own")


def test_tracks_left_out_or_another_task_json_are_refused(exported: Any, tmp_path: Path) -> None:
    bundle, runs, ids = exported
    predictions = gb.load_run(ids[0], runs=runs).predictions
    keep = slice(1, None)
    cut = with_changes(
        bundle,
        tmp_path / "x.zip",
        ids[0],
        ids=predictions.ids[keep],
        labels=predictions.labels[keep],
        folds=predictions.folds[keep],
        probabilities=predictions.probabilities[keep],
        groups=None if predictions.groups is None else predictions.groups[keep],
    )
    refused(cut, tmp_path, "another number of test tracks|aren't those of the tracks")

    def other_task(name: str, data: bytes) -> bytes:
        return data.replace(b'"a"', b'"b"', 1) if name.endswith("task.json") else data

    refused(rewritten(bundle, tmp_path / "y.zip", other_task), tmp_path, "doesn't fit its fingerprint")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"", "isn't a bundle"),
        (b"[]", "isn't a bundle"),
        (b'{"format": 1, "by": 3, "runs": ["a"]}', "isn't a bundle"),
        (b'{"format": 1, "by": "", "runs": []}', "isn't a bundle"),
        (b'{"format": 1, "by": "", "runs": ["../up"]}', "belongs to no run|isn't a run id"),
        (b'{"format": 99, "by": "", "runs": ["a"]}', "newer version"),
        (b'{"format": 1, "by": "a\\u001bb", "runs": ["a"]}', "isn't a name for a lab"),
    ],
)
def test_a_manifest_that_is_none_is_refused(exported: Any, tmp_path: Path, manifest: bytes, message: str) -> None:
    changed = rewritten(exported[0], tmp_path / "x.zip", lambda name, data: manifest if name == "manifest.json" else data)
    refused(changed, tmp_path, message)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "runs/x/run.json", "runs/evil", "readme.txt", "runs/{id}/extra.py"])
def test_files_that_belong_to_no_run_are_refused(exported: Any, tmp_path: Path, name: str) -> None:
    bundle, _, ids = exported
    copy = rewritten(bundle, tmp_path / "x.zip", lambda _, data: data)
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr(name.format(id=ids[0]), "evil")
    refused(copy, tmp_path, "nothing is imported")
    assert not list(tmp_path.rglob("*evil*"))


def test_links_bombs_and_damage_are_refused(exported: Any, tmp_path: Path) -> None:
    bundle, _, ids = exported
    link = zipfile.ZipInfo(f"runs/{ids[0]}/model/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    copy = rewritten(bundle, tmp_path / "link.zip", lambda _, data: data)
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(copy, tmp_path, "is a link or a device")
    bomb = rewritten(bundle, tmp_path / "bomb.zip", lambda _, data: data)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(f"runs/{ids[0]}/model/x", "w") as member:
        for _ in range(120):
            member.write(bytes(2**20))
    refused(bomb, tmp_path, "unpacks to")
    (tmp_path / "text.zip").write_text("hello")
    refused(tmp_path / "text.zip", tmp_path, "is no zip file")
    refused(tmp_path / "absent.zip", tmp_path, "is missing")
    cut = tmp_path / "cut.zip"
    rng = np.random.default_rng(0)
    whole = bundle.read_bytes()
    for _ in range(60):  # whatever is damaged, the runs are refused or whole
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 3):
            damaged[position] ^= 1 << int(rng.integers(8))
        cut.write_bytes(damaged)
        try:
            found = gb.import_runs(cut, runs=tmp_path / "damaged")
        except GenrebenchError:
            continue
        for run in found.runs:
            assert run.predictions.ids
            gb.remove_runs(run)


def test_a_baseline_s_name_and_another_run_of_the_same_id_are_refused(exported: Any, tmp_path: Path) -> None:
    bundle, runs, ids = exported

    def rename(name: str, data: bytes) -> bytes:
        return data.replace(b'"name": "bayes"', b'"name": "uniform"') if name.endswith("run.json") else data

    refused(rewritten(bundle, tmp_path / "x.zip", rename), tmp_path, "is called 'uniform', as a baseline is")
    predictions = gb.load_run(ids[0], runs=runs).predictions
    mixed = (predictions.probabilities + 1 / 3) / 2
    gb.import_runs(with_changes(bundle, tmp_path / "y.zip", ids[0], probabilities=mixed), runs=tmp_path / "own")
    with pytest.raises(StoreError, match=f"there is another run '{ids[0]}'"):
        gb.import_runs(bundle, runs=tmp_path / "own")

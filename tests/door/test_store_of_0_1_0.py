"""Runs written by version 0.1.0 give the same scores, ranks, differences and predictions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import genrebench as gb

MODELS = ("svm-baseline", "cnn-raw", "mfcc-frames")
UNCERTAINTY = ("_interval", "tied", "smallest_difference", "interval", "p_value", "p_adjusted", "sentence")
CHANGED = {"references"}
"""Keys that differ intentionally: published scores are shown only on boards of the dataset on which they were measured;
intervals and tests are others, since those of 0.1.0 didn't hold where artists are unequal, losses skewed or seeds several."""


@pytest.fixture
def store(real_data: Path, tmp_path: Path) -> Path:
    """A writable copy, since boards write caches into the runs folder."""
    folder = tmp_path / "runs"
    shutil.copytree(real_data / "store-0.1.0" / "runs", folder, copy_function=shutil.copyfile)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def expected(real_data: Path, name: str) -> Any:
    return json.loads((real_data / "store-0.1.0" / f"{name}.json").read_text())


def agree(new: Any, old: Any, tolerance: float, where: str = "") -> None:
    """Assert that all values of 0.1.0 are unchanged, numbers within the tolerance; additional keys are allowed."""
    if isinstance(old, dict):
        for key in old.keys() - CHANGED:
            if key.startswith(UNCERTAINTY) or key.endswith(UNCERTAINTY):
                continue
            assert key in new, f"{where}.{key}"
            agree(new[key], old[key], tolerance, f"{where}.{key}")
    elif isinstance(old, list):
        assert len(new) == len(old), where
        for number, (new_item, old_item) in enumerate(zip(new, old, strict=True)):
            agree(new_item, old_item, tolerance, f"{where}[{number}]")
    elif isinstance(old, float):
        assert new == pytest.approx(old, abs=tolerance, rel=0), where
    else:
        assert new == old, where


def test_the_same_boards(store: Path, real_data: Path) -> None:
    boards = gb.leaderboard(runs=store)
    assert boards.problems == ()
    agree(json.loads(json.dumps(boards.to_json())), expected(real_data, "leaderboard"), 1e-9)


def test_the_same_comparison(store: Path, real_data: Path) -> None:
    comparison = gb.compare("mfcc-frames", "svm-baseline", runs=store)
    agree(json.loads(json.dumps(comparison.to_json())), expected(real_data, "compare"), 1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_the_same_predictions(model: str, store: Path, real_data: Path) -> None:
    runs = [one for one in gb.list_runs(runs=store) if one.record.model.name == model and one.record.task.split == "official"]
    (run,) = [one for one in runs if one.record.seed == 0]
    old = expected(real_data, f"predict-{model}")
    clips = [real_data / "fma" / "clips" / Path(one["file"]).name for one in old]
    new = gb.predict(clips, run)
    for one, other in zip(new.to_json(), old, strict=True):
        assert (one["genre"], one["problem"]) == (other["genre"], other["problem"])
        # also for FMA's clips of 30.0027 s, which new runs take whole
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)


def test_the_same_record(store: Path, real_data: Path) -> None:
    """`runs show` shows the content of run.json, including the curves of version 0.1.0."""
    for run in gb.list_runs(runs=store):
        record = json.loads((store / run.id / "run.json").read_text())
        agree(run.to_json(), {key: record[key] for key in ("status", "task", "model", "seed", "metrics", "timings")}, 0.0)
        assert list(run.curves) == record["curves"]
    with_curves = [run for run in gb.list_runs(runs=store) if run.curves]
    assert {run.record.model.name for run in with_curves} == {"cnn-raw", "mfcc-frames"}

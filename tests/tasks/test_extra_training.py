"""More training tracks for small genres: whose they may be, how many, and what doesn't change."""

import csv
from pathlib import Path

import numpy as np
import pytest

import genrebench as gb
from genrebench.datasets import require_audio
from genrebench.errors import DataError, UsageError
from genrebench.records import Dataset, FeatureValues, Track
from genrebench.runs.record import ExtraTrainingRecord, TaskRecord
from genrebench.tasks.audit import shared_artists
from genrebench.tasks.task import make_task


def dataset(name: str, tracks: list[Track], **more: object) -> Dataset:
    def features() -> FeatureValues:
        values = np.array([[float(sum(map(ord, track.id)))] for track in tracks])
        return FeatureValues(tuple(track.id for track in tracks), (("x",),), values)

    return Dataset(name, "1", tuple(tracks), ("big", "mid", "small"), load_features=features, **more)  # type: ignore[arg-type]


SIZES = {"big": 30, "mid": 20, "small": 5}
MEDIUM = [Track(f"{g}{i}", g, f"{g} artist {i}") for g, n in SIZES.items() for i in range(n)]
MORE = [Track(f"new-{g}{i}", g, f"new {g} {i // 2}") for g in SIZES for i in range(12)]
BY_TESTED = [Track(f"shared{i}", "small", f"small artist {i}") for i in range(5)]
medium, large = dataset("medium", MEDIUM), dataset("large", MEDIUM + MORE + BY_TESTED)


def test_small_genres_are_filled_up_to_the_median_by_artists_that_are_in_no_other_part(tmp_path: Path) -> None:
    plain = make_task(medium, tmp_path, split="artist")
    task = make_task(medium, tmp_path, split="artist", extra_dataset=large)
    (before,), (after,) = plain.split.folds, task.split.folds
    assert (after.validation, after.test) == (before.validation, before.test)
    added = set(after.training) - set(before.training)
    assert set(before.training) < set(after.training)
    assert {task.dataset.load_features is not None} == {True}
    genre = {track.id: track.genre for track in task.dataset.tracks}
    assert {genre[id_] for id_ in added} == {"small"}
    sizes = {g: sum(genre[id_] == g for id_ in after.training) for g in SIZES}
    assert sizes["small"] == sizes["mid"]
    assert task.extra is not None and task.extra.added == {"small": len(added)}
    assert {genre: set(ids) for genre, ids in task.extra.ids.items()} == {"small": added}
    assert shared_artists(task.dataset, task.split) == 0
    assert task.fingerprint != plain.fingerprint
    assert task.dataset.load_features is not None
    values = task.dataset.load_features()
    assert set(values.ids) == {track.id for track in task.dataset.tracks}
    assert all(values.values[i, 0] == sum(map(ord, id_)) for i, id_ in enumerate(values.ids))


def test_held_out_parts_of_the_larger_dataset_never_train(tmp_path: Path) -> None:
    official = {track.id: "test" if track.id.startswith("new-small") else "training" for track in large.tracks}
    held = dataset("large", list(large.tracks), official=official)
    task = make_task(medium, tmp_path, split="artist", extra_dataset=held)
    assert not any(id_.startswith("new-small") for id_ in task.split.folds[0].training)


def test_the_record_says_which_tracks_were_added_and_from_where(tmp_path: Path) -> None:
    task = make_task(medium, tmp_path, split="artist", extra_dataset=large, extra_source="./big/large")
    assert task.extra is not None
    assert TaskRecord.of(task).extra_training == ExtraTrainingRecord(
        dataset="large", source="./big/large", added=task.extra.added, ids={"small": task.extra.ids["small"]}
    )
    assert TaskRecord.of(make_task(medium, tmp_path, split="artist")).extra_training is None


def test_features_of_two_kinds_are_refused(tmp_path: Path) -> None:
    one, other = (dataset(name, list(large.tracks), feature_source=f"of {name}") for name in ("clips", "full tracks"))
    with pytest.raises(DataError, match=r"clips has features \(of clips\) and full tracks has features \(of full tracks\)"):
        make_task(one, tmp_path, split="artist", extra_dataset=other)
    bare = Dataset("bare", "1", large.tracks, large.genres)
    with pytest.raises(DataError, match=r"bare has no features.*--extra-training"):
        make_task(medium, tmp_path, split="artist", extra_dataset=bare)


def test_audio_that_only_the_larger_dataset_lacks_is_reported_for_it(tmp_path: Path) -> None:
    clip = tmp_path / "clip.wav"
    clip.touch()
    with_audio = dataset("fma-medium", [Track(t.id, t.genre, t.artist, clip) for t in MEDIUM])
    task = make_task(with_audio, tmp_path, split="artist", extra_dataset=dataset("fma-large", [*with_audio.tracks, *MORE]))
    with pytest.raises(
        DataError,
        match=r"^the audio of fma-large isn't on this machine; get it with: genrebench data get fma-large, or name",
    ):
        require_audio(task.dataset, task.dataset.tracks, task.extra)


def test_nothing_to_add_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--extra-training"):
        make_task(medium, tmp_path, split="artist", extra_dataset=medium)


def test_a_model_outside_python_gets_the_added_tracks_and_the_row_stands_on_the_same_board(tmp_path: Path) -> None:
    task = gb.write_split(medium, tmp_path / "split.csv", split="artist", extra_training=large)
    with (tmp_path / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["track_id"] for row in rows if row["part"] == "training"} == set(task.split.folds[0].training)
    assert any(row["track_id"].startswith("new-small") for row in rows)
    lines = [f"{row['track_id']},0.5,0.25,0.25" for row in rows if row["part"] == "test"]
    (tmp_path / "predicted.csv").write_text("\n".join(["track_id,big,mid,small", *lines]))
    scored = gb.score(
        tmp_path / "predicted.csv", medium, split="artist", extra_training=large, name="in-r", runs=tmp_path / "runs"
    )
    assert scored.record.task.fingerprint == task.fingerprint

"""More training tracks for small genres: whose they may be, how many, and what doesn't change."""

from pathlib import Path

import numpy as np
import pytest

from genrebench.errors import UsageError
from genrebench.records import Dataset, FeatureValues, Track
from genrebench.splits import shared_artists
from genrebench.tasks import make_task


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
    task = make_task(medium, tmp_path, split="artist", larger=large)
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
    assert shared_artists(task.dataset, task.split) == 0
    assert task.fingerprint != plain.fingerprint
    assert task.dataset.load_features is not None
    values = task.dataset.load_features()
    assert set(values.ids) == {track.id for track in task.dataset.tracks}
    assert all(values.values[i, 0] == sum(map(ord, id_)) for i, id_ in enumerate(values.ids))


def test_held_out_parts_of_the_larger_dataset_never_train(tmp_path: Path) -> None:
    official = {track.id: "test" if track.id.startswith("new-small") else "training" for track in large.tracks}
    held = dataset("large", list(large.tracks), official=official)
    task = make_task(medium, tmp_path, split="artist", larger=held)
    assert not any(id_.startswith("new-small") for id_ in task.split.folds[0].training)


def test_nothing_to_add_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--extra-training"):
        make_task(medium, tmp_path, split="artist", larger=medium)

"""Artists that are none, segments of one recording, and copies: what a task makes of them and says."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.errors import DataError, UsageError
from genrebench.records import Dataset, FeatureValues, Track
from genrebench.tasks.audit import untested
from genrebench.tasks.copies import copies, copy_remarks, row_keys
from genrebench.tasks.grouping import group, merged
from genrebench.tasks.splits import make_split
from genrebench.tasks.task import make_task


def music(tracks: list[Track], rows: np.ndarray | None = None, official: dict[str, str] | None = None) -> Dataset:
    def load() -> FeatureValues:
        assert rows is not None
        return FeatureValues(tuple(track.id for track in tracks), tuple((f"x{i}",) for i in range(rows.shape[1])), rows)

    genres = tuple(sorted({track.genre for track in tracks}))
    return Dataset("music", "1", tuple(tracks), genres, official or {}, load_features=None if rows is None else load)


def segmented(n_songs: int = 6, n_segments: int = 4, artist: str | None = None) -> Dataset:
    names = [f"{genre}.{i:05d}.{k}" for genre in ("blues", "rock") for i in range(n_songs) for k in range(n_segments)]
    rows = np.random.default_rng(0).normal(size=(len(names), 6))
    return music([Track(name, name.split(".")[0], artist) for name in names], rows)


def song(id_: str) -> str:
    return id_.rpartition(".")[0]


@given(st.integers(3, 9), st.integers(2, 6), st.integers(0, 5), st.sampled_from(["artist", "artist-cv5", None]))
@settings(max_examples=30, deadline=None)
def test_no_recording_is_in_two_parts(n_songs, n_segments, seed, name):
    dataset = group(segmented(n_songs, n_segments)).dataset
    split = make_split(dataset, name, seed)
    assert split.name in ("artist", "artist-cv5")
    for fold in split.folds:
        parts = [{song(id_) for id_ in ids} for ids in (fold.training, fold.validation, fold.test)]
        assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
        assert parts[2]


def test_a_task_says_what_it_inferred(tmp_path):
    task = make_task(segmented(), tmp_path)
    assert task.split.name == "artist"
    assert task.shared_artists == 0
    assert task.segments == "together"
    assert "48 tracks seem to be segments of 12 recordings" in task.split.warnings[0]
    assert "by names such as those of 'blues.00000.0' and 'blues.00000.1'" in task.split.warnings[0]
    assert len(task.split.warnings) == 1


@pytest.mark.parametrize("arguments", [{"segments": "apart"}, {"split": "stratified"}])
def test_segments_in_several_parts_are_told(tmp_path, arguments):
    task = make_task(segmented(), tmp_path, **arguments)
    assert task.split.name == "stratified"
    tested = set(task.split.folds[0].test)
    trained = {song(id_) for id_ in (*task.split.folds[0].training, *task.split.folds[0].validation)}
    touched = sum(song(id_) in trained for id_ in tested)
    assert touched > 0
    assert f"{touched} of {len(tested)} test tracks seem to be segments of recordings" in task.split.warnings[-1]
    assert ("--segments together" in task.split.warnings[-1]) == ("segments" in arguments)


def test_apart_is_the_task_of_a_dataset_without_segments(tmp_path):
    apart = make_task(segmented(), tmp_path, segments="apart")
    assert {track.artist for track in apart.dataset.tracks} == {None}
    assert make_task(segmented(), tmp_path).fingerprint != apart.fingerprint


def test_known_artists_are_left_as_they_are():
    dataset = segmented(artist="Ann")
    grouped = group(dataset)
    assert grouped.dataset.tracks == dataset.tracks
    assert grouped.remarks == ()


def test_tracks_without_a_genre_are_in_no_task_and_in_no_recording():
    tracks = [Track(track.id, "") for track in segmented().tracks]
    assert group(music(tracks)).recordings == {}


def test_names_and_sound_together_make_recordings():
    by_name = {"a0": "a", "a1": "a", "b0": "b", "b1": "b"}
    assert merged([by_name, {"a1": "x", "b0": "x", "c": "y", "d": "y"}]) == {
        **dict.fromkeys(("a0", "a1", "b0", "b1"), "a"),
        **dict.fromkeys(("c", "d"), "y"),
    }


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"), max_size=6), max_size=4))
def test_recordings_that_share_a_track_are_one(sources):
    result = merged(sources)
    assert result.keys() == {id_ for source in sources for id_ in source}
    for source in sources:
        for one in source:
            for other in source:
                assert source[one] != source[other] or result[one] == result[other]


def test_segments_other_than_together_and_apart_are_refused():
    with pytest.raises(UsageError, match="'maybe' is neither 'together' nor 'apart'"):
        group(segmented(), "maybe")


def test_a_recording_never_takes_the_name_of_an_artist():
    tracks = [*segmented().tracks, Track("x", "rock", "blues.00000"), Track("y", "blues", "Bob")]
    artists = {track.id: track.artist for track in group(music(tracks)).dataset.tracks}
    assert artists["blues.00000.0"] == artists["blues.00000.1"] != artists["x"]


@given(st.sampled_from(["Unknown Artist", "various artists", "n/a", "-", "[unknown]"]), st.booleans())
@settings(max_examples=10, deadline=None)
def test_an_artist_that_is_none_counts_as_unknown(tmp_path_factory, name, some):
    rows = np.random.default_rng(0).normal(size=(40, 6))
    tracks = [Track(f"t{i}x", "ab"[i % 2], f"artist {i // 4}" if some and i % 4 < 2 else name) for i in range(40)]
    blank = [Track(t.id, t.genre, None if t.artist == name else t.artist) for t in tracks]
    home = tmp_path_factory.mktemp("home")
    task, expected = make_task(music(tracks, rows), home), make_task(music(blank, rows), home)
    assert task.fingerprint == expected.fingerprint
    assert task.split.name == ("artist" if some else "stratified")
    assert task.split.folds == expected.split.folds
    assert f"the artist {name!r}" in task.split.warnings[0]


def test_a_recording_of_two_genres_is_told():
    dataset = segmented()
    tracks = [Track(t.id, "rock" if t.id == "blues.00001.2" else t.genre) for t in dataset.tracks]
    texts = [remark.detail for remark in group(music(tracks)).remarks if remark.kind == "two-genres"]
    assert texts == ["segments of one recording have different genres, such as those of 'blues.00001': blues (3), rock (1)"]


def test_extra_training_isn_t_added_where_only_recordings_are_known(tmp_path: Path):
    small = segmented()
    more = music([Track(f"more{i}", "rock", f"artist {i}") for i in range(9)], np.ones((9, 6)))
    with pytest.raises(UsageError, match="held-out tracks without an artist"):
        make_task(small, tmp_path, extra_dataset=more)


# ------------------------------------------------------------------ copies


def values(rows: np.ndarray) -> FeatureValues:
    return FeatureValues(tuple(map(str, range(len(rows)))), tuple((f"x{i}",) for i in range(rows.shape[1])), rows)


@given(st.integers(2, 20), st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=6))
def test_equal_rows_are_copies(n, pairs):
    rows = np.random.default_rng(1).normal(size=(n, 5))
    origin = list(range(n))
    for one, other in pairs:
        rows[other % n], origin[other % n] = rows[one % n], origin[one % n]
    expected = [[str(i) for i in range(n) if origin[i] == o] for o in dict.fromkeys(origin) if origin.count(o) > 1]
    assert copies(row_keys(values(rows)), list(map(str, range(n)))) == expected


@pytest.mark.parametrize(
    "row", [[0, 0, 0, 0, 0], [1, 2, 3, 4, 5], [0.5, 0.5, 0.5, 1, 1], [0.1, np.nan, 1, 2, 3], [0.1, np.inf, 1, 2, 3]]
)
def test_rows_that_tell_nothing_are_no_copies(row):
    assert row_keys(values(np.array([row, row], dtype=float))) == {}


def test_minus_zero_is_zero():
    keys = row_keys(values(np.array([[0.0, 0.5, 1, 2, 3], [-0.0, 0.5, 1, 2, 3]])))
    assert keys["0"] == keys["1"]


def test_copies_in_several_parts_and_genres_are_told():
    tracks = [Track(str(i), "ab"[i % 2]) for i in range(8)]
    rows = np.random.default_rng(2).normal(size=(8, 5))
    rows[6], rows[7] = rows[0], rows[2]  # 6 tests what 0 trained, of one genre; 7 what 2 trained, of another
    parts = {str(i): "training" if i < 4 else "validation" if i < 6 else "test" for i in range(8)}
    dataset = music(tracks, rows, parts)
    first, second = copy_remarks(dataset, make_split(dataset), row_keys(values(rows)), "feature row")
    assert first.detail.startswith(
        "2 of 2 test tracks have the same feature row as a training or validation track, such as '6' and '0'"
    )
    assert second.detail.startswith("one feature row has two genres, such as that of '2' (a) and '7' (b)")
    rows[4], rows[6], rows[7] = rows[0], rows[1] + 0.5, rows[2] + 0.5  # 4 validates what 0 trained, of one genre
    assert copy_remarks(dataset, make_split(dataset), row_keys(values(rows)), "feature row") == []


def test_a_dataset_without_artists_and_segments_keeps_its_fingerprint(tmp_path):
    tracks = [Track(f"{g}.{i:05d}", g) for g in ("blues", "rock") for i in range(20)]
    task = make_task(music(tracks, np.random.default_rng(5).normal(size=(40, 5))), tmp_path)
    assert task.split.warnings == ()
    assert task.fingerprint == FINGERPRINT


FINGERPRINT = "7fd6014b79332c81"
"""As it was before segments were looked for."""


# ------------------------------------------------------------------ no test track


def test_one_artist_leaves_nothing_to_test(tmp_path):
    tracks = [Track(f"t{i}x", "ab"[i % 2], "Ann") for i in range(20)]
    task = make_task(music(tracks, np.random.default_rng(0).normal(size=(20, 5))), tmp_path)
    reason = untested(task.dataset, task.split)
    assert reason is not None and "all tracks are by one artist, 'Ann'" in reason and "stratified" in reason
    challenge = make_task(music(tracks, np.random.default_rng(0).normal(size=(20, 5))), tmp_path, split="challenge")
    assert untested(challenge.dataset, challenge.split) is None


def test_a_split_without_training_is_still_refused(tmp_path):
    with pytest.raises(DataError):
        make_task(music([Track("1", "a"), Track("2", "a")], np.ones((2, 2))), tmp_path)

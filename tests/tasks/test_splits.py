"""Splits: nothing in two parts, the same everywhere, small genres served."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.errors import DataError, UsageError
from genrebench.records import Dataset, Split, Track
from genrebench.tasks.audit import audit, shared_artists
from genrebench.tasks.splits import NAMES, make_split
from tests.tasks.music import dataset, genre


def parts_of(split: Split, fold: int = 0) -> dict[str, str]:
    kept = split.folds[fold]
    parts = [("training", kept.training), ("validation", kept.validation), ("test", kept.test)]
    return {track: part for part, ids in parts for track in ids}


ids = st.one_of(st.integers(0, 10**6).map(str), st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
tracks = st.builds(
    Track,
    ids,
    st.sampled_from(["Rock", "Old-Time / Historic", "label", "$"]),
    st.one_of(st.none(), st.sampled_from([f"artist {i}" for i in range(12)]), ids),
)
musics = (
    st.lists(tracks, min_size=2, max_size=60, unique_by=lambda track: track.id)
    .filter(lambda found: len({track.genre for track in found}) > 1)
    .map(lambda found: dataset(*found))
)


def try_split(music: Dataset, name: str, seed: int = 0) -> Split | None:
    try:
        return make_split(music, name, seed)
    except DataError:
        return None


# ------------------------------------------------------------------ what holds for all of them


@settings(max_examples=150)
@given(musics, st.sampled_from(NAMES), st.integers(0, 5), st.randoms())
def test_every_track_is_in_one_part_whatever_the_order_of_the_rows(music, name, seed, random):
    split = try_split(music, name, seed)
    if split is None:
        return
    everything = sorted(track.id for track in music.tracks)
    for fold in split.folds:
        assert sorted((*fold.training, *fold.validation, *fold.test)) == everything
        assert fold.training
    shuffled = list(music.tracks)
    random.shuffle(shuffled)
    assert make_split(replace(music, tracks=tuple(shuffled)), name, seed) == split


@settings(max_examples=150)
@given(musics, st.integers(0, 5))
def test_an_artist_is_in_one_part(music, seed):
    for name in ("artist", "artist-cv5"):
        split = try_split(music, name, seed)
        if split is not None:
            assert shared_artists(music, split) == 0
            assert all(not artists for overlap in audit(music, split) for artists in overlap.artists.values())


@settings(max_examples=150)
@given(musics, st.integers(0, 5))
def test_folds_test_each_track_once_or_train_it_always(music, seed):
    split = try_split(music, "artist-cv5", seed)
    if split is None:
        return
    tested = [track for fold in split.folds for track in fold.test]
    assert len(tested) == len(set(tested))
    always = set.intersection(*(set(fold.training) for fold in split.folds))
    assert set(tested) | always == {track.id for track in music.tracks}
    assert not set(tested) & always
    for fold, following in zip(split.folds, (*split.folds[1:], split.folds[0]), strict=True):
        assert fold.validation == following.test


@settings(max_examples=150)
@given(musics, st.integers(0, 5))
def test_three_of_a_genre_reach_all_parts(music, seed):
    parts = parts_of(make_split(music, "stratified", seed))
    for name in music.genres:
        members = [parts[track.id] for track in music.tracks if track.genre == name]
        expected = {1: {"training"}, 2: {"training", "test"}}.get(len(members), {"training", "validation", "test"})
        assert set(members) == expected


def test_other_seeds_give_other_splits():
    music = dataset(*genre("a", 50, artists=20), *genre("b", 50, artists=20))
    for name in ("stratified", "artist", "artist-cv5"):
        assert len({make_split(music, name, seed).folds for seed in range(5)}) == 5
    for name in ("first-80", "challenge"):
        assert len({make_split(music, name, seed).folds for seed in range(5)}) == 1


# ------------------------------------------------------------------ golden values


def test_stratified_takes_the_smallest_hashes():
    # by hand: printf 0:a4 | sha256sum, and so on; the smallest tests, the next validates
    music = dataset(*genre("a", 10), *genre("b", 10))
    (fold,) = make_split(music, "stratified", 0).folds
    assert (fold.test, fold.validation) == (("a4", "b1"), ("a9", "b0"))
    (fold,) = make_split(music, "stratified", 1).folds
    assert (fold.test, fold.validation) == (("a4", "b7"), ("a8", "b8"))


def test_first_80_goes_by_number():
    music = dataset(
        *(Track(str(i), "Rock") for i in (1000, 9, 20, 100, 30)), *(Track(str(i), "Folk") for i in range(2000, 2007))
    )
    (fold,) = make_split(music, "first-80").folds
    assert fold.test == ("1000", "2005", "2006")  # 4 * 5 // 5 = 4 and 4 * 7 // 5 = 5 train
    assert fold.validation == ()
    assert fold.training == ("9", "20", "30", "100", "2000", "2001", "2002", "2003", "2004")
    words = dataset(*(Track(f"x{i}", "Rock") for i in (1000, 9, 20, 100, 30)), *genre("b", 2))
    assert make_split(words, "first-80").folds[0].test == ("b1", "x9")  # alphabetical: x100, x1000, x20, x30, x9


def test_shares_are_80_10_10_where_artists_allow():
    music = dataset(*genre("a", 1000, artists=200), *genre("b", 400, artists=100))
    for name in ("stratified", "artist"):
        (fold,) = make_split(music, name).folds
        assert (len(fold.training), len(fold.validation), len(fold.test)) == (1120, 140, 140)
    for fold in make_split(music, "artist-cv5").folds:
        assert (len(fold.training), len(fold.validation), len(fold.test)) == (840, 280, 280)


@pytest.mark.parametrize(
    ("tracks", "expected"), [(3, 1), (4, 1), (9, 1), (14, 1), (15, 2), (16, 2), (24, 2), (25, 3), (104, 10), (105, 11)]
)
def test_a_tenth_tests_and_a_tenth_validates_rounded_half_up_and_at_least_one(tracks: int, expected: int) -> None:
    split = make_split(dataset(*genre("a", tracks), *genre("b", 20)), "stratified")
    (fold,) = split.folds
    assert split.warnings == ()
    a = [[track for track in ids if track[0] == "a"] for ids in (fold.training, fold.validation, fold.test)]
    assert [len(ids) for ids in a] == [tracks - 2 * expected, expected, expected]
    first = sorted((f"a{i}" for i in range(tracks)), key=lambda id_: hashlib.sha256(f"0:{id_}".encode()).hexdigest())
    assert (set(a[2]), set(a[1])) == (set(first[:expected]), set(first[expected : 2 * expected]))


def by_artists(**sizes: list[int]) -> tuple[Track, ...]:
    """Tracks of artists of these sizes, by genre."""
    return tuple(
        Track(f"{name}{number}-{i}", name, f"{name}{number} of {size}")
        for name, all_sizes in sizes.items()
        for number, size in enumerate(all_sizes)
        for i in range(size)
    )


def sizes_of_artists(music: Dataset, ids: tuple[str, ...], name: str) -> list[int]:
    artists = {track.artist for track in music.tracks if track.id in ids and track.genre == name}
    return sorted((int(str(artist).split()[-1]) for artist in artists), reverse=True)


def test_folds_by_hand():
    # Largest artist first, to the fold with the fewest tracks of the genre, then the fewest in all, then the first.
    # a: 9, 7, 5, 4, 3 open the folds; 2 to the fold of 3, 2 to that of 4; 1 to that of 5, the first of two; 1 to that of 3 + 2.
    # b: folds hold 9, 7, 6, 6, 6 of a. 6 to the third, 5 to the fourth, 1 to the fifth, 1 to the second, 1 to the first: then
    #    these hold 10, 8 and 7 with 1 of b each, so that the last 1 goes to the fifth.
    music = dataset(*by_artists(a=[1, 2, 3, 4, 9, 7, 5, 2, 1], b=[1, 1, 1, 1, 5, 6]))
    folds = make_split(music, "artist-cv5").folds
    assert [sizes_of_artists(music, fold.test, "a") for fold in folds] == [[9], [7], [5, 1], [4, 2], [3, 2, 1]]
    assert [sizes_of_artists(music, fold.test, "b") for fold in folds] == [[1], [1], [6], [5], [1, 1]]


def test_artists_by_hand():
    # a has 31 tracks, so that 3 test: only the smallest artist fits; of the others the smaller validates
    music = dataset(*by_artists(a=[20, 10, 1], b=[1, 1, 1]))
    for seed in range(5):
        (fold,) = make_split(music, "artist", seed).folds
        parts = (fold.training, fold.validation, fold.test)
        assert [sizes_of_artists(music, ids, "a") for ids in parts] == [[20], [10], [1]]
    # of 20 tracks 2 test and 2 validate: room for either of the small artists, so that chance decides
    music = dataset(*by_artists(a=[17, 2, 1], b=[1, 1, 1]))
    tested = set()
    for seed in range(5):
        order = sorted(["a1 of 2", "a2 of 1"], key=lambda artist: hashlib.sha256(f"{seed}:{artist}".encode()).hexdigest())
        (fold,) = make_split(music, "artist", seed).folds
        parts = (fold.training, fold.test, fold.validation)
        assert [sizes_of_artists(music, ids, "a") for ids in parts] == [[17], *([int(artist[-1])] for artist in order)]
        tested.add(order[0])
    assert len(tested) == 2


def test_an_artist_counts_for_the_genre_of_most_of_its_tracks():
    plain = by_artists(a=[1, 1, 1], b=[1, 1])
    for of_a, of_b, n_artists in ((1, 2, 3), (2, 1, 2), (2, 2, 2)):  # equally many: the first in the alphabet
        guest = [Track(f"{name}-guest{i}", name, "guest") for name, n in (("b", of_b), ("a", of_a)) for i in range(n)]
        split = make_split(dataset(*plain, *guest), "artist-cv5")
        tested = {track for fold in split.folds for track in fold.test}
        assert ("b0-0" in tested) == (n_artists == 3)
        assert any("genre 'b' has 2 artists" in warning for warning in split.warnings) == (n_artists == 2)


# ------------------------------------------------------------------ small and odd data


def test_a_genre_with_one_or_two_tracks():
    music = dataset(*genre("a", 20), *genre("b", 1), *genre("c", 2))
    split = make_split(music, "stratified")
    assert parts_of(split)["b0"] == "training"
    assert {parts_of(split)[track] for track in ("c0", "c1")} == {"training", "test"}
    assert [warning[:30] for warning in split.warnings] == ["genre 'b' has one track, which", "genre 'c' has 2 tracks, of whi"]
    split = make_split(music, "first-80")
    assert parts_of(split)["b0"] == "training"
    assert [warning[:30] for warning in split.warnings] == ["genre 'b' has one track, which"]


def test_a_large_artist_trains():
    music = dataset(
        *(Track(f"l{i}", "a", "large") for i in range(28)),
        Track("s", "a", "small"),
        Track("t", "a", "tiny"),
        *genre("b", 9, artists=9),
    )
    parts = parts_of(make_split(music, "artist"))
    assert {parts["s"], parts["t"]} == {"test", "validation"}
    assert {parts[f"l{i}"] for i in range(28)} == {"training"}


def test_genres_with_too_few_artists_train_in_each_fold():
    music = dataset(*genre("a", 20, artists=5), *genre("b", 10, artists=2), *genre("c", 6, artists=3))
    split = make_split(music, "artist-cv5")
    assert len(split.warnings) == 1
    assert "genre 'b' has 2 artists" in split.warnings[0]
    for fold in split.folds:
        assert {f"b{i}" for i in range(10)} <= set(fold.training)
        assert "c" in {track[0] for track in fold.training}
    assert sum(len(fold.test) for fold in split.folds) == 26


def test_a_genre_that_rides_along_with_another_is_warned_of():
    guests = [Track(f"guest{i}", "b", "a artist 0") for i in range(2)]
    music = dataset(*genre("a", 30, artists=3), *guests)
    split = make_split(music, "artist-cv5")
    assert any("genre 'b' is tested, but no training track of fold" in warning for warning in split.warnings)


def test_tracks_without_artist_stand_alone():
    music = dataset(*genre("a", 10, artists=2), *genre("b", 10))
    split = make_split(music, "artist")
    assert {parts_of(split)[f"b{i}"] for i in range(10)} == {"training", "validation", "test"}


def test_an_artist_named_like_a_track_is_not_that_track():
    music = dataset(Track("x", "a"), Track("y", "a", "x"), Track("z", "a", "x"), *genre("b", 3, artists=3))
    parts = parts_of(make_split(music, "artist"))
    assert parts["y"] == parts["z"] != parts["x"]


def test_of_a_track_and_an_artist_with_one_name_the_track_comes_first():
    large = [Track(f"large{i}", "a", "large") for i in range(8)]
    music = dataset(Track("y", "a", "x"), Track("x", "a"), *large, *genre("b", 3, artists=3))
    for seed in range(5):
        parts = parts_of(make_split(music, "artist", seed))
        assert (parts["x"], parts["y"]) == ("test", "validation")


def test_challenge_trains_on_everything():
    music = dataset(*genre("a", 3), *genre("b", 1))
    (fold,) = make_split(music, "challenge").folds
    assert (len(fold.training), fold.validation, fold.test) == (4, (), ())


# ------------------------------------------------------------------ the default, and refusals


def test_default_follows_what_is_known():
    plain = dataset(*genre("a", 9), *genre("b", 9))
    artists = dataset(*genre("a", 9, artists=4), *genre("b", 9))
    official = replace(artists, official={track.id: "training" if track.genre == "a" else "test" for track in artists.tracks})
    assert [make_split(music).name for music in (plain, artists, official)] == ["stratified", "artist", "official"]


def test_official_is_taken_as_it_is_and_warns_of_untrained_genres():
    music = dataset(*genre("a", 3), *genre("b", 1), official={"a0": "training", "a1": "validation", "a2": "test", "b0": "test"})
    split = make_split(music, "official")
    assert parts_of(split) == dict(music.official)
    assert split.warnings == ("genre 'b' is tested, but no training track has it",)


@pytest.mark.parametrize(
    ("music", "name", "message"),
    [
        (dataset(*genre("a", 3), *genre("b", 3)), "official", "comes with no split of its own"),
        (dataset(*genre("a", 1), *genre("b", 1), official={"a0": "training"}), "official", "'b0' has no part"),
        (dataset(*genre("a", 1), *genre("b", 1), official={"a0": "training", "b0": "train"}), "official", "the part 'train'"),
        (dataset(*genre("a", 1), *genre("b", 1), official={"a0": "training", "b0": "training"}), "official", "no test track"),
        (dataset(*genre("a", 3), *genre("b", 3)), "artist", "names no artist.*stratified"),
        (dataset(*genre("a", 3), *genre("b", 3)), "artist-cv5", "names no artist"),
        (dataset(*genre("a", 4, artists=2), *genre("b", 3, artists=2)), "artist-cv5", "no genre has three artists"),
        (dataset(*genre("a", 3)), "stratified", "one genre only, 'a'"),
        (dataset(), "stratified", "no track left"),
        (dataset(*genre("a", 2), *genre("a", 2), *genre("b", 2)), "stratified", "'a0' more than once"),
    ],
)
def test_what_cannot_be_split_says_why(music, name, message):
    with pytest.raises(DataError, match=message):
        make_split(music, name)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match=r"did you mean stratified\?"):
        make_split(dataset(*genre("a", 3), *genre("b", 3)), "stratifed")

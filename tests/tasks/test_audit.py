"""The audit of splits: artists with tracks in more than one part, counted by hand."""

import pytest

from genrebench.records import Fold, Split, Track
from genrebench.tasks.audit import audit, shared_artists
from genrebench.tasks.splits import make_split
from tests.tasks.music import dataset, genre


def test_audit_counts_by_hand():
    music = dataset(
        *(Track(*text) for text in ("1aX", "2aX", "3bY", "4bY", "6aZ")),
        Track("5", "b"),
        official={"1": "training", "2": "test", "3": "validation", "4": "test", "5": "test", "6": "training"},
    )
    split = make_split(music)
    (overlap,) = audit(music, split)
    assert overlap.artists == {("training", "validation"): (), ("training", "test"): ("X",), ("validation", "test"): ("Y",)}
    assert overlap.test_touched == pytest.approx(2 / 3)
    assert overlap.n_artists == shared_artists(music, split) == 2


def test_an_artist_in_all_parts_is_one_and_the_worst_fold_counts():
    music = dataset(*(Track(f"{artist}{i}", "ab"[i % 2], artist) for artist in "XYZ" for i in range(3)))
    folds = (
        Fold(("X0", "Y0", "Y1", "Y2"), ("X1", "Z0", "Z1", "Z2"), ("X2",)),
        Fold(("X0", "Y0"), ("X1", "Y1", "Z0"), ("X2", "Y2", "Z1", "Z2")),
        Fold(("X0", "X1", "X2"), ("Y0", "Y1", "Y2"), ("Z0", "Z1", "Z2")),
    )
    split = Split("official", 0, folds)
    first, second, third = audit(music, split)
    assert first.artists == dict.fromkeys([("training", "validation"), ("training", "test"), ("validation", "test")], ("X",))
    assert second.artists["validation", "test"] == ("X", "Y", "Z")
    assert [overlap.n_artists for overlap in (first, second, third)] == [1, 3, 0]
    assert [overlap.test_touched for overlap in (first, second, third)] == [1, 1, 0]
    assert [overlap.fold for overlap in (first, second, third)] == [0, 1, 2]
    assert shared_artists(music, split) == 3


def test_tracks_of_unknown_artists_share_none():
    music = dataset(Track("1", "a"), Track("2", "a"), Track("3", "b", "X"), Track("4", "b"))
    split = Split("official", 0, (Fold(("1",), ("2",), ("3", "4")), Fold(("1", "2", "3", "4"), (), ())))
    tested, untested = audit(music, split)
    assert (tested.n_artists, tested.test_touched) == (0, 0)
    assert untested.test_touched is None


def test_audit_without_artists_is_none():
    music = dataset(*genre("a", 3), *genre("b", 3))
    split = make_split(music)
    assert audit(music, split) is None
    assert shared_artists(music, split) is None

"""Ids that two files write differently: matched where only one can be meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrebench.datasets.folder import load
from genrebench.datasets.id_forms import match, match_note, miss_note


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("000001", "1"),
        ("1", "000001"),
        ("1", "1.0"),
        ("1", "1,0"),
        ("0012", "12.00"),
        ("0", "000"),
        ("a b", "a  b"),
        ("a b", "a\u00a0b"),
        ("Song", "song"),
        ("song.mp3", "song"),
        ("000002.mp3", "2"),
        ("rock/song.wav", "song"),
        ("song", "audio\\song.wav"),
        ("é", "e\u0301"),
    ],
)
def test_the_obvious_match(wanted, found):
    assert match([wanted, "other"], [found, "more"]) == {found: wanted}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["001", "01"], ["1"]),
        (["001"], ["1", "01"]),
        (["1", "01"], ["1", "001"]),
        (["rock/a.wav", "pop/a.wav"], ["a"]),
        (["a.wav", "a.mp3"], ["a"]),
        (["1.5"], ["15"]),
        (["10"], ["1"]),
        (["-1"], ["1"]),
        (["a1"], ["1"]),
        (["1"], ["1e0"]),
    ],
)
def test_nothing_is_guessed(wanted, found):
    assert match(wanted, found) == {}


@given(
    st.sets(st.integers(0, 99_999), min_size=1, max_size=30),
    st.integers(1, 8),
    st.sampled_from(["{}", "{}.0", " {} ", "{:08d}"]),
)
def test_numbers_written_in_two_ways_all_meet(numbers, width, written):
    wanted = [f"{number:0{width}d}" for number in numbers]
    found = [written.format(number) for number in numbers]
    matched = match(wanted, found)
    assert {matched.get(id_, id_) for id_ in found} == set(wanted)


@given(st.sets(st.text("01.a /", max_size=5), max_size=8), st.sets(st.text("01.a /", max_size=5), max_size=8))
def test_a_match_is_one_to_one_and_never_of_ids_that_meet(wanted, found):
    matched = match(wanted, found)
    assert len(set(matched.values())) == len(matched)
    assert matched.keys() <= found - wanted
    assert set(matched.values()) <= wanted - found


def test_the_sentences_have_an_id_of_each_side():
    assert match_note({}, "f", "t") is None
    assert match_note({"1": "001", "2": "002"}, "features.csv", "tracks.csv") == (
        "2 ids of features.csv differ in writing from tracks.csv, such as '1' for '001', and are taken as the same"
    )
    assert miss_note(["1"], ["1", "2"], "f", "t") is None
    assert miss_note(["1", "2"], ["2"], "f", "t") is None
    assert miss_note(["a", "b"], ["c"], "f", "t") == "no id of f is in t: t has 'a' and 'b', f has 'c'"
    assert (
        miss_note(["a", "b"], ["b", "c", "d", "e"], "f", "t")
        == "1 of 2 ids of t aren't in f: t has 'a', f has 'c' and 'd', ..."
    )


def test_features_of_ids_that_are_written_differently(tmp_path):
    (tmp_path / "tracks.csv").write_text("track_id,genre\n001,a\n002,b\n003,a\nx4,b\n")
    (tmp_path / "features.csv").write_text("track_id,v\n3.0,3\n1,1\n002,2\n77,7\n")
    values = load(tmp_path).load_features()
    assert dict(zip(values.ids, values.values[:, 0].tolist(), strict=True)) == {"001": 1, "002": 2, "003": 3}
    assert values.notes == (
        "2 ids of features.csv differ in writing from tracks.csv, such as '1' for '001', and are taken as the same",
        "1 of 4 ids of tracks.csv aren't in features.csv: tracks.csv has 'x4', features.csv has '77'",
    )


def test_ids_that_meet_give_no_note(tmp_path):
    (tmp_path / "tracks.csv").write_text("track_id,genre\n1,a\n2,b\n")
    (tmp_path / "features.csv").write_text("track_id,v\n2,3\n1,1\n01,5\n")
    values = load(tmp_path).load_features()
    assert values.ids == ("2", "1") and values.notes == ()


@pytest.mark.parametrize(
    ("cell", "value"), [("1e300", float("inf")), ("-1e20", float("-inf")), ("1.8e19", 1.8e19), ("1e-300", 1e-300)]
)
def test_a_value_that_nothing_can_calculate_with_is_infinite(tmp_path, cell, value):
    (tmp_path / "tracks.csv").write_text("track_id,genre\n1,a\n2,b\n")
    (tmp_path / "features.csv").write_text(f"track_id,v\n1,{cell}\n2,1\n")
    assert load(tmp_path).load_features().values[0, 0] == value


@pytest.mark.parametrize("cell", ["1_000", "1_0.5", "0x10", "1e", "_"])
def test_what_is_no_number(tmp_path, cell):
    (tmp_path / "tracks.csv").write_text("track_id,genre\n1,a\n2,b\n")
    (tmp_path / "features.csv").write_text(f"track_id,v\n1,{cell}\n2,1\n")
    with pytest.raises(Exception, match="is not a number"):
        load(tmp_path).load_features()

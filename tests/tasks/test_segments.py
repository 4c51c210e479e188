"""Segments of one recording by their names, and numbered songs, which aren't segments."""

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.records import Track
from genrebench.tasks.segments import recordings

GENRES = ("blues", "rock")


def genre(id_):
    """The genre in a name; of a number, whether it is even."""
    digits = "".join(filter(str.isdigit, id_))[-6:]
    return next((name for name in GENRES if name in id_.casefold()), f"parity {int(digits or 0) % 2}")


def found(ids, genre_of=genre):
    """Sets of ids that are segments of one recording."""
    groups = defaultdict(set)
    for id_, name in recordings([Track(i, genre_of(i)) for i in ids]).items():
        groups[name].add(id_)
    return sorted(map(frozenset, groups.values()), key=sorted)


def songs(pattern, segments, n=6):
    """Ids of n songs per genre with segments each, and the sets that belong together."""
    sets = [frozenset(pattern.format(g=g, i=i, k=k) for k in segments) for g in GENRES for i in range(n)]
    return [id_ for members in sets for id_ in members], sorted(sets, key=sorted)


SEGMENTED = {
    "gtzan": ("{g}.{i:05d}.{k}.wav", range(10)),
    "gtzan in folders": ("{g}/{g}.{i:05d}.{k}.wav", range(10)),
    "counted from 1 after an id": ("{g}.{i:05d}_{k}", range(1, 11)),
    "seg": ("{g} song{i}_seg{k}", range(1, 4)),
    "segment": ("{g}-tune-{i} Segment {k:03d}.mp3", range(3, 9)),
    "part": ("{g}/Title {i}, Part {k}.flac", (1, 2)),
    "part of": ("{g}/Title {i} (part {k} of 4)", (1, 2, 3, 4)),
    "chunk": ("{g}/{i:06d}.chunk{k}", range(5)),
    "clip": ("{g}{i}-clip-{k}.ogg", range(4)),
    "word first": ("{g}/part{k}_tune{i}", range(2)),
    "copies": ("{g}/Title {i} ({k}).mp3", (1, 2)),
    "numbered copies": ("{g}/Title {i} - Copy ({k}).mp3", (2, 3)),
    "from zero": ("{g}/Title {i}_{k}.wav", range(5)),
    "ffmpeg": ("{g}/Title {i} - {k:03d}.wav", range(30)),
    "seconds": ("{g}/Title {i}_{k}.wav", range(0, 150, 30)),
    "folder per song": ("{g}/Title {i}/{k}.wav", range(5)),
    "capitals": ("{g}/TITLE{i}_SEG{k}.WAV", range(5)),
    "windows paths": ("{g}\\Title {i}_seg{k}.wav", range(5)),
}


@pytest.mark.parametrize("name", SEGMENTED)
def test_segments_are_found(name):
    ids, sets = songs(*SEGMENTED[name])
    assert found(ids) == sets


NUMBERED = {
    "gtzan": [f"{g}.{i:05d}.wav" for g in GENRES for i in range(100)],
    "gtzan in folders": [f"{g}/{g}.{i:05d}.wav" for g in GENRES for i in range(100)],
    "fma": [f"{i:06d}" for i in range(2, 4000, 7)],
    "fma's files": [f"{i // 1000:03d}/{i:06d}.mp3" for i in range(4000)],
    "plain numbers": [str(i) for i in range(200)],
    "tracks of albums": [f"{g}/album {a}/track{i:02d}.mp3" for g in GENRES for a in range(4) for i in range(1, 13)],
    "track numbers": [f"{g}/album {a}/{i:02d}.mp3" for g in GENRES for a in range(4) for i in range(1, 13)],
    "album and track": [f"{g}/album{a}_{i:02d}.mp3" for g in GENRES for a in range(1, 4) for i in range(1, 13)],
    "disc and track": [f"{g}/{d}-{i:02d} Title.mp3" for g in GENRES for d in (1, 2) for i in range(1, 13)],
    "disc and track number": [f"{g}/{d}-{i:02d}.mp3" for g in GENRES for d in (1, 2) for i in range(1, 13)],
    "numbers first": [f"{g}/{i:02d} - Title {i}.mp3" for g in GENRES for i in range(30)],
    "songs in order": [f"{g}/song_{i}.mp3" for g in GENRES for i in range(30)],
    "clips in order": [f"{g}/clip{i}.mp3" for g in GENRES for i in range(30)],
    "renamed by Windows": [f"{g}/{g} ({i}).mp3" for g in GENRES for i in range(1, 40)],
    "a word and numbers": [f"{g}/New ({i}).mp3" for g in GENRES for i in range(1, 40)],
    "genre and numbers": [f"{g}_{i}" for g in GENRES for i in range(40)],
    "genre and clips": [f"{g}_clip_{i}" for g in GENRES for i in range(40)],
    "months": [f"{g}/{y}-{m:02d}.wav" for g in GENRES for y in (2017, 2018, 2019) for m in range(1, 13)],
    "days": [f"{g}/{y}-{m:02d}-{d:02d}.wav" for g in GENRES for y in (2018, 2019) for m in (1, 2, 3) for d in (1, 5, 9)],
    "opus numbers": [f"{g}/Opus {i} No. {k}.mp3" for g in GENRES for i in (10, 25, 27) for k in range(1, 5)],
    "track numbers from zero": [
        *(f"{g}/track_{i}.mp3" for g in GENRES for i in range(10)),
        *(f"{g}/{title}.mp3" for g in GENRES for title in "abcdefghijkl"),
    ],
    "movements of works": [f"{g}/BWV {w}.{m}.mp3" for g in GENRES for w in (810, 811, 812, 813) for m in range(1, 5)],
    "movements by opus": [f"{g}/Op. {w} - {m}.flac" for g in GENRES for w in (101, 109, 110, 111) for m in (1, 2, 3)],
    "movements by Koechel": [f"{g}/K. {w}_{m}.flac" for g in GENRES for w in (330, 331, 332, 545) for m in (1, 2, 3)],
    "movements of sonatas": [f"{g}/Trio Sonata{w}_{m}.flac" for g in GENRES for w in (525, 526, 527) for m in (1, 2, 3)],
    "titles with numbers": [
        f"{g}/{title}.mp3" for g in GENRES for title in ("99 Luftballons", "1999", "Route 66", "Symphony 5")
    ],
    "no digits": [f"{g}/{title}" for g in GENRES for title in ("a", "b", "partita", "segno", "copycat", "chunky")],
}


@pytest.mark.parametrize("name", NUMBERED)
def test_numbered_songs_are_no_segments(name):
    assert found(NUMBERED[name]) == []


def test_an_escaped_character_is_no_folder():
    names = (
        [f"né_seg{k}.wav" for k in (1, 2)]
        + [rf"ne\u0301_seg{k}.wav" for k in (1, 2)]
        + [rf"\xe9t\xe9 {k}.wav" for k in range(3)]
    )
    labels = recordings([Track(f"{g}/{name}", g) for g in GENRES for name in names])
    assert set(labels.values()) == {f"{g}/{name}" for g in GENRES for name in ("né", r"ne\u0301", r"\xe9t\xe9")}
    alone = [rf"{g}\x20{i:03d}.wav" for g in GENRES for i in range(20)]
    assert (
        found(
            [*alone, *(rf"né/ne\u0301 {i}.wav" for i in range(4)), "né/a", "né/b"],
            lambda id_: genre(id_).replace("parity", "né"),
        )
        == []
    )


def test_numbered_songs_of_two_genres_under_one_label():
    ids = [f"{g}.{i:05d}" for g in ("disco", "hiphop", "jazz") for i in range(100)]
    assert found(ids, lambda id_: "dance" if id_[0] in "dh" else "jazz") == []


def test_a_song_and_its_copy():
    ids = [*(f"{g}/{title}.mp3" for g in GENRES for title in "abcd"), "rock/a (2).mp3", "rock/b - Copy.mp3"]
    assert found(ids) == [frozenset({"rock/a (2).mp3", "rock/a.mp3"}), frozenset({"rock/b - Copy.mp3", "rock/b.mp3"})]


def test_ranges_of_time():
    ids, sets = [], []
    for g in GENRES:
        for i in range(4):
            members = frozenset(f"{g}/tune {i}_{k}-{k + 30}s.wav" for k in (0, 30, 60))
            ids += members
            sets.append(members)
    assert found(ids) == sorted(sets, key=sorted)


def test_segments_of_equal_names_in_two_folders_are_two_recordings():
    ids = [f"{g}/{title}_seg{k}.wav" for g in GENRES for title in "abc" for k in range(2)]
    assert len(found(ids)) == 6


def test_a_part_of_the_segments_is_enough():
    ids, sets = songs("{g}.{i:05d}.{k}.wav", (0, 1, 3, 4, 7, 9), n=8)
    assert found(ids) == sets


def test_file_names_are_looked_at_where_ids_say_nothing():
    tracks = [
        Track(f"t{n}", g, path=Path(f"/music/audio/{g}.{i:05d}.{k}.wav"))
        for n, (g, i, k) in enumerate((g, i, k) for g in GENRES for i in range(5) for k in range(3))
    ]
    result = recordings(tracks)
    assert len(result) == 30
    assert len(set(result.values())) == 10


@given(
    st.sampled_from(list(SEGMENTED.values())),
    st.integers(3, 12),
    st.integers(3, 8),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_the_order_of_tracks_and_other_songs_change_nothing(style, n_songs, n_segments, random):
    pattern, segments = style
    ids, sets = songs(pattern, list(segments)[:n_segments], n_songs)
    others = [f"{g}/{word}.mp3" for g in GENRES for word in ("alpha", "beta", "gamma")]
    mixed = [*ids, *others]
    random.shuffle(mixed)
    assert found(mixed) == sets


@given(
    st.sampled_from(list(NUMBERED.values())),
    st.integers(20, 100),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_a_sample_of_numbered_songs_has_no_segments(ids, percent, random):
    sample = random.sample(ids, max(8, len(ids) * percent // 100))
    assert found(sample) == []


@given(
    st.lists(st.text(max_size=30), unique=True, max_size=12),
    st.lists(st.sampled_from(["a", "b", ""]), min_size=12, max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_any_names_give_an_answer(ids, genres):
    result = recordings([Track(id_, genres[i]) for i, id_ in enumerate(ids)])
    assert result.keys() <= set(ids)
    sizes = defaultdict(int)
    for name in result.values():
        sizes[name] += 1
    assert all(n > 1 for n in sizes.values())


def test_a_very_long_name_takes_no_time():
    assert recordings([Track("(" * 100_000 + "1", "a"), Track("." * 100_000 + "2", "b")]) == {}

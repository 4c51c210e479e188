"""Splits in files: every form, the way there and back, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genrebench as gb
from genrebench.datasets.split_file import read
from genrebench.errors import DataError, GenrebenchError, UsageError
from genrebench.records import PARTS, Dataset, Exclusion, Fold, Track
from genrebench.tasks.splits import make_split
from tests import tiny

DATASET = Dataset(
    "music",
    "1",
    tuple(Track(f"{i:03d}", ("Rock", "Hip-Hop")[i % 2], f"artist {i // 2}") for i in range(10)),
    ("Hip-Hop", "Rock"),
    faulty=(Exclusion("900", "silent"),),
)


def folds(folder: Path, text: str, dataset: Dataset = DATASET) -> tuple[Fold, ...]:
    file = folder / "paper.csv"
    file.write_text(text, encoding="utf-8")
    return make_split(dataset, read(file, dataset)).folds


def numbers(fold: Fold) -> list[list[int]]:
    return [[int(id_) for id_ in getattr(fold, part)] for part in PARTS]


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("id,part", "{i:03d},{part}"),
        ("track_id,split", "{i},{part}"),  # ids without their zeros
        ("\ufeffID;Part", "{i:03d};{PART}"),
        ("part\tid\tcomment", "{part}\t{i:03d}.mp3\tnothing, really"),
        ("id,part", "audio/{i:03d}.wav,{short}"),
    ],
)
def test_parts_in_all_ways_of_writing(tmp_path: Path, head: str, line: str) -> None:
    parts = ["training"] * 5 + ["validation"] * 2 + ["test"] * 3
    short = {"training": "train", "validation": "val", "test": "test"}
    rows = [line.format(i=i, part=part, PART=part.upper(), short=short[part]) for i, part in enumerate(parts)]
    (fold,) = folds(tmp_path, "\n".join([head, *rows]))
    assert numbers(fold) == [[0, 1, 2, 3, 4], [5, 6], [7, 8, 9]]


def test_folds_test_in_turn_and_the_next_one_validates(tmp_path: Path) -> None:
    text = "id,fold\n" + "".join(f"{i:03d},{(i % 3) + 8}.0\n" for i in range(9)) + "009,-1\n"
    found = folds(tmp_path, text)  # folds 8, 9 and 10, in the order of numbers
    assert [numbers(fold)[2] for fold in found] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert numbers(found[0]) == [[2, 5, 8, 9], [1, 4, 7], [0, 3, 6]]
    halves = folds(tmp_path, "id,fold\n" + "".join(f"{i:03d},{'ab'[i % 2]}\n" for i in range(10)))
    assert [numbers(fold) for fold in halves] == [
        [[1, 3, 5, 7, 9], [], [0, 2, 4, 6, 8]],
        [[0, 2, 4, 6, 8], [], [1, 3, 5, 7, 9]],
    ]


def test_tracks_without_a_row_and_faulty_ones_are_left_out_and_named(tmp_path: Path) -> None:
    file = tmp_path / "paper.csv"
    file.write_text("id,part\n000,training\n001,training\n002,test\n900,test\n")
    split = make_split(DATASET, read(file, DATASET))
    assert (split.name, split.source) == ("file:paper.csv", str(file))
    assert any("one track of paper.csv are faulty" in text for text in split.warnings)
    assert any("7 of 10 tracks of music are in no part" in text for text in split.warnings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'id'"),
        ("id,part\n", "has no rows"),
        ("id,genre\n000,Rock\n", "neither a column 'part' nor a column 'fold'"),
        ("name,part\n000,test\n", "no column 'id', only 'name', 'part'"),
        ("id,part\n000,testing part\n", "line 2: the part 'testing part' of '000' isn't one of"),
        ("id,part\n000,\n", "the part '' of '000'"),
        ("id,fold\n000,\n", "'000' has no fold; write -1 for a track that always trains"),
        (",part\n,test\n", "no column 'id'"),
        ("id,part\n,test\n", "line 2: the id is empty"),
        ("id,part\n000,training,x\n", "3 cells, but the header has 2"),
        ("id,part\n000,training\n000,test\n", "line 3: '000' already has a row, in line 2"),
        ("id,part\n000,training\n0,test\n", "one id of 2 is of no track of music, for example '0'"),
        ("id,part\n000,training\nzzz,test\n", "one id of 2 is of no track of music, for example 'zzz'"),
        ("id,part\na,training\nb,test\n", r"2 ids of 2 are of no track of music.*no id of paper\.csv is in music"),
        ("id,part\n000,training\n001,validation\n", "the file has no test track"),
        ("id,part\n000,test\n", "the file has no training track"),
        ("id,fold\n000,1\n001,1\n", "has one fold; folds test in turn"),
        ("id,fold\n000,1\n000,2\n", "'000' already has a fold, in line 2"),
        ("id,fold,part\n000,1,training\n001,1,test\n000,2,training\n001,2,test\n", "'001' is tested in fold '1' already"),
        ("id,fold,part\n000,1,training\n000,1,test\n", "'000' already has a row in fold '1'"),
        ("id,part,genre\n000,training,Rock\n001,test,Rock\n", r"line 3: the genre of '001' is 'Rock', but 'Hip-Hop' in music"),
        ("id,part,id\n000,training,1\n", "2 columns 'id'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        folds(tmp_path, text)


def test_genres_that_are_written_otherwise_are_the_same(tmp_path: Path) -> None:
    (fold,) = folds(tmp_path, "id,part,genre\n000,training,rock\n001,test,hip hop\n")
    assert numbers(fold) == [[0], [], [1]]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_there_and_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """What `data split` writes is read as the same task, whatever the folds."""
    folder = tmp_path_factory.mktemp("split")
    n_folds = data.draw(st.integers(1, 3))
    tested = data.draw(st.lists(st.integers(0, n_folds), min_size=10, max_size=10))
    others = data.draw(st.lists(st.sampled_from(["training", "validation", "none"]), min_size=10, max_size=10))
    rows = []
    for i, track in enumerate(DATASET.tracks):
        for number in range(n_folds):
            part = "test" if tested[i] == number else others[i]
            if part != "none":
                rows.append(f"{track.id},{number},{part}")
    try:
        first = folds(folder, "\n".join(["id,fold,part", *rows]))
    except GenrebenchError:
        return
    task = gb.task(DATASET, split_file=folder / "paper.csv", say=lambda text: None)
    assert task.split.folds == first
    gb.write_split(task, folder / "again.csv")
    again = gb.task(DATASET, split_file=folder / "again.csv", say=lambda text: None)
    assert again.split.folds == first
    assert again.fingerprint == task.fingerprint


@pytest.mark.parametrize("split", ["artist", "artist-cv5", "stratified", "first-80"])
def test_a_built_in_split_as_a_file_is_the_same_task(tmp_path: Path, split: str) -> None:
    table = tiny.write_table(tmp_path / "music", n=40)
    task = gb.write_split(table, tmp_path / "split.csv", split=split)
    again = gb.task(table, split_file=tmp_path / "split.csv")
    assert (again.fingerprint, again.split.folds) == (task.fingerprint, task.split.folds)
    header, *rows = (tmp_path / "split.csv").read_text().splitlines()
    assert header == "track_id,fold,part,genre,group"
    assert len(rows) == len(task.to_frame())
    groups = {row.split(",")[0]: row.split(",")[4] for row in rows}
    artist = {track.id: track.artist for track in task.dataset.tracks}
    assert all((groups[a] == groups[b]) == (artist[a] == artist[b]) for a in groups for b in groups)
    with pytest.raises(UsageError, match="either a split or a file"):
        gb.task(table, split=split, split_file=tmp_path / "split.csv")

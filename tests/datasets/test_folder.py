"""A folder of the user's own: both layouts, given features, and every mistake named."""

import csv
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from genrebench.datasets import require_audio, resolve
from genrebench.datasets.feature_csv import MAX_VALUE
from genrebench.datasets.folder import load
from genrebench.datasets.table import read_records
from genrebench.errors import DataError, UsageError
from genrebench.inputs import prepare
from genrebench.plugin.contract import FeatureTable
from genrebench.plugin.inputs import InputContext
from genrebench.plugin.registry import installed_plugins
from genrebench.records import Exclusion, ExtraTraining
from genrebench.tasks.splits import make_split
from genrebench.tasks.task import make_task

TWO = "track_id,genre\n1,Rock\n2,Folk\n"


def write(folder: Path, tracks: str | bytes | None = None, features: str | None = None, files: Sequence[str] = ()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if tracks is not None:
        (folder / "tracks.csv").write_bytes(tracks if isinstance(tracks, bytes) else tracks.encode())
    if features is not None:
        (folder / "features.csv").write_text(features, encoding="utf-8", newline="")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"sound")
    return folder


# ------------------------------------------------------------------ tracks.csv


def test_all_columns_are_read(tmp_path):
    header = "path,artist,genre,split,year,track_id\n"
    text = header + "a/1.mp3,X,Rock,training,1999,1\na/2.mp3,,Old-Time / Historic,test,2000,2\n,Y,Rock,,,3\n"
    music = load(write(tmp_path / "mine", text))
    assert music.name == "mine"
    assert music.genres == ("Old-Time / Historic", "Rock")
    assert [(t.id, t.genre, t.artist) for t in music.tracks] == [
        ("1", "Rock", "X"),
        ("2", "Old-Time / Historic", None),
        ("3", "Rock", "Y"),
    ]
    assert [t.path for t in music.tracks] == [tmp_path / "mine/a/1.mp3", tmp_path / "mine/a/2.mp3", None]
    assert music.official == {"1": "training", "2": "test"}
    assert music.load_features is None


def test_spreadsheet_exports_are_read(tmp_path):
    text = '\ufefftrack_id , genre\r\n1,"Soul, ""RnB"""\r\n\r\n 2 ,  Folk \r\n'
    music = load(write(tmp_path, text))
    assert [(t.id, t.genre) for t in music.tracks] == [("1", 'Soul, "RnB"'), ("2", "Folk")]


@pytest.mark.parametrize(
    "genre", ["label", "genre", "a/b", "../b", "$HOME", "p:Rock", "=1+1", "[red]", "nan", "NA", "0", "🎵", "Électro"]
)
def test_strange_genres_are_legal(tmp_path, genre):
    music = load(write(tmp_path, f"track_id,genre\n1,{genre}\n2,Folk\n"))
    assert music.tracks[0].genre == genre
    assert set(music.genres) == {genre, "Folk"}


def test_one_name_in_two_unicode_forms_is_one_genre(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Électro") for form in ("NFC", "NFD"))
    assert composed != apart
    assert load(write(tmp_path, f"track_id,genre\n1,{composed}\n2,{apart}\n")).genres == (composed,)


@hypothesis_given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), min_size=1, max_size=8, unique=True))
@settings(max_examples=60)
def test_any_label_comes_back_or_is_refused(tmp_path_factory, labels):
    folder = tmp_path_factory.mktemp("labels")
    with (folder / "tracks.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("track_id", "genre"), *enumerate(labels)])
    try:
        music = load(folder)
    except DataError as error:
        assert str(error).isprintable()
    else:
        assert [t.genre for t in music.tracks] == [unicodedata.normalize("NFC", label.strip()) for label in labels]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'track_id'"),
        ("track_id,genre\n", "no rows below its header"),
        ("track_id,label\n1,Rock\n", r"no column 'genre', only 'track_id', 'label'"),
        ("track_id;genre\n1;Rock\n", "separate the columns by commas"),
        ("track_id,genre,genre\n1,Rock,Folk\n", "2 columns 'genre'"),
        ("track_id,genre\n1,Rock\n2,Folk\n1,Rock\n", "line 4: track_id '1' appears twice, first in line 2"),
        ("track_id,genre\n1,Rock\n,Folk\n", "line 3: the track_id is blank"),
        ("track_id,genre\n1,Soul, RnB\n", "line 2: 3 cells, but the header has 2"),
        ('track_id,genre\n1,"Rock\n2,Folk\n', "not valid CSV"),
        ('track_id,genre\n1,"Ro\nck"\n2,Folk\n', r"line 2: genre 'Ro\\nck' contains the control character '\\n'"),
        ("track_id,genre\n1,Rock\n2,\x1b[31mFolk\n", r"line 3: genre '\\x1b\[31mFolk' contains the control character '\\x1b'"),
        ("track_id,genre\n1,Rock\n2,\u202eFolk\n", "line 3: genre .* contains the control character"),
        ("track_id,genre\n1\0,Rock\n", r"line 2: track_id '1\\x00' contains"),
        ("track_id,genre,split\n1,Rock,train\n", "line 2: split 'train' must be one of training, validation, test"),
        ("track_id,genre,path\n1,Rock,/etc/passwd\n", "line 2: path '/etc/passwd' is absolute"),
        ("track_id,genre,path\n1,Rock,C:\\music\\1.mp3\n", "is absolute"),
        ("track_id,genre,path\n1,Rock,../1.mp3\n", "path '../1.mp3' leads out of the folder"),
        ("track_id,genre,path\n1,Rock,a/../../1.mp3\n", "leads out of the folder"),
        ("track_id,genre,path\n1,Rock,.\n", "leads out of the folder"),
        ("track_id,genre,path\n1,Rock,a\0.mp3\n", "control character"),
        ("track_id,genre\n1,Électro\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_mistakes_are_named_on_one_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        load(write(tmp_path / "music", text))
    assert str(caught.value).isprintable()


def test_tracks_without_a_genre_are_refused_until_they_are_left_out(tmp_path):
    music = load(write(tmp_path / "music", "track_id,genre\n1,Rock\n2,  \n3,Folk\n4,\n"))
    assert music.genres == ("Folk", "Rock")
    assert [t.genre for t in music.tracks] == ["Rock", "", "Folk", ""]
    with pytest.raises(DataError, match=r"music: 2 of 4 tracks have no genre, the first is '2'; .*--exclusions FILE"):
        make_split(music)
    with pytest.raises(DataError, match="1 of 3 tracks have no genre, the first is '4'"):
        make_task(music, tmp_path, exclude=[Exclusion("2", "no genre")])
    task = make_task(music, tmp_path, exclude=[Exclusion(track, "no genre") for track in "24"])
    assert task.genres == ("Folk", "Rock")
    assert [e.id for e in task.excluded] == ["2", "4"]


def test_links_stay_inside(tmp_path):
    outside = write(tmp_path / "outside", files=["1.mp3", "Rock/2.mp3"])
    folder = write(tmp_path / "music", "track_id,genre,path\n1,Rock,linked.mp3\n2,Folk,2.mp3\n", files=["2.mp3"])
    (folder / "linked.mp3").symlink_to(folder / "2.mp3")
    assert load(folder).tracks[0].path == folder / "linked.mp3"
    (folder / "linked.mp3").unlink()
    (folder / "linked.mp3").symlink_to(outside / "1.mp3")
    music = load(folder)
    assert music.tracks[0].path is None
    assert music.unusable["1"].kind == "outside"
    with pytest.raises(DataError, match=r"the first is '1' \(a link that leads out of the folder, .*--follow-links"):
        require_audio(music, music.tracks)
    assert load(folder, follow_links=True).tracks[0].path == folder / "linked.mp3"
    other = write(tmp_path / "genres", files=["Folk/1.mp3"])
    (other / "Rock").symlink_to(outside / "Rock")
    with pytest.raises(DataError, match=r"'Rock' is a link that leads out of the folder, .*--follow-links"):
        load(other)
    assert [track.id for track in load(other, follow_links=True).tracks] == ["Folk/1.mp3", "Rock/2.mp3"]


@pytest.mark.parametrize("target", ["linked.mp3", "/nowhere/1.mp3", "not-there.mp3"])
def test_a_broken_link_is_one_missing_track(target, tmp_path):
    table = write(tmp_path / "table", "track_id,genre,path\n1,Rock,linked.mp3\n2,Folk,2.mp3\n", files=["2.mp3"])
    (table / "linked.mp3").symlink_to(target)
    folders = write(tmp_path / "folders", files=["Rock/1.mp3", "Folk/2.mp3"])
    (folders / "Rock/linked.mp3").symlink_to(target)
    for music, id_ in ((load(table), "1"), (load(folders), "Rock/linked.mp3")):
        assert {track.id: track.path for track in music.tracks}[id_] is None
        assert list(music.unusable) == [id_]
        assert music.unusable[id_].kind == "missing"
        assert "link" in music.unusable[id_].detail


def test_missing_files_are_found_when_audio_is_needed(tmp_path):
    music = load(write(tmp_path / "music", "track_id,genre,path\n1,Rock,1.mp3\n2,Folk,2.mp3\n", files=["1.mp3"]))
    require_audio(music, music.tracks[:1])
    with pytest.raises(DataError, match=r"1 of 2 tracks have no audio, the first is '2' .*--exclude"):
        require_audio(music, music.tracks)
    added = ExtraTraining("fma-large", {"Folk": ("2",)})
    with pytest.raises(DataError, match=r"^fma-large: 1 of 1 tracks have no audio, the first is '2' .*--exclude"):
        require_audio(music, music.tracks, added)
    plain = load(write(tmp_path / "plain", TWO))
    with pytest.raises(DataError, match="add a column 'path'"):
        require_audio(plain, plain.tracks)


# ------------------------------------------------------------------ one subfolder per genre


def test_subfolders_are_genres(tmp_path):
    files = [
        "Rock/b.mp3",
        "Rock/X/a.FLAC",
        "Old-Time/a.ogg",
        "Rock/cover.jpg",
        "docs/readme.txt",
        ".hidden/a.mp3",
        "Rock/.b.mp3",
    ]
    music = load(write(tmp_path, files=files))
    assert [(t.id, t.genre) for t in music.tracks] == [
        ("Old-Time/a.ogg", "Old-Time"),
        ("Rock/X/a.FLAC", "Rock"),
        ("Rock/b.mp3", "Rock"),
    ]
    assert all(t.path is not None and t.path.is_file() for t in music.tracks)
    assert music.official == {}


def test_files_below_a_folder_with_an_escape_in_its_name_cannot_be_used(tmp_path):
    music = load(write(tmp_path, files=["\x1b[31mRock/a.mp3", "Folk/b.mp3"]))
    assert music.genres == ("Folk", r"\x1b[31mRock")
    (problem,) = music.unusable.values()
    assert (problem.kind, problem.severity) == ("name", "fault")
    assert r"'\x1b[31mRock' contains a control character" in problem.detail


def test_folders_without_music_say_what_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"neither a tracks.csv nor a subfolder"):
        load(write(tmp_path / "empty"))
    with pytest.raises(DataError, match=r"a features.csv but no tracks.csv"):
        load(write(tmp_path / "features", features="track_id,a\n1,2\n"))
    with pytest.raises(DataError, match="there is no folder"):
        load(tmp_path / "absent")


def resolve_unlabelled(folder):
    return resolve(str(folder), installed_plugins(), folder, labelled=False)


def test_flat_folders_are_datasets_where_no_label_is_needed(tmp_path):
    folder = write(tmp_path / "clips", files=["b.mp3", "a.wav", "notes.txt", "covers/a.jpg", ".hidden/c.mp3"])
    music = resolve_unlabelled(folder)
    assert (music.name, music.genres, music.official) == ("clips", (), {})
    assert [(t.id, t.genre, t.path) for t in music.tracks] == [("a", "", folder / "a.wav"), ("b", "", folder / "b.mp3")]
    with pytest.raises(
        DataError, match=r"2 of 2 tracks have no genre.*; there is nothing to train on, only to predict; fill the genres in$"
    ):
        make_split(music)
    with pytest.raises(DataError, match=r"neither a tracks\.csv nor a subfolder"):
        resolve(str(folder), installed_plugins(), tmp_path)
    with pytest.raises(DataError, match="would have the same id, 'a'"):
        resolve_unlabelled(write(folder, files=["a.mp3"]))
    with pytest.raises(DataError, match="audio files"):
        resolve_unlabelled(write(tmp_path / "none"))


def test_labels_win_over_audio_that_lies_beside_them(tmp_path):
    subfolders = write(tmp_path / "subfolders", files=["a.mp3", "Rock/1.mp3", "Folk/2.mp3"])
    assert resolve_unlabelled(subfolders) == load(subfolders)
    table = write(tmp_path / "table", "track_id,genre,path\n1,Rock,1.mp3\n", files=["1.mp3", "2.mp3"])
    assert resolve_unlabelled(table) == load(table)


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices")
@pytest.mark.parametrize("name", ["tracks.csv", "features.csv"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "broken link"])
def test_a_table_that_is_no_file_is_named_and_not_taken_as_absent(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "tracks.csv").write_text(TWO)
    table = tmp_path / name
    table.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(table)
    elif kind == "folder":
        table.mkdir()
    else:
        table.symlink_to("/dev/zero" if kind == "device" else "nowhere")
    with pytest.raises(DataError, match=name):
        load(tmp_path)


# ------------------------------------------------------------------ features.csv


def test_features_with_one_header_row(tmp_path):
    features = "\ufefftrack_id,tempo,mode\r\n3,1,1\r\n2,-0.5e1,0\r\n1, 120 ,1\r\n"
    music = load(write(tmp_path, TWO, features))
    values = music.load_features()
    assert values.ids == ("2", "1")
    assert values.columns == (("tempo",), ("mode",))
    np.testing.assert_array_equal(values.values, [[-5, 0], [120, 1]])
    assert music.feature_source == "features.csv"


def test_features_with_three_header_rows(tmp_path):
    features = "feature,mfcc,mfcc\nstatistics,mean,std\nnumber,01,01\ntrack_id,,\n1,1.5,2\n2,3,4\n"
    values = load(write(tmp_path, TWO, features)).load_features()
    assert values.columns == (("mfcc", "mean", "01"), ("mfcc", "std", "01"))
    np.testing.assert_array_equal(values.values, [[1.5, 2], [3, 4]])


@hypothesis_given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3), min_size=1, max_size=5))
@settings(max_examples=60)
def test_written_numbers_come_back_to_the_bit(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("numbers")
    rows = "".join(f"{i},{','.join(map(repr, row))}\n" for i, row in enumerate(numbers))
    music = load(write(folder, "track_id,genre\n" + "".join(f"{i},g{i % 2}\n" for i in range(9)), f"track_id,a,b,c\n{rows}"))
    written = np.array(numbers)
    too_large = np.abs(written) > MAX_VALUE
    np.testing.assert_array_equal(music.load_features().values, np.where(too_large, np.copysign(np.inf, written), written))


def test_rows_without_values_are_absent_and_single_blanks_are_nan(tmp_path):
    values = load(write(tmp_path, TWO, "track_id,a,b\n1,,\n2,,4\n")).load_features()
    assert values.ids == ("2",)
    np.testing.assert_array_equal(values.values, [[np.nan, 4]])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("", "is empty"),
        ("track_id\n1\n", "no feature column"),
        ("id,a\n1,2\n", "first column must be 'track_id'.*not 'id'"),
        ("track_id,a,a\n1,2,3\n", "column 'a' twice"),
        ("feature,mfcc,mfcc\nstatistics,mean,mean\nnumber,01,01\ntrack_id,,\n", "column 'mfcc/mean/01' twice"),
        ("track_id,a,b\n1,2,3\n2,3,loud\n", "line 3, column 'b': 'loud' is not a number"),
        ("feature,mfcc\nstatistics,mean\nnumber,01\ntrack_id,\n1,loud\n", "line 5, column 'mfcc/mean/01': 'loud'"),
        ("track_id,a\n1,2\n1,3\n", "line 3: track_id '1' appears twice, first in line 2"),
        ("track_id,a\n1,2,3\n", "line 2: 3 cells, but the header has 2"),
        ("track_id,a\n1,\x1b[31m\n", r"line 2, column 'a': '\\x1b\[31m' is not a number"),
    ],
)
def test_mistakes_in_features_are_named(tmp_path, features, message):
    with pytest.raises(DataError, match=message) as caught:
        load(write(tmp_path, TWO, features)).load_features()
    assert str(caught.value).isprintable()


def test_a_blank_cell_stops_the_tracks_and_columns_that_use_it(tmp_path):
    table = "feature,mfcc,tonnetz\nstatistics,mean,mean\nnumber,01,01\ntrack_id,,\n1,1,\n2,3,4\n"
    music = load(write(tmp_path / "music", TWO, table))
    context = InputContext(tmp_path / "cache")
    with pytest.raises(DataError, match=r"1 tracks of music .* track '1' in column 'tonnetz/mean/01'; .*--exclude"):
        prepare(FeatureTable(), music, ("2", "1"), {}, context)
    np.testing.assert_array_equal(prepare(FeatureTable(), music, ("2",), {}, context).inputs, [[3, 4]])
    np.testing.assert_array_equal(prepare(FeatureTable(groups=("mfcc",)), music, ("1", "2"), {}, context).inputs, [[1], [3]])


# ------------------------------------------------------------------ names


def test_a_registered_name_wins_over_a_folder(tmp_path, monkeypatch):
    write(tmp_path / "fma-small", TWO)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="genrebench data get fma-small"):
        resolve("fma-small", installed_plugins(), tmp_path / "home")
    assert resolve("./fma-small", installed_plugins(), tmp_path / "home").name == "fma-small"


def test_unknown_names_are_refused_with_suggestions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"'fma-smal'; did you mean 'fma-small'\? \(registered: demo, fma-large"):
        resolve("fma-smal", installed_plugins(), tmp_path)
    with pytest.raises(UsageError, match="no dataset or folder ''"):
        resolve("", installed_plugins(), tmp_path)
    with pytest.raises(UsageError, match="is a file; a dataset is a folder"):
        resolve(str(write(tmp_path, TWO) / "tracks.csv"), installed_plugins(), tmp_path)


# ------------------------------------------------------------------ real data


def test_the_known_answer_folder(real_data, tmp_path):
    with (real_data / "fma/fma_small_labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["track_id"]: row for row in csv.DictReader(file)}
    lines = (real_data / "fma/features_mfcc_2000.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    filled = [line.split(",", 1)[0] for line in lines[4:] if line.strip().strip(",").count(",")]
    rows = "".join(f"{track},{labels[track]['genre']},{labels[track]['split']}\n" for track in filled)
    music = load(write(tmp_path, "track_id,genre,split\n" + rows, "".join(lines)))
    assert len(music.tracks) == 1990
    assert music.genres == ("Hip-Hop", "Rock")
    (fold,) = make_split(music).folds
    assert len(fold.training) == 1593
    values = music.load_features()
    assert values.values.shape == (1990, 140)
    assert np.isfinite(values.values).all()
    assert values.columns[0] == ("mfcc", "kurtosis", "01")


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "it isn't an ordinary file"),
        (lambda file: file.symlink_to("/dev/zero"), "it isn't an ordinary file"),
        (Path.mkdir, "Is a directory"),
        (lambda file: file.symlink_to(file.name), "symbolic link|levels"),
        (lambda file: (file.touch(), os.truncate(file, 10**11)), "longer than 67,108,864 characters"),
    ],
)
def test_a_table_that_never_ends_is_one_line(make: Any, message: str, tmp_path: Path) -> None:
    make(tmp_path / "table.csv")
    with pytest.raises(DataError, match=message):
        list(read_records(tmp_path / "table.csv"))

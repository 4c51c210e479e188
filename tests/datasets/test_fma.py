"""FMA's official files, read from disk."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from genrebench.datasets import fma, folder, resolve
from genrebench.errors import DataError, UsageError
from genrebench.plugin.registry import installed_plugins
from genrebench.tasks.audit import shared_artists
from genrebench.tasks.splits import make_split

HEAD = ",artist,set,set,track\n,id,split,subset,genre_top\ntrack_id,,,,\n"
ROWS = (
    "2,1,training,small,Rock\n98565,3,test,medium,Rock\n5,1,training,medium,Folk\n"
    "133297,2,validation,small,Folk\n7,4,test,large,Folk\n8,4,test,large,\n"
)
GENRES = "genre_id,#tracks,parent,title,top_level\n12,1,0,Rock,12\n17,1,0,Folk,17\n103,1,17,Singer,17\n"
FEATURES = "feature,mfcc\nstatistics,mean\nnumber,01\ntrack_id,\n2,1.5\n5,2.5\n7,3.5\n8,4.5\n"


def metadata(root: Path, rows: str = ROWS, *, genres: str | None = GENRES, features: str | None = FEATURES) -> Path:
    below = root / "fma_metadata"
    below.mkdir(parents=True)
    (below / "tracks.csv").write_text(HEAD + rows)
    if genres:
        (below / "genres.csv").write_text(genres)
    if features:
        (below / "features.csv").write_text(features)
    return root


def ids(music):
    return [track.id for track in music.tracks]


def test_subsets_nest_and_the_faulty_are_left_out(tmp_path):
    small, medium, large = (fma.load(metadata(tmp_path / s), s) for s in fma.SUBSETS)
    assert [ids(music) for music in (small, medium, large)] == [["2"], ["2", "5"], ["2", "5", "7"]]
    assert [[e.id for e in music.faulty] for music in (small, medium)] == [["133297"], ["98565", "133297"]]
    assert "stub of 1,752 bytes" in small.faulty[0].reason
    assert "shorter than 30 s" in medium.faulty[0].reason
    assert "1 rows without a top genre" in large.note
    assert [music.unlabelled for music in (small, medium, large)] == [(), (), ("8",)]
    assert medium.official == {"2": "training", "5": "training"}
    assert [track.artist for track in large.tracks] == ["1", "1", "4"]


def test_the_list_of_faulty_tracks():
    assert len(fma.FAULTY) == 21
    assert Counter(reason.split(",")[0] for reason in fma.FAULTY.values()) == {
        "no audio in the archive": 15,
        "shorter than 30 s": 6,
    }


def test_audio_is_taken_from_the_subset_or_a_larger_one(tmp_path):
    root = metadata(tmp_path)
    assert fma.load(root, "small").tracks[0].path is None
    (root / "fma_large").mkdir()
    assert fma.load(root, "small").tracks[0].path == root / "fma_large/000/000002.mp3"
    (root / "fma_small").mkdir()
    assert fma.load(root, "small").tracks[0].path == root / "fma_small/000/000002.mp3"
    assert fma.load(root, "medium").tracks[0].path == root / "fma_large/000/000002.mp3"
    assert fma.clip_path("12345") == Path("012/012345.mp3")


def test_features_are_kept_in_binary_until_the_csv_changes(tmp_path):
    music = fma.load_named(metadata(tmp_path / "fma").parent, "medium")
    first = music.load_features()
    kept = sorted((tmp_path / "fma/converted").iterdir())
    assert [file.suffix for file in kept] == [".npy", ".npz"]
    again = music.load_features()
    assert again.ids == first.ids == ("2", "5")
    assert again.columns == first.columns == (("mfcc", "mean", "01"),)
    np.testing.assert_array_equal(again.values, [[1.5], [2.5]])
    assert isinstance(again.values, np.memmap)
    for file in kept:
        file.write_bytes(file.read_bytes()[:100])  # damaged: the CSV is read again
        np.testing.assert_array_equal(music.load_features().values, [[1.5], [2.5]])
    (tmp_path / "fma/fma_metadata/features.csv").write_text(FEATURES.replace("1.5", "1.75"))
    np.testing.assert_array_equal(music.load_features().values, [[1.75], [2.5]])
    assert len(list((tmp_path / "fma/converted").iterdir())) == 2
    assert music.feature_source == "distributed, from full-length tracks"


def test_a_folder_of_official_files_is_a_dataset(tmp_path):
    music = folder.load(metadata(tmp_path / "mine"))
    assert music.name == "mine"
    assert ids(music) == ["2", "5", "7"]
    (tmp_path / "mine/fma_small").mkdir()
    assert ids(folder.load(tmp_path / "mine")) == ["2"]
    assert ids(folder.load(tmp_path / "mine/fma_metadata")) == ["2", "5", "7"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("two,1,training,small,Rock\n", "line 4: track_id 'two' is not a number"),
        (ROWS + "5,1,training,medium,Folk\n", "line 10: track_id '5' appears twice, first in line 6"),
        ("2,1,train,small,Rock\n", "set/split 'train'"),
        ("2,1,training,tiny,Rock\n", "set/subset 'tiny'"),
        ("2,1,training,small\n", "4 cells, but the header has 5"),
        ("2,1,training,small,Polka\n", r"genres.csv has no root genre 'Polka'"),
        ("2,1,training,small,Singer\n", "no root genre 'Singer'"),
        ("2,1,training,small,\n", "no labelled track of the small subset"),
    ],
)
def test_mistakes_are_named(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        fma.load(metadata(tmp_path, rows), "small")


def test_what_is_not_there_can_be_got(tmp_path):
    with pytest.raises(DataError, match="genrebench data get fma-large"):
        resolve("fma-large", installed_plugins(), tmp_path)
    (tmp_path / "tracks.csv").write_text("track_id,genre\n1,Rock\n")
    with pytest.raises(DataError, match=r"isn't FMA's tracks\.csv"):
        fma.load(tmp_path, "small")


def test_the_head_of_the_real_table(real_data, tmp_path):
    for name in ("tracks.csv", "genres.csv"):
        (tmp_path / name).symlink_to(real_data / "fma" / name.replace("tracks", "tracks_head"))
    counts = {}
    for subset in fma.SUBSETS:
        music = fma.load(tmp_path, subset)
        counts[subset] = len(music.tracks) + len(music.faulty)
        split = make_split(music)
        assert split.name == "official"
        assert shared_artists(music, split) == 0
    assert counts == {"small": 58, "medium": 194, "large": 631}  # of 682 rows, 51 have no top genre
    small = fma.load(tmp_path, "small")
    labels = (real_data / "fma/fma_small_labels.csv").read_text(encoding="utf-8").splitlines()
    known = {line.split(",", 1)[0]: line.rsplit(",", 1)[1] for line in labels}
    assert all(known[track] == part for track, part in small.official.items())


def test_fma_that_is_on_disk_already_is_found(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere, clips = (tmp_path / name for name in ("home", "metadata", "audio"))
    (elsewhere / "fma_metadata").mkdir(parents=True)
    (elsewhere / "fma_metadata" / "tracks.csv").write_bytes((real_data / "fma" / "tracks_head.csv").read_bytes())
    (clips / "fma_small").mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"genrebench data get fma-small, or name the folder .* --data-dir or GENREBENCH_DATA_DIR"
    ):
        fma.load_named(home, "small")
    monkeypatch.setenv("GENREBENCH_DATA_DIR", f"{elsewhere}{os.pathsep}{clips}")
    dataset = fma.load_named(home, "small")
    assert dataset.name == "fma-small"
    assert all(track.path == clips / "fma_small" / fma.clip_path(track.id) for track in dataset.tracks)
    monkeypatch.setenv("GENREBENCH_DATA_DIR", str(tmp_path / "mistyped"))
    with pytest.raises(UsageError, match=r"there is no folder '.*mistyped', which --data-dir or GENREBENCH_DATA_DIR names"):
        fma.load_named(home, "small")

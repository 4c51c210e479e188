"""What the levels of folders mean: genres, the parts of a split, or nothing."""

import pytest

from genrebench.datasets.folder import load
from genrebench.datasets.layout import Layout, understand
from genrebench.errors import DataError


def read(*paths):
    return understand([tuple(path.split("/")) for path in paths], "music")


def each(pattern, *names):
    return [pattern.format(name, genre) for name in names for genre in ("rock", "folk")]


@pytest.mark.parametrize(
    ("training", "validation", "test"),
    [
        ("train", "val", "test"),
        ("training", "validation", "testing"),
        ("Train", "Valid", "Test"),
        ("TRAINING", "DEV", "EVAL"),
        ("train_set", "valid_set", "test_set"),
        ("trainset", "devset", "testset"),
        ("TrainData", "ValidationData", "TestData"),
        ("train-audio", "development", "evaluation"),
        ("01_train", "02_val", "03_test"),
        ("train", "eval", "test"),
        ("train", "validate", "held_out"),
        ("tr", "va", "te"),
        ("entrenamiento", "validación", "prueba"),
    ],
)
@pytest.mark.parametrize("pattern", ["{0}/{1}/a.mp3", "{1}/{0}/a.mp3", "Data/{0}/{1}/X/a.mp3"])
def test_parts_of_a_split_are_read_however_they_are_written(pattern, training, validation, test):
    layout = read(*each(pattern, training, validation, test))
    assert layout.parts == {training: "training", validation: "validation", test: "test"}
    above, first = ((), 0) if "Data" not in pattern else (("Data",), 1)
    part, genre = (first, first + 1) if "{0}/{1}" in pattern else (first + 1, first)
    assert (layout.above, layout.part, layout.genre) == (above, part, genre)
    assert all(repr(name) in layout.describe() for name in (training, validation, test))
    assert "official split" in layout.describe()


@pytest.mark.parametrize(
    "above", ["genres_original", "genres", "Data/genres_original", "audio", "Dataset/wav", "GTZAN/genres", "train"]
)
def test_genres_below_folders_that_mean_nothing(above):
    layout = read(*each("{0}/{1}/a.mp3", above), "cover.mp3")
    assert layout == Layout(tuple(above.split("/")), len(above.split("/")))
    assert repr(above) in layout.describe()


@pytest.mark.parametrize(
    "paths",
    [
        ["rock/a.mp3", "folk/b.mp3"],
        ["rock/X/a.mp3", "folk/Y/live/b.mp3"],
        ["rock/train/a.mp3", "folk/b.mp3"],
        ["test/a.mp3", "rock/b.mp3"],  # one part alone may be a genre
        ["train/Coltrane/a.mp3", "rock/b.mp3"],
        ["music/a.mp3"],
        ["Trains/a.mp3", "Tests/b.mp3"],
        ["Queen/a.mp3"],
        ["1980/a.mp3", "1990/b.mp3"],
    ],
)
def test_otherwise_the_first_level_is_the_genre(paths):
    assert read(*paths) == Layout()


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["train/a.mp3", "test/b.mp3"], "'test', 'train' have no folder per genre; sort the files into PART/GENRE/FILE"),
        (["train/rock/a.mp3", "test/b.mp3"], "'test' has no folder per genre"),
        (["train/rock/a.mp3", "test/rock/b.mp3", "rock/c.mp3"], "'rock' beside them does not; keep one layout"),
        (["CD1/a.mp3", "CD2/b.mp3"], "'CD1', 'CD2' are numbered parts, not genres"),
        (["fold 1/rock/a.mp3", "fold 2/rock/b.mp3"], "numbered parts"),
        (["000/000002.mp3", "001/001012.mp3"], "FMA's audio, not genres"),
    ],
)
def test_what_cannot_be_genres_is_refused_and_named(paths, message):
    with pytest.raises(DataError, match=f"^music: the folders .*{message}"):
        read(*paths)


@pytest.mark.parametrize("top", ["my things", "my things/on disk/K"])
def test_a_folder_whose_folders_may_be_the_genres_is_told(tmp_path, top):
    for name in ("X/a.mp3", "Y/b.mp3"):
        (tmp_path / top / name).parent.mkdir(parents=True)
        (tmp_path / top / name).write_bytes(b"sound")
    music = load(tmp_path)
    assert music.genres == ("my things",)
    assert [(r.kind, r.severity) for r in music.remarks] == [("layout", "warning")]
    assert f"if the folders in {top!r} are the genres ('X', 'Y', ...), name it as the dataset" in music.remarks[0].detail

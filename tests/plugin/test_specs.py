"""What a plugin's metrics, splits and datasets may return: every other answer is an error that names it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.errors import DataError, PluginError
from genrebench.plugin.datasets import Archive, require_dataset, require_features
from genrebench.plugin.metrics import MetricSpec, measure
from genrebench.plugin.splits import SplitSpec, made_folds
from genrebench.records import Dataset, FeatureValues, Fold, Track

LABELS = np.array([0, 1, 1])
P = np.array([[0.6, 0.4], [0.2, 0.8], [0.9, 0.1]])


def right(labels: Any, probabilities: Any) -> Any:
    return probabilities.argmax(axis=1) == labels


def test_a_metric_of_each_track_is_the_mean_of_its_values() -> None:
    measured = measure(MetricSpec("right", "s", right, True, "higher", (0, 1)), LABELS, P)
    assert measured.score == pytest.approx(2 / 3)
    assert measured.values is not None
    assert measured.values.tolist() == [1, 1, 0]
    assert measure(MetricSpec("n", "s", lambda labels, p: len(labels)), LABELS, P).values is None


@pytest.mark.parametrize(
    ("returned", "settings", "message"),
    [
        ("many", {}, r"the metric 'm' returned str, which isn't numeric"),
        (None, {}, "returned nan|NoneType"),
        ([1.0, 2.0], {}, r"returned the shape \(2,\), expected a single number"),
        (1.0, {"per_track": True}, r"returned the shape \(\), expected one value per track, shape \(3,\)"),
        ([[1.0], [1.0], [1.0]], {"per_track": True}, r"returned the shape \(3, 1\)"),
        (math.nan, {}, "returned nan; scores have to be finite$"),
        ([1, math.inf, 0], {"per_track": True}, "returned inf"),
        (1.5, {"range": (0, 1)}, "returned 1.5; scores have to be finite and within its range, 0 to 1"),
        ([0.5, -0.1, 0.5], {"per_track": True, "range": (0, 1)}, "returned -0.1"),
    ],
)
def test_a_metric_that_returns_something_else_is_named(returned: Any, settings: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        measure(MetricSpec("m", "s", lambda labels, p: returned, **settings), LABELS, P)


def test_a_metric_cannot_change_what_others_see() -> None:
    def careless(labels: Any, probabilities: Any) -> float:
        labels[:] = 0
        probabilities[:] = 0
        return 1.0

    labels, p = LABELS.copy(), P.copy()
    measure(MetricSpec("careless", "s", careless), labels, p)
    assert labels.tolist() == LABELS.tolist()
    assert p.tolist() == P.tolist()


RANGES: list[Any] = [(1, 0), (0, 0), (0,), (0, 1, 2), (0, math.nan), ("0", "1"), None, 1]


@pytest.mark.parametrize("settings", [{"direction": "up"}, *({"range": ends} for ends in RANGES)])
def test_a_direction_or_a_range_that_is_none_is_refused(settings: Any) -> None:
    with pytest.raises(ValueError, match="of 'm' is"):
        MetricSpec("m", "s", right, **settings)


# ------------------------------------------------------------------ splits

TRACKS = tuple(Track(str(i), "ab"[i % 2]) for i in range(6))
DATASET = Dataset("music", "1", TRACKS, ("a", "b"))


def made(returned: Any) -> Any:
    return made_folds(SplitSpec("mine", "s", lambda dataset, seed: returned), DATASET, 0, "split mine (their-plugin 1.0)")


def test_folds_with_and_without_warnings() -> None:
    fold = Fold(("0", "1"), (), ("2", "3"))
    assert made([fold]) == ((fold,), ())
    assert made(((fold,), ["one genre is missing"])) == ((fold,), ("one genre is missing",))
    assert made((fold, Fold(("0",), ("2",), ("4",)))) == ((fold, Fold(("0",), ("2",), ("4",))), ())  # two folds are no pair
    assert made([Fold(["0"], [], ["2"])]) == ((Fold(("0",), (), ("2",)),), ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned None"),
        ([], "returned no folds"),
        ({"training": ["0"]}, "not a list of genrebench.api.Fold"),
        ([("0", "1")], "not a list of genrebench.api.Fold"),
        ([Fold(("0", "9"), (), ("2",))], "fold 0 whose training part has '9', which isn't the id of a track"),
        ([Fold((0,), (), ("2",))], "training part has 0, which isn't"),  # type: ignore[arg-type]
        ([Fold(("0",), ("0",), ("2",))], "that has track '0' twice, in training and validation"),
        ([Fold(("0", "0"), (), ("2",))], "that has track '0' twice, in training"),
        ([Fold((), (), ("2",))], "fold 0 without a training track"),
        ([Fold("01", (), ("2",))], "whose training part is str"),  # type: ignore[arg-type]
        ([Fold(("0",), (), ("2",)), Fold(("0",), (), ("2",))], "2 test track '2'"),
        (([Fold(("0",), (), ("2",))], "a warning"), "the warnings 'a warning'"),
    ],
)
def test_folds_that_are_none_name_the_plugin(returned: Any, message: str) -> None:
    with pytest.raises(PluginError, match=r"^split mine \(their-plugin 1.0\): make .*" + message):
        made(returned)


def test_errors_of_a_split_name_the_plugin_and_keep_their_class() -> None:
    def refuses(dataset: Dataset, seed: int) -> Any:
        raise DataError("no years are known")

    with pytest.raises(DataError, match=r"^their-plugin: no years are known"):
        made_folds(SplitSpec("years", "s", refuses), DATASET, 0, "their-plugin")
    with pytest.raises(PluginError, match="raised ZeroDivisionError in make"):
        made_folds(SplitSpec("zero", "s", lambda dataset, seed: 1 / 0), DATASET, 0, "x")  # type: ignore[arg-type,return-value]


# ------------------------------------------------------------------ datasets


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (None, "load returned NoneType, not a genrebench.api.Dataset"),
        (dataclasses.replace(DATASET, tracks=()), "without tracks"),
        (dataclasses.replace(DATASET, tracks=(Track(7, "a"),)), r"id of a track is 7 \(int\)"),  # type: ignore[arg-type]
        (dataclasses.replace(DATASET, tracks=(Track("", "a"),)), "ids have to be text that isn't empty"),
        (dataclasses.replace(DATASET, tracks=(Track("x", None),)), "has the genre None"),  # type: ignore[arg-type]
        (dataclasses.replace(DATASET, tracks=(Track("x", "a", 3),)), "has the artist 3"),  # type: ignore[arg-type]
        (dataclasses.replace(DATASET, tracks=(Track("x", "a", None, "x.mp3"),)), r"path 'x.mp3' \(str\)"),  # type: ignore[arg-type]
        (dataclasses.replace(DATASET, tracks=("x",)), "a track is str"),  # type: ignore[arg-type]
        (dataclasses.replace(DATASET, tracks=(*TRACKS, TRACKS[0])), "track '0' is in the dataset twice"),
        (dataclasses.replace(DATASET, genres=("a",)), "'1' has the genre 'b', which isn't among the genres"),
        (dataclasses.replace(DATASET, genres=("a", "b", "b")), "the genres have to be"),
        (dataclasses.replace(DATASET, genres=["a", "b"]), "the genres have to be a tuple"),  # type: ignore[arg-type]
        (dataclasses.replace(DATASET, official={"0": "train"}), "puts track '0' into 'train'"),
        (dataclasses.replace(DATASET, official={"nobody": "test"}), "official split has none of the tracks"),
        (dataclasses.replace(DATASET, official=None), "official split is NoneType"),  # type: ignore[arg-type]
    ],
)
def test_a_dataset_that_is_none_names_the_plugin(loaded: Any, message: str) -> None:
    with pytest.raises(PluginError, match=r"^theirs \(their-plugin 1.0\): .*" + message):
        require_dataset(loaded, "theirs (their-plugin 1.0)")


def test_a_sound_dataset_is_returned_as_it_is() -> None:
    sound = dataclasses.replace(DATASET, tracks=(*TRACKS, Track("unlabelled", " ", "x", Path("a.mp3"))))
    assert require_dataset(sound, "x") is sound


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "returned NoneType"),
        (FeatureValues(("0",), (("x",),), np.zeros((2, 1))), r"of shape \(2, 1\), expected float64 of shape \(1, 1\)"),
        (FeatureValues(("0",), (("x",),), np.array([["a"]])), "<U1 of shape"),
        (FeatureValues(("9",), (("x",),), np.zeros((1, 1))), "no row for any track"),
    ],
)
def test_features_that_are_none_name_the_plugin(values: Any, message: str) -> None:
    with pytest.raises(PluginError, match="^x: load_features .*" + message):
        require_features(values, DATASET, "x")


SHA = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://x.org/a.zip"},
        {"url": "https://x.org/"},
        {"url": "https://x.org/a b.zip"},
        {"checksum": "0" * 64},
        {"checksum": "sha256:" + "0" * 40},
        {"checksum": "crc:00000000"},
        {"size": 0},
        {"unpacked": 0},
        {"folder": ""},
        {"folder": "../up"},
        {"folder": ".hidden"},
    ],
)
def test_an_archive_that_is_none_is_refused(settings: Any) -> None:
    sound: Any = {"url": "https://x.org/music.zip?x=1", "checksum": SHA, "size": 5, "folder": "music", "unpacked": 9}
    assert Archive(**sound).name == "music.zip"
    with pytest.raises(ValueError, match=r"URL|checksum|size|folder"):
        Archive(**(sound | settings))

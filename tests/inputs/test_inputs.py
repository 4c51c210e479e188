from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from genrebench import audio, inputs
from genrebench.api import (
    DataError,
    Dataset,
    FeatureTable,
    FeatureValues,
    Frames,
    InputSpec,
    PluginError,
    Prepared,
    Track,
    UsageError,
    Waveforms,
)
from genrebench.plugin.registry import Plugin, Registry

COLUMNS = (("mfcc", "mean", "01"), ("zcr", "mean", "01"), ("mfcc", "mean", "02"), ("tempo",))


def given_features():
    return FeatureValues(("a", "b", "c"), COLUMNS, np.arange(12.0).reshape(3, 4))


@pytest.fixture
def dataset(tmp_path):
    """Three tracks with audio and with four given features."""
    for i, name in enumerate("abc"):
        soundfile.write(tmp_path / f"{name}.wav", np.random.default_rng(i).uniform(-0.5, 0.5, 22050), 22050)
    tracks = tuple(Track(name, "Rock", path=tmp_path / f"{name}.wav") for name in "abc")
    return Dataset("mine", "1", tracks, ("Rock",), load_features=given_features, feature_source="from elsewhere")


def without_audio(dataset):
    return Dataset("mine", "1", tuple(Track(t.id, t.genre) for t in dataset.tracks), ("Rock",), load_features=given_features)


def without_features(dataset):
    return Dataset("mine", "1", dataset.tracks, dataset.genres)


@pytest.mark.parametrize("source", ["auto", "given"])
def test_given_features_come_in_the_order_of_the_ids(dataset, context, source):
    table = inputs.prepare(FeatureTable(source=source), dataset, ["c", "a"], {}, context)
    assert table.inputs.tolist() == [[8, 9, 10, 11], [0, 1, 2, 3]]
    assert table.columns == COLUMNS
    assert table.source == "given (from elsewhere)"


def test_groups_keep_the_order_of_the_columns(dataset, context):
    table = inputs.prepare(FeatureTable(("tempo", "mfcc")), dataset, ["a"], {}, context)
    assert table.inputs.tolist() == [[0, 2, 3]]
    assert table.columns == (COLUMNS[0], COLUMNS[2], COLUMNS[3])


@pytest.mark.parametrize(("groups", "reason"), [(("mfc",), "did you mean mfcc"), (("mfcc", "mfcc"), "named twice")])
def test_a_wrong_group_is_refused(dataset, context, groups, reason):
    for requested in (FeatureTable(groups), FeatureTable(groups, source="extract")):
        with pytest.raises(UsageError, match=reason):
            inputs.prepare(requested, dataset, ["a"], {}, context)


def test_a_track_without_given_features_is_named(dataset, context):
    with pytest.raises(DataError, match=r"'x' and 1 more.*--exclude"):
        inputs.prepare(FeatureTable(), dataset, ["a", "x", "y"], {}, context)


@pytest.mark.parametrize("requested", [FeatureTable(source="extract"), Waveforms(), Frames()])
def test_a_dataset_without_audio_is_refused(dataset, context, requested):
    with pytest.raises(DataError, match="mine has no audio"):
        inputs.prepare(requested, without_audio(dataset), ["a"], {}, context)


def test_a_dataset_without_features_is_refused_where_they_must_be_given(dataset, context):
    with pytest.raises(DataError, match="comes with no features"):
        inputs.prepare(FeatureTable(source="given"), without_features(dataset), ["a"], {}, context)


@pytest.mark.parametrize("source", ["auto", "extract"])
def test_features_are_extracted_where_none_are_given(dataset, context, source):
    table = inputs.prepare(FeatureTable(source=source), without_features(dataset), ["b", "a"], {}, context)
    assert table.inputs.shape == (2, 518)
    assert table.source == "extracted from audio"


def test_missing_audio_names_the_first_and_the_count(dataset, context):
    for track in dataset.tracks[1:]:
        track.path.unlink()
    with pytest.raises(
        DataError, match=r"track 'b' is missing \(and that of 1 more tracks\): .*b\.wav.*genrebench data check mine"
    ):
        inputs.prepare(Waveforms(), dataset, ["a", "b", "c"], {}, context)


def test_known_hashes_are_used(dataset, context):
    known = audio.content_hash(dataset.tracks[0].path)
    inputs.prepare(Waveforms(8000), dataset, ["a"], {"a": known}, context)
    assert [path.stem for path in context.cache.rglob("*.npy")] == [known]


@dataclass(frozen=True)
class Loudness:
    """An input that the core doesn't know."""


def test_inputs_of_plugins_are_dispatched_by_their_type(dataset, context):
    with pytest.raises(PluginError, match="Loudness, which isn't a registered input; known: FeatureTable"):
        inputs.prepare(Loudness(), dataset, ["a"], {}, context)
    spec = InputSpec(Loudness, "", lambda requested, clips, context: Prepared(np.zeros((len(clips), 1)), source="thin air"))
    registry = Registry()
    registry.add(Plugin("loudness", "genrebench-loudness", "1"), {"input": [spec]})
    prepared = inputs.prepare(Loudness(), dataset, ["a", "b"], {}, context, registry)
    assert prepared.source == "thin air"
    assert len(prepared.inputs) == 2


def test_clips_get_the_columns_that_the_model_was_trained_on(dataset, context):
    clips = inputs.make_clips({track.id: track.path for track in dataset.tracks}, {})
    columns = (("zcr", "mean", "01"), ("mfcc", "std", "03"))
    table = inputs.prepare_clips(FeatureTable(), clips, context, columns=columns)
    everything = inputs.prepare_clips(FeatureTable(), clips, context)
    assert table.columns == columns
    assert np.array_equal(table.inputs, everything.inputs[:, [everything.columns.index(column) for column in columns]])
    with pytest.raises(DataError, match=r"'tempo'.*can't be extracted"):
        inputs.prepare_clips(FeatureTable(), clips, context, columns=COLUMNS)

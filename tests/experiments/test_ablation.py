"""Shuffled, reversed and shortened tracks, and the scores of models that do and don't depend on temporal order."""

import pickle
from functools import partial

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrebench.errors import PluginError, UsageError
from genrebench.evaluation.differences import mean_difference
from genrebench.evaluation.intervals import sampling_units
from genrebench.experiments.ablation.ablate import Part, ablate
from genrebench.experiments.ablation.changes import ChangedInputs, keep, reverse, shuffle, with_new_deltas
from genrebench.experiments.ablation.conditions import Reference
from genrebench.inputs.frames import frames_of
from genrebench.plugin.contract import FeatureTable, Frames, Waveforms
from genrebench.testing import ListInputs

FRAMES = Frames(sample_rate=100, hop_length=10)  # 10 frames per second


def ramps(*lengths):
    return ListInputs([np.arange(n, dtype=np.float32)[:, None] + 1000 * i for i, n in enumerate(lengths)])


CHANGES = {
    "reversed": partial(ChangedInputs, change=reverse),
    "first": partial(ChangedInputs, change=keep, length=7),
    "shuffled": partial(ChangedInputs, change=partial(shuffle, segment=1, seed=0)),
    "segments": partial(ChangedInputs, change=partial(shuffle, segment=4, seed=0)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@given(data=st.data())
def test_reading_a_part_gives_a_slice_of_the_changed_track(change, data):
    changed = change(ramps(*data.draw(st.lists(st.integers(0, 20), min_size=1, max_size=4))))
    index = data.draw(st.integers(0, len(changed) - 1))
    start = data.draw(st.integers(0, 25))
    stop = data.draw(st.none() | st.integers(0, 25))
    whole = changed[index]
    assert len(whole) == changed.lengths[index]
    assert np.array_equal(changed.read(index, start, stop), whole[start:stop])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_pickled_subset_gives_the_same_tracks(change):
    changed = change(ramps(12, 5, 30))
    subset = pickle.loads(pickle.dumps(changed.subset([2, 0])))
    assert np.array_equal(subset[0], changed[2])
    assert np.array_equal(subset[1], changed[0])


def test_reversing_shortening_and_shuffling():
    inputs = ramps(10)
    assert ChangedInputs(inputs, reverse)[0][:, 0].tolist() == list(range(9, -1, -1))
    assert ChangedInputs(inputs, keep, 3)[0][:, 0].tolist() == [0, 1, 2]
    assert ChangedInputs(inputs, reverse, 3)[0][:, 0].tolist() == [2, 1, 0]
    frames = ChangedInputs(inputs, partial(shuffle, segment=1, seed=0))[0][:, 0].tolist()
    assert sorted(frames) == list(range(10))
    assert frames != list(range(10))
    segments = ChangedInputs(inputs, partial(shuffle, segment=4, seed=1))[0][:, 0].tolist()
    assert sorted(segments) == list(range(10))
    for start in (0, 4):
        position = segments.index(start)
        assert segments[position : position + 4] == list(range(start, start + 4))


def test_deltas_are_recomputed_from_the_changed_track():
    requested = Frames(sample_rate=8000, n_coefficients=6, deltas=True)
    rng = np.random.default_rng(5)
    track = frames_of(rng.normal(0, 0.1, 24000).astype(np.float32), 8000, requested)
    values, first, second = np.split(track, 3, axis=1)
    with_deltas = partial(with_new_deltas, n_values=6)
    assert np.array_equal(with_deltas(track, 0, change=keep), track)
    # reversal flips the sign of the first derivative, not of the second
    reversed_ = np.split(with_deltas(track, 0, change=reverse), 3, axis=1)
    for actual, expected in zip(reversed_, (values[::-1], -first[::-1], second[::-1]), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-4)
    shuffled = with_deltas(track, 0, change=partial(shuffle, segment=1, seed=0))[:, :12]
    np.testing.assert_allclose(shuffled[:, 6:], librosa.feature.delta(shuffled[:, :6], axis=0), atol=1e-4)
    assert not np.allclose(np.sort(shuffled[:, 6:], axis=0), np.sort(first, axis=0), atol=0.1)


def test_a_model_with_deltas_gets_those_of_the_changed_track():
    requested = Frames(sample_rate=100, hop_length=10, n_coefficients=1, deltas=True)
    rising = np.linspace(0, 4, 41, dtype=np.float32)[:, None]  # by 0.1 per frame
    slopes = np.concatenate([rising, np.full_like(rising, 0.1), np.zeros_like(rising)], axis=1)
    seen = []

    def predict(inputs):
        seen.append(inputs[0])
        return np.array([[0.5, 0.5]])

    ablate([Part(predict, ListInputs([slopes]), np.array([0]), np.array([-1]))], requested, seconds=(2,))
    in_order, shuffled, backwards, first = seen
    assert np.array_equal(in_order, slopes)
    assert shuffled[:, 1].std() > 0.05
    np.testing.assert_allclose(backwards[:, 1:], np.broadcast_to([-0.1, 0], (41, 2)), atol=1e-5)
    np.testing.assert_allclose(first, slopes[:20], atol=1e-5)


def parts(predict, n_folds=2):
    """Tracks with rising and with falling values; reversing a track turns one kind into the other."""
    rising = np.arange(40, dtype=np.float32)[:, None]
    tracks = ListInputs([rising, rising[::-1]] * 3)
    labels = np.array([0, 1] * 3)
    return [Part(predict, tracks, labels, np.arange(6) + 6 * fold) for fold in range(n_folds)]


def by_direction(inputs):
    up = np.array([track[-1, 0] > track[0, 0] for track in inputs])
    return np.where(up[:, None], [0.9, 0.1], [0.1, 0.9])


def by_mean(inputs):
    return np.array([[0.5, 0.5] if track.mean() == 19.5 else [0.8, 0.2] for track in inputs])


def test_a_model_that_depends_on_direction_is_wrong_on_reversed_tracks():
    result = ablate(parts(by_direction), FRAMES, seconds=(1, 2, 60))
    rows = {row.condition: row for row in result.rows}
    assert list(rows) == ["in order", "shuffled", "reversed", "first 1 s", "first 2 s"]
    assert result.n_tracks == result.n_units == 12
    assert result.unit == "artist"
    assert result.left_out == (60,)
    assert result.remarks() == ["Left out because no track is longer: first 60 s."]
    assert result.shuffled == "frames 100 ms apart"
    assert rows["in order"].log_loss == pytest.approx(-np.log(0.9))
    assert rows["in order"].f1_micro == 1
    assert rows["in order"].log_loss_difference == rows["in order"].log_loss_error == 0
    assert rows["reversed"].f1_micro == 0
    assert rows["reversed"].log_loss_difference == pytest.approx(np.log(0.9) - np.log(0.1))
    assert rows["reversed"].log_loss_error == pytest.approx(0)  # the difference is the same for each track
    assert rows["first 1 s"].log_loss_difference == pytest.approx(0)


def test_a_model_that_depends_on_the_mean_ignores_order():
    rows = {row.condition: row for row in ablate(parts(by_mean), FRAMES, seconds=(1,)).rows}
    assert rows["shuffled"].log_loss_difference == rows["reversed"].log_loss_difference == 0
    # on shortened tracks it predicts (0.8, 0.2) for both labels: losses -ln 0.8 and -ln 0.2 instead of ln 2
    expected = np.array([-np.log(0.8), -np.log(0.2)] * 6) - np.log(2)
    assert rows["first 1 s"].log_loss_difference == pytest.approx(expected.mean())
    assert rows["first 1 s"].log_loss_error == pytest.approx(expected.std(ddof=1) / np.sqrt(12))
    assert rows["first 1 s"].log_loss_interval == mean_difference(expected, sampling_units(np.arange(12))).interval


def test_few_artists_have_no_interval():
    for n, few in ((6, False), (5, True)):
        (part,) = parts(by_mean, n_folds=1)
        result = ablate([Part(by_mean, part.inputs, part.labels, np.arange(6) % n)], FRAMES, seconds=(1,))
        assert (result.to_json()["rows"][-1]["log_loss_interval"] == [None, None]) == few
        assert ("±" in str(result)) == (not few)
        assert ("too few" in str(result)) == few


def test_waveforms_are_shuffled_by_segments_of_50_ms():
    waveform = ListInputs([np.arange(100, dtype=np.float32)])
    seen = []

    def predict(inputs):
        seen.append(inputs[0])
        return np.array([[0.5, 0.5]])

    part = Part(predict, waveform, np.array([0]), np.array([-1]))
    result = ablate([part], Waveforms(sample_rate=200), seconds=(0.25,))
    assert (result.shuffled, result.unit) == ("segments of 50 ms", "track")
    in_order, shuffled, backwards, first = seen
    assert np.array_equal(in_order, np.arange(100))
    assert (np.diff(shuffled.reshape(-1, 10)) == 1).all()
    assert not np.array_equal(shuffled, in_order)
    assert np.array_equal(backwards, in_order[::-1])
    assert np.array_equal(first, np.arange(50))


def test_unusable_inputs_and_lengths_are_errors():
    with pytest.raises(UsageError, match="FeatureTable has no temporal order that can be changed"):
        ablate(parts(by_mean), FeatureTable())
    with pytest.raises(PluginError, match="object, which isn't a registered input"):
        ablate(parts(by_mean), object())
    with pytest.raises(UsageError, match="needs one rate for all"):
        ablate([], Waveforms(sample_rate=None))
    with pytest.raises(UsageError, match="no test track"):
        ablate([], FRAMES)
    for invalid in (0, -1, float("inf"), float("nan")):
        with pytest.raises(UsageError, match=f"can't shorten tracks to {invalid:g} s"):
            ablate(parts(by_mean), FRAMES, seconds=(1, invalid))


def test_an_extremely_large_length_is_left_out():
    assert ablate(parts(by_mean), FRAMES, seconds=(1e308,)).left_out == (1e308,)


REFERENCES = (Reference("uniform", np.log(2), 0.5, 1 / 3), Reference("training-prior", 1.2, 0.5, 1 / 3))


def test_a_remark_names_the_conditions_that_are_worse_than_a_baseline():
    (note,) = ablate(parts(by_direction), FRAMES, seconds=(1,), references=REFERENCES).remarks()
    # reversed, every track has loss -ln 0.1; shuffled, about half of them; shortened, none
    assert "Worse than uniform" in note and "reversed" in note and "first" not in note
    assert "upper bound" in note
    assert ablate(parts(by_direction), FRAMES, seconds=(1,)).remarks() == []


def test_json():
    result = ablate(parts(by_direction), FRAMES, references=REFERENCES)
    record = result.to_json()
    assert "run_id" not in record
    assert [row["condition"] for row in record["rows"]][:3] == ["in order", "shuffled", "reversed"]
    assert [reference["name"] for reference in record["references"]] == ["uniform", "training-prior"]
    assert list(record["left_out"]) == [10]
    assert record["notes"] == result.remarks()


def test_the_figure_shows_scores_and_names_its_parts(make_run):
    run = make_run(dataset="ramps $", synthetic=True)
    result = ablate(parts(by_direction), FRAMES, references=REFERENCES, run=run)
    figure = result.figure()
    losses, hits = figure.axes
    assert losses.get_xlabel().startswith("log loss") and hits.get_xlabel().startswith("F1")
    for axes, score in ((losses, "log_loss"), (hits, "f1_micro")):
        assert [bar.get_width() for bar in axes.patches] == [getattr(row, score) for row in result.rows]
        assert {getattr(reference, score) for reference in REFERENCES} <= {line.get_xdata()[0] for line in axes.lines}
    assert figure.get_suptitle().startswith("svm on ramps $ (synthetic music), split artist\nrun a-run, seed 0: 12 test tracks")
    (legend,) = figure.legends
    labels = {text.get_text() for text in legend.get_texts()}
    error = "± 95 % interval of the difference from in order, over 12 artists, for this trained model"
    assert {"uniform", "training-prior", error} <= labels
    assert "first 10 s" in legend.get_title().get_text()
    figure.draw_without_rendering()

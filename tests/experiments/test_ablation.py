"""Shuffled, reversed and shortened tracks, and the scores of models that do and don't see the difference."""

import pickle
from functools import partial

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrebench.errors import UsageError
from genrebench.experiments.ablation.ablate import Part, ablate
from genrebench.experiments.ablation.changes import Changed, keep, reverse, shuffle, with_new_deltas
from genrebench.experiments.ablation.conditions import Reference
from genrebench.inputs.frames import frames_of
from genrebench.plugin.contract import FeatureTable, Frames, Waveforms
from genrebench.testing import ListInputs

FRAMES = Frames(sample_rate=100, hop_length=10)  # ten frames a second


def ramps(*lengths):
    return ListInputs([np.arange(n, dtype=np.float32)[:, None] + 1000 * i for i, n in enumerate(lengths)])


CHANGES = {
    "reversed": partial(Changed, change=reverse),
    "first": partial(Changed, change=keep, length=7),
    "shuffled": partial(Changed, change=partial(shuffle, segment=1, seed=0)),
    "segments": partial(Changed, change=partial(shuffle, segment=4, seed=0)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@given(data=st.data())
def test_a_part_is_a_slice_of_the_whole(change, data):
    changed = change(ramps(*data.draw(st.lists(st.integers(0, 20), min_size=1, max_size=4))))
    index = data.draw(st.integers(0, len(changed) - 1))
    start = data.draw(st.integers(0, 25))
    stop = data.draw(st.none() | st.integers(0, 25))
    whole = changed[index]
    assert len(whole) == changed.lengths[index]
    assert np.array_equal(changed.read(index, start, stop), whole[start:stop])


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_subset_and_a_copy_in_another_process_give_the_same_tracks(change):
    changed = change(ramps(12, 5, 30))
    some = pickle.loads(pickle.dumps(changed.subset([2, 0])))
    assert np.array_equal(some[0], changed[2])
    assert np.array_equal(some[1], changed[0])


def test_what_the_changes_do():
    inputs = ramps(10)
    assert Changed(inputs, reverse)[0][:, 0].tolist() == list(range(9, -1, -1))
    assert Changed(inputs, keep, 3)[0][:, 0].tolist() == [0, 1, 2]
    assert Changed(inputs, reverse, 3)[0][:, 0].tolist() == [2, 1, 0]
    frames = Changed(inputs, partial(shuffle, segment=1, seed=0))[0][:, 0].tolist()
    assert sorted(frames) == list(range(10))
    assert frames != list(range(10))
    segments = Changed(inputs, partial(shuffle, segment=4, seed=1))[0][:, 0].tolist()
    assert sorted(segments) == list(range(10))
    for start in (0, 4):
        place = segments.index(start)
        assert segments[place : place + 4] == list(range(start, start + 4))


def test_differences_in_time_are_those_of_the_changed_track():
    wanted = Frames(sample_rate=8000, n_coefficients=6, deltas=True)
    rng = np.random.default_rng(5)
    track = frames_of(rng.normal(0, 0.1, 24000).astype(np.float32), 8000, wanted)
    values, first, second = np.split(track, 3, axis=1)
    anew = partial(with_new_deltas, n_values=6)
    assert np.array_equal(anew(track, 0, change=keep), track)
    # played backwards, what rose falls; curvature stays
    backwards = np.split(anew(track, 0, change=reverse), 3, axis=1)
    for found, expected in zip(backwards, (values[::-1], -first[::-1], second[::-1]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    mixed = anew(track, 0, change=partial(shuffle, segment=1, seed=0))[:, :12]
    np.testing.assert_allclose(mixed[:, 6:], librosa.feature.delta(mixed[:, :6], axis=0), atol=1e-4)
    assert not np.allclose(np.sort(mixed[:, 6:], axis=0), np.sort(first, axis=0), atol=0.1)


def test_a_model_of_differences_in_time_sees_those_of_the_changed_track():
    wanted = Frames(sample_rate=100, hop_length=10, n_coefficients=1, deltas=True)
    rising = np.linspace(0, 4, 41, dtype=np.float32)[:, None]  # by 0.1 a frame
    slopes = np.concatenate([rising, np.full_like(rising, 0.1), np.zeros_like(rising)], axis=1)
    seen = []

    def predict(inputs):
        seen.append(inputs[0])
        return np.array([[0.5, 0.5]])

    ablate([Part(predict, ListInputs([slopes]), np.array([0]), np.array([-1]))], wanted, seconds=(2,))
    in_order, shuffled, backwards, first = seen
    assert np.array_equal(in_order, slopes)
    assert shuffled[:, 1].std() > 0.05
    np.testing.assert_allclose(backwards[:, 1:], np.broadcast_to([-0.1, 0], (41, 2)), atol=1e-5)
    np.testing.assert_allclose(first, slopes[:20], atol=1e-5)


def parts(predict, n_folds=2):
    """Tracks of rising and of falling values; reversed, each is one of the other kind."""
    rising = np.arange(40, dtype=np.float32)[:, None]
    tracks = ListInputs([rising, rising[::-1]] * 3)
    labels = np.array([0, 1] * 3)
    return [Part(predict, tracks, labels, np.arange(6) + 6 * fold) for fold in range(n_folds)]


def by_direction(inputs):
    up = np.array([track[-1, 0] > track[0, 0] for track in inputs])
    return np.where(up[:, None], [0.9, 0.1], [0.1, 0.9])


def by_mean(inputs):
    return np.array([[0.5, 0.5] if track.mean() == 19.5 else [0.8, 0.2] for track in inputs])


def test_a_model_of_direction_is_wrong_on_reversed_tracks():
    found = ablate(parts(by_direction), FRAMES, seconds=(1, 2, 60))
    rows = {row.condition: row for row in found.rows}
    assert list(rows) == ["in order", "shuffled", "reversed", "first 1 s", "first 2 s"]
    assert found.n_tracks == found.n_units == 12
    assert found.unit == "artist"
    assert found.left_out == (60,)
    assert found.remarks() == ["Left out, since no track is longer: first 60 s."]
    assert found.shuffled == "frames 100 ms apart"
    assert rows["in order"].log_loss == pytest.approx(-np.log(0.9))
    assert rows["in order"].f1_micro == 1
    assert rows["in order"].log_loss_difference == rows["in order"].log_loss_error == 0
    assert rows["reversed"].f1_micro == 0
    assert rows["reversed"].log_loss_difference == pytest.approx(np.log(0.9) - np.log(0.1))
    assert rows["reversed"].log_loss_error == pytest.approx(0)  # each track loses the same
    assert rows["first 1 s"].log_loss_difference == pytest.approx(0)


def test_a_model_of_the_mean_sees_no_order():
    rows = {row.condition: row for row in ablate(parts(by_mean), FRAMES, seconds=(1,)).rows}
    assert rows["shuffled"].log_loss_difference == rows["reversed"].log_loss_difference == 0
    # cut short, labels 0 and 1 answer with (0.8, 0.2) both: losses -ln 0.8 and -ln 0.2 instead of ln 2
    expected = np.array([-np.log(0.8), -np.log(0.2)] * 6) - np.log(2)
    assert rows["first 1 s"].log_loss_difference == pytest.approx(expected.mean())
    assert rows["first 1 s"].log_loss_error == pytest.approx(expected.std(ddof=1) / np.sqrt(12))


def test_waveforms_are_shuffled_by_segments_of_50_ms():
    wave = ListInputs([np.arange(100, dtype=np.float32)])
    seen = []

    def predict(inputs):
        seen.append(inputs[0])
        return np.array([[0.5, 0.5]])

    part = Part(predict, wave, np.array([0]), np.array([-1]))
    found = ablate([part], Waveforms(sample_rate=200), seconds=(0.25,))
    assert (found.shuffled, found.unit) == ("segments of 50 ms", "track")
    in_order, shuffled, backwards, first = seen
    assert np.array_equal(in_order, np.arange(100))
    assert (np.diff(shuffled.reshape(-1, 10)) == 1).all()
    assert not np.array_equal(shuffled, in_order)
    assert np.array_equal(backwards, in_order[::-1])
    assert np.array_equal(first, np.arange(50))


def test_what_cannot_be_ablated():
    for wanted in (FeatureTable(), object()):
        with pytest.raises(UsageError, match=f"{type(wanted).__name__} has no order in time that can be changed"):
            ablate(parts(by_mean), wanted)
    with pytest.raises(UsageError, match="no test track"):
        ablate([], FRAMES)
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(UsageError, match=f"can't cut tracks to {wrong:g} s"):
            ablate(parts(by_mean), FRAMES, seconds=(1, wrong))


def test_a_length_beyond_all_numbers_of_frames_is_left_out():
    assert ablate(parts(by_mean), FRAMES, seconds=(1e308,)).left_out == (1e308,)


REFERENCES = (Reference("uniform", np.log(2), 0.5, 1 / 3), Reference("training-prior", 1.2, 0.5, 1 / 3))


def test_a_condition_worse_than_answers_that_ignore_the_audio_is_said_to_be_no_measure():
    (note,) = ablate(parts(by_direction), FRAMES, seconds=(1,), references=REFERENCES).remarks()
    # reversed, each track loses -ln 0.1; shuffled, as many as by chance; cut short, none
    assert "Worse than uniform" in note and "reversed" in note and "first" not in note
    assert "upper bound" in note
    assert ablate(parts(by_direction), FRAMES, seconds=(1,)).remarks() == []


def test_record():
    found = ablate(parts(by_direction), FRAMES, references=REFERENCES)
    record = found.to_json()
    assert "run_id" not in record
    assert [row["condition"] for row in record["rows"]][:3] == ["in order", "shuffled", "reversed"]
    assert [reference["name"] for reference in record["references"]] == ["uniform", "training-prior"]
    assert list(record["left_out"]) == [10]
    assert record["notes"] == found.remarks()


def test_a_figure_says_what_it_shows(make_run):
    run = make_run(dataset="ramps $", synthetic=True)
    found = ablate(parts(by_direction), FRAMES, references=REFERENCES, run=run)
    drawn = found.figure()
    losses, hits = drawn.axes
    assert losses.get_xlabel().startswith("log loss") and hits.get_xlabel().startswith("F1")
    for axes, score in ((losses, "log_loss"), (hits, "f1_micro")):
        assert [bar.get_width() for bar in axes.patches] == [getattr(row, score) for row in found.rows]
        assert {getattr(reference, score) for reference in REFERENCES} <= {line.get_xdata()[0] for line in axes.lines}
    assert drawn.get_suptitle().startswith("svm on ramps $ (synthetic music), split artist\nrun a-run, seed 0: 12 test tracks")
    (legend,) = drawn.legends
    told = {text.get_text() for text in legend.get_texts()}
    assert {"uniform", "training-prior", "± standard error of the difference from in order, over 12 artists"} <= told
    assert "first 10 s" in legend.get_title().get_text()
    drawn.draw_without_rendering()

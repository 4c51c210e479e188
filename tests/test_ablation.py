"""Shuffled, reversed and shortened tracks, and the scores of models that do and don't see the difference."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrebench import ablation
from genrebench.ablation import First, Part, Reversed, Shuffled, ablate
from genrebench.contract import FeatureTable, Frames, Waveforms
from genrebench.errors import UsageError
from genrebench.testing import ListInputs

FRAMES = Frames(sample_rate=100, hop_length=10)  # ten frames a second


def ramps(*lengths):
    return ListInputs([np.arange(n, dtype=np.float32)[:, None] + 1000 * i for i, n in enumerate(lengths)])


CHANGES = {
    "reversed": Reversed,
    "first": lambda inputs: First(inputs, 7),
    "shuffled": lambda inputs: Shuffled(inputs, 1, 0),
    "segments": lambda inputs: Shuffled(inputs, 4, 0),
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
    assert Reversed(inputs)[0][:, 0].tolist() == list(range(9, -1, -1))
    assert First(inputs, 3)[0][:, 0].tolist() == [0, 1, 2]
    frames = Shuffled(inputs, 1, 0)[0][:, 0].tolist()
    assert sorted(frames) == list(range(10))
    assert frames != list(range(10))
    segments = Shuffled(inputs, 4, 1)[0][:, 0].tolist()
    assert sorted(segments) == list(range(10))
    for start in (0, 4):
        place = segments.index(start)
        assert segments[place : place + 4] == list(range(start, start + 4))


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
    assert found.n_tracks == 12
    assert found.shuffled == "frames of 100 ms"
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

    ablate([Part(predict, wave, np.array([0]), np.array([-1]))], Waveforms(sample_rate=200), seconds=(0.25,))
    in_order, shuffled, backwards, first = seen
    assert np.array_equal(in_order, np.arange(100))
    assert (np.diff(shuffled.reshape(-1, 10)) == 1).all()
    assert not np.array_equal(shuffled, in_order)
    assert np.array_equal(backwards, in_order[::-1])
    assert np.array_equal(first, np.arange(50))


def test_what_cannot_be_ablated():
    with pytest.raises(UsageError, match="FeatureTable sees no order in time"):
        ablate(parts(by_mean), FeatureTable())
    with pytest.raises(UsageError, match="no test track"):
        ablate([], FRAMES)
    with pytest.raises(UsageError, match="can't cut tracks to 0 s"):
        ablate(parts(by_mean), FRAMES, seconds=(0,))


def test_record_and_figure():
    found = ablate(parts(by_direction), FRAMES)
    record = found.to_json()
    assert [row["condition"] for row in record["rows"]][:3] == ["in order", "shuffled", "reversed"]
    drawn = ablation.figure(found)
    assert drawn.axes[0].get_xlabel().startswith("log loss")
    assert len(drawn.axes[0].patches) == len(found.rows)

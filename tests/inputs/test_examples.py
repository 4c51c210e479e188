"""Made tracks of each kind of input: by label, seed and length."""

from typing import Any

import numpy as np
import pytest

from genrebench.api import FeatureTable, Frames, ListInputs, Waveforms
from genrebench.inputs import SPECS

KINDS = {
    "table": FeatureTable(("mfcc", "tonnetz")),
    "waveforms": Waveforms(8000),
    "native": Waveforms(None),
    "frames": Frames(sample_rate=8000, deltas=True),
}


def made(requested: Any, labels: list[int], seed: int = 0, seconds: float = 1.0) -> Any:
    (spec,) = [spec for spec in SPECS if spec.type is type(requested)]
    assert spec.example is not None
    return spec.example(requested, np.array(labels, dtype=np.int64), seed, seconds)


@pytest.mark.parametrize("requested", KINDS.values(), ids=KINDS)
def test_tracks_follow_label_and_seed(requested: Any) -> None:
    labels = [2, 0, -1, 15, 0]
    prepared, again, other = made(requested, labels), made(requested, labels), made(requested, labels, seed=1)
    assert len(prepared.inputs) == len(labels)
    for one, same, different in zip(prepared.inputs, again.inputs, other.inputs, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_array_equal(one, same)
        assert one.std() == 0 or not np.array_equal(one, different)
    assert prepared.inputs[2].std() == 0
    assert not np.array_equal(prepared.inputs[1], prepared.inputs[4])
    assert len(made(requested, []).inputs) == 0


@pytest.mark.parametrize("requested", [KINDS["waveforms"], KINDS["frames"]], ids=["waveforms", "frames"])
def test_tracks_have_the_length_that_the_frame_rate_says(requested: Any) -> None:
    (spec,) = [spec for spec in SPECS if spec.type is type(requested)]
    assert spec.frame_rate is not None
    rate = spec.frame_rate(requested)
    assert rate is not None
    assert abs(made(requested, [0], seconds=4.0).inputs.lengths[0] - 4 * rate) <= 1
    assert made(requested, [0], seconds=0.0).inputs.lengths[0] == 1


def test_sixteen_labels_have_sixteen_pitches() -> None:
    tracks = made(Waveforms(8000), [label for label in range(16) if label != 2] * 3).inputs
    peaks = np.array([np.abs(np.fft.rfft(track)).argmax() for track in tracks]).reshape(3, 15)
    order = np.argsort(peaks[0])
    assert (peaks[:, order].max(axis=0)[:-1] < peaks[:, order].min(axis=0)[1:]).all()


def test_lists_keep_the_rates_of_a_subset() -> None:
    inputs = made(Waveforms(None), [0, 1, 3]).inputs
    assert isinstance(inputs, ListInputs)
    assert inputs.subset([1]).sample_rates is not None
    assert inputs.subset([1]).sample_rates.tolist() == [48_000]

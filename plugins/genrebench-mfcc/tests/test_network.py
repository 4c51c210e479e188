"""Crops, and the pooled values against the same computed in another way."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.testing import ListInputs
from genrebench_mfcc.crops import Crops, covering_starts, middle_crops, random_crops, read
from genrebench_mfcc.network import Network
from genrebench_mfcc.options import MfccOptions


@pytest.fixture
def network():
    torch.manual_seed(3)
    return Network(3, MfccOptions(coefficients=5, dilations=(1, 4, 7), hidden=8, members=2)).eval()


def test_filter_strengths_are_those_of_the_filtered_sequence(network):
    torch.nn.init.normal_(network.filters.taps)
    frames = torch.randn(6, 80, 5)
    with torch.no_grad():
        pooled = network.pooled(network.moments(frames))
    moving = frames - frames.mean(dim=1, keepdim=True)
    deviation = moving.square().mean(dim=1).sqrt()
    expected = [frames.mean(dim=1), deviation.log()]
    for dilation, taps in zip((1, 4, 7), network.filters.taps.detach(), strict=True):
        filtered = torch.conv1d(moving.transpose(1, 2), taps[:, None], dilation=dilation, groups=5)
        expected.append((filtered.square().mean(dim=2).sqrt() / deviation).log())
    torch.testing.assert_close(pooled, torch.cat(expected, dim=1), rtol=1e-4, atol=1e-4)


def test_filters_start_as_differences(network):
    frames = torch.cumsum(torch.randn(1, 400, 5), dim=1)
    with torch.no_grad():
        strengths = network.filters(network.moments(frames)).reshape(3, 5)
    assert (strengths[0] < strengths[1]).all()  # a random walk moves farther in four frames than in one
    assert (strengths[1] < strengths[2]).all()


def test_only_the_filters_depend_on_the_order(network):
    frames = torch.randn(1, 200, 5).cumsum(dim=1)
    shuffled = frames[:, torch.randperm(200)]
    with torch.no_grad():
        a, b = (network.pooled(network.moments(x))[0] for x in (frames, shuffled))
    torch.testing.assert_close(a[:10], b[:10], rtol=1e-4, atol=1e-4)
    assert ((a - b)[10:].abs() > 0.3).all()


def test_gradients_reach_filters_and_heads(network):
    network(network.moments(torch.randn(4, 60, 5))).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("value", [0.0, -100.0, 1e6])
def test_constant_frames_have_finite_logits(network, value):
    logits = network(network.moments(torch.full((2, 50, 5), value)))
    assert logits.isfinite().all()


@settings(deadline=None)
@given(length=st.integers(0, 500), crop=st.integers(1, 100), hop=st.integers(1, 100))
def test_covering_crops_reach_both_ends_without_gaps(length, crop, hop):
    starts = covering_starts(length, crop, hop)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - crop)
    assert (np.diff(starts) <= hop).all()
    assert (np.diff(starts) > 0).all()


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=20), crop=st.integers(1, 40), seed=st.integers(0, 5))
def test_random_crops_take_each_track_once_and_lie_inside(lengths, crop, seed):
    crops = random_crops(np.array(lengths), crop, np.random.default_rng(seed))
    assert sorted(crops.tracks) == list(range(len(lengths)))
    assert (crops.starts >= 0).all()
    assert (crops.starts <= np.maximum(np.array(lengths)[crops.tracks] - crop, 0)).all()
    parts = crops.split(7)
    assert max(len(part) for part in parts) <= 7
    assert np.array_equal(np.concatenate([part.tracks for part in parts]), crops.tracks)


def test_short_tracks_are_mirrored():
    inputs = ListInputs([np.array([[1.0], [2.0], [3.0]]), np.zeros((0, 1))])
    crops = random_crops(inputs.lengths, 7, np.random.default_rng(0))
    frames = dict(zip(crops.tracks.tolist(), read(inputs, crops, 7), strict=True))
    assert frames[0][:, 0].tolist() == [1, 2, 3, 2, 1, 2, 3]
    assert frames[1][:, 0].tolist() == [0] * 7
    one = read(ListInputs([np.array([[4.0]])]), Crops(np.array([0]), np.array([0])), 3)
    assert one[0, :, 0].tolist() == [4, 4, 4]


def test_crops_are_mirrored_to_a_size():
    inputs = ListInputs([np.arange(20.0)[:, None], np.arange(2.0)[:, None]])
    frames = read(inputs, Crops(np.array([0, 1]), np.array([10, 0])), 3, 6)
    assert frames[:, :, 0].tolist() == [[10, 11, 12, 11, 10, 11], [0, 1, 0, 1, 0, 1]]


def test_middle_crops():
    crops = middle_crops(np.array([10, 4, 3, 0]), 4)
    assert (crops.tracks.tolist(), crops.starts.tolist()) == ([0, 1, 2, 3], [3, 0, 0, 0])

"""The shared engine computes the same as the plain one: logits, gradients, running statistics."""

import copy
from unittest import mock

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench_cnn.kernels import fast_maps
from genrebench_cnn.network import Network
from genrebench_cnn.shared import stretch_features
from genrebench_cnn.training import window_loss


def noise(n: int, samples: int, loudness: float = 0.2) -> torch.Tensor:
    return loudness * torch.randn(n, samples, generator=torch.Generator().manual_seed(1))


def trained_norms(network: Network) -> Network:
    """Set running statistics and affine parts to values as after a training."""
    generator = torch.Generator().manual_seed(2)
    for name, value in network.named_buffers():
        if value.is_floating_point():
            value.uniform_(*((0.3, 1.5) if name.endswith("var") else (-0.2, 0.4)), generator=generator)
    for norm in (network.norm1, network.norm2, network.norm3):
        norm.weight.data.uniform_(0.5, 1.5, generator=generator)
        norm.bias.data.uniform_(-0.5, 0.5, generator=generator)
    return network


def windows_of(stretches: torch.Tensor, window: int, n_windows: int, hop: int) -> torch.Tensor:
    return torch.cat([stretches[:, i * hop : i * hop + window] for i in range(n_windows)])


def assert_same_gradients(ours: Network, plain: Network) -> None:
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert (a.grad - b.grad).norm() <= 2e-3 * b.grad.norm() + 1e-7, name


@pytest.mark.parametrize(
    ("window", "n_windows", "hop"), [(44_100, 3, 10_880), (16_000, 5, 3_840), (22_050, 1, 0), (14_103, 2, 320)]
)
def test_window_logits_and_gradients_agree_in_evaluation_mode(window: int, n_windows: int, hop: int) -> None:
    torch.manual_seed(0)
    plain = trained_norms(Network(16, window)).eval()
    ours = copy.deepcopy(plain)
    stretches = noise(2, window + (n_windows - 1) * hop)
    labels = torch.arange(2 * n_windows) % 16

    expected = plain(windows_of(stretches, window, n_windows, hop))
    shared = ours.head(stretch_features(ours, stretches, n_windows, hop).transpose(0, 1).flatten(0, 1))
    torch.testing.assert_close(shared, expected, atol=1e-4, rtol=0)

    window_loss(expected, labels, "categorical").backward()
    window_loss(shared, labels, "categorical").backward()
    assert_same_gradients(ours, plain)


def assert_same_steps(ours: Network, shared: torch.Tensor, plain: Network, expected: torch.Tensor) -> None:
    """Logits, gradients and running statistics are equal up to the rounding of double precision."""
    torch.testing.assert_close(shared, expected, atol=1e-9, rtol=0)
    labels = torch.arange(len(expected)) % expected.shape[1]
    for logits in (shared, expected):
        window_loss(logits, labels, "binary").backward()
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        assert (a.grad - b.grad).norm() <= 1e-8 * b.grad.norm() + 1e-12, name
    for (name, a), b in zip(ours.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-8, msg=name)


@pytest.mark.parametrize("window", [16_000, 22_050, 32_000, 44_100, 48_000, 14_101, 14_115, 15_999, 18_903])
def test_training_steps_agree_without_overlapping_windows(window: int) -> None:
    """Batch norm then has the same input, also where the first two pools leave up to three positions over."""
    torch.manual_seed(0)
    plain = trained_norms(Network(4, window)).double().train()
    ours = copy.deepcopy(plain)
    windows = noise(3, window).double()
    assert_same_steps(ours, ours.head(stretch_features(ours, windows, 1, 0)[:, 0]), plain, plain(windows))


@given(n=st.integers(1, 3), window=st.integers(14_100, 14_420), n_windows=st.integers(1, 4), hop=st.sampled_from((320, 3840)))
@settings(max_examples=8, deadline=None)
def test_training_steps_agree_with_ordinary_convolutions_of_stretches(n: int, window: int, n_windows: int, hop: int) -> None:
    """Ordinary convolutions are what runs on a GPU."""
    torch.manual_seed(0)
    ordinary = trained_norms(Network(3, window)).double().train()
    ours = copy.deepcopy(ordinary)
    stretches = noise(n + 1, window + (n_windows - 1) * hop).double()
    shared = ours.head(stretch_features(ours, stretches, n_windows, hop).flatten(0, 1))
    with mock.patch("genrebench_cnn.shared.fast_maps", lambda network, samples: network.maps(samples).transpose(1, 2)):
        expected = ordinary.head(stretch_features(ordinary, stretches, n_windows, hop).flatten(0, 1))
    assert_same_steps(ours, shared, ordinary, expected)


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    network = trained_norms(Network(2, 14_100)).double().train()
    audio = noise(2, 14_100).double()
    weight = network.conv1.weight
    direction = torch.randn_like(weight)

    def value(step: float) -> torch.Tensor:
        with torch.no_grad():
            weight.add_(step * direction)
            result = fast_maps(network, audio).sin().mean()
            weight.sub_(step * direction)
        return result

    fast_maps(network, audio).sin().mean().backward()
    numeric = (value(1e-6) - value(-1e-6)) / 2e-6
    torch.testing.assert_close((weight.grad * direction).sum(), numeric, rtol=1e-3, atol=1e-9)


def test_dropout_is_random_in_training_and_off_in_evaluation() -> None:
    torch.manual_seed(0)
    network = trained_norms(Network(2, 14_100, dropout=0.4)).train()
    audio = noise(1, 14_100)
    drawn = torch.stack([fast_maps(network.train(), audio).detach() for _ in range(2)])
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(fast_maps(network.eval(), audio), fast_maps(network, audio))


def test_logits_agree_on_real_music_loud_and_quiet(real_data) -> None:
    audio, _ = soundfile.read(sorted((real_data / "fma" / "clips").glob("*.mp3"))[0], dtype="float32", frames=5 * 44_100)
    mono = torch.from_numpy(np.ascontiguousarray(audio.mean(axis=1)))
    network = trained_norms(Network(16, 44_100)).eval()
    for loudness in (1.0, 0.001, 0.0):
        stretch = loudness * mono[None, : 44_100 + 10 * 10_880]
        with torch.no_grad():
            expected = network(windows_of(stretch, 44_100, 11, 10_880))
            shared = network.head(stretch_features(network, stretch, 11, 10_880)[0])
        torch.testing.assert_close(shared, expected, atol=1e-4, rtol=0)

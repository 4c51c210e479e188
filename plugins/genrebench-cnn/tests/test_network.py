"""The network has the report's shapes, and adapts to other sample rates and numbers of genres."""

import numpy as np
import pytest
import torch

from genrebench.api import UsageError
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions, lengths


def test_parameters_and_lengths_are_the_reports() -> None:
    network = Network(16, 44_100)
    assert sum(p.numel() for p in network.parameters()) == 869_008
    assert lengths(44_100) == (44_100, 44_096, 11_024, 11_020, 2_755, 133, 4)
    assert network.full1.in_features == 512


@pytest.mark.parametrize(("window", "n_genres"), [(44_100, 16), (22_050, 8), (16_000, 5), (14_100, 2)])
def test_other_rates_and_genre_counts(window: int, n_genres: int) -> None:
    network = Network(n_genres, window).eval()
    maps = network.maps(torch.zeros(2, window))
    assert maps.shape == (2, 128, lengths(window)[5])
    assert network(torch.zeros(2, window)).shape == (2, n_genres)


def test_a_window_too_short_for_the_last_pool_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"8000 samples .* needs 14100; add --set window_seconds=1.763"):
        CnnOptions(sample_rate=8000)
    assert CnnOptions(sample_rate=8000, window_seconds=1.763).window >= 14_100
    assert lengths(14_100)[-1] == 1
    assert lengths(14_099)[-1] == 0


def test_requested_and_effective_hop() -> None:
    options = CnnOptions()
    assert (options.requested_hop, options.hop) == (11_025, 10_880)
    plain = CnnOptions(engine="plain")
    assert (plain.requested_hop, plain.hop, plain.stretch) == (11_025, 11_025, 1)


def test_network_agrees_with_convolutions_by_hand() -> None:
    """NumPy, written from the report's description, gives the same logits."""
    torch.manual_seed(0)
    network = Network(3, 14_100).double().eval()
    for norm in (network.norm1, network.norm2, network.norm3, network.norm4, network.norm5):
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.data.uniform_(0.5, 2)
        norm.bias.data.uniform_(-1, 1)
    audio = np.random.default_rng(0).uniform(-1, 1, 14_100)
    state = {name: value.numpy() for name, value in network.state_dict().items()}

    def norm_relu(x: np.ndarray, name: str) -> np.ndarray:
        scale = state[f"{name}.weight"] / np.sqrt(state[f"{name}.running_var"] + 1e-5)
        return (np.maximum(x, 0) - state[f"{name}.running_mean"]) * scale + state[f"{name}.bias"]

    def convolution(x: np.ndarray, number: int, stride: int = 1) -> np.ndarray:
        weight = state[f"conv{number}.weight"]
        windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2], axis=0)[::stride]
        return norm_relu(np.einsum("tck,ock->to", windows, weight) + state[f"conv{number}.bias"], f"norm{number}")

    def pool(x: np.ndarray, width: int, stride: int) -> np.ndarray:
        return np.stack([x[i : i + width].mean(axis=0) for i in range(0, len(x) - width + 1, stride)])

    x = pool(convolution(audio[:, None], 1), 4, 4)
    x = pool(convolution(x, 2), 4, 4)
    x = pool(convolution(x, 3, stride=20), 40, 30).T.ravel()
    x = norm_relu(state["full1.weight"] @ x + state["full1.bias"], "norm4")
    x = norm_relu(state["full2.weight"] @ x + state["full2.bias"], "norm5")
    by_hand = state["full3.weight"] @ x + state["full3.bias"]
    with torch.no_grad():
        ours = network(torch.from_numpy(audio)[None])[0].numpy()
    np.testing.assert_allclose(ours, by_hand, atol=1e-9)

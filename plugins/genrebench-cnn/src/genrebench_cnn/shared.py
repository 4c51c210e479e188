"""Features of overlapping windows from one pass over their common audio."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from genrebench_cnn.kernels import fast_maps
from genrebench_cnn.network import Network
from genrebench_cnn.options import POSITIONS, STRIDE
from genrebench_torch.devices import half_precision


def stretch_features(network: Network, stretches: Tensor, n_windows: int, hop: int) -> Tensor:
    """Input of the fully connected layers for each window of each stretch.

    Convolutions without padding give the same values wherever a window is cut, as long as the hop is a multiple of the
    network's stride. So they run once over the stretch, and the windows are cut out of the feature maps.

    Parameters
    ----------
    network : Network
    stretches : Tensor of shape (n, window + (n_windows - 1) * hop)
    n_windows : int
        Windows per stretch.
    hop : int
        Samples from one window to the next, a multiple of 320; unused where n_windows is 1.

    Returns
    -------
    Tensor of shape (n, n_windows, 128 * n_pooled)
        As `Network.features` returns them for single windows.
    """
    # GPU libraries have fast convolutions of their own
    on_cpu = stretches.device.type == "cpu"
    maps = fast_maps(network, stretches) if on_cpu else network.maps(stretches).transpose(1, 2)
    dtype = torch.promote_types(maps.dtype, torch.float32)
    pool = _pool_matrix(network.n_pooled, maps.shape[1], n_windows, hop // STRIDE, maps.device, dtype)
    with half_precision(maps.device, enabled=False):  # means over 40 positions lose too many digits in half precision
        pooled = pool @ maps.to(dtype)
    return pooled.unflatten(1, (n_windows, network.n_pooled)).transpose(2, 3).flatten(2)


@functools.lru_cache(maxsize=8)
def _pool_matrix(
    n_pooled: int, n_positions: int, n_windows: int, step: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Average pool 40/30 of each window as a matrix, shape (n_windows * n_pooled, n_positions)."""
    matrix = torch.zeros(n_windows, n_pooled, n_positions, dtype=dtype)
    for window in range(n_windows):
        for number in range(n_pooled):
            start = window * step + 30 * number
            matrix[window, number, start : start + POSITIONS] = 1 / POSITIONS
    return matrix.flatten(0, 1).to(device)

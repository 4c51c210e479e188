"""Probabilities of tracks, from windows that don't overlap, and along a track."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from genrebench.api import LazyInputs
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.reading import ahead, read_pieces
from genrebench_cnn.shared import stretch_features
from genrebench_cnn.windows import prediction_starts

BATCH = 32
"""Windows that are computed at once: the 30 of a clip, in little memory."""


def window_probabilities(
    network: Network, inputs: LazyInputs, options: CnnOptions, device: torch.device, step: int, threads: int = 1
) -> Iterator[NDArray[np.float64]]:
    """Yield the softmax of each window of each track, shape (n_windows, n_genres).

    Parameters
    ----------
    network : Network
        It is put into evaluation mode.
    inputs : LazyInputs
        Waveforms.
    options : CnnOptions
    device : torch.device
    step : int
        Samples from one window to the next.
    threads : int
        Background threads that read ahead.
    """
    lengths = inputs.lengths

    def read(track: int) -> NDArray[np.float32]:
        starts = prediction_starts(int(lengths[track]), network.window, step)
        return read_pieces(inputs, lengths, [track] * len(starts), starts.tolist(), network.window)

    network.eval()
    for windows in ahead(read, range(len(inputs)), threads):
        with torch.inference_mode():
            parts = [
                torch.softmax(_logits(network, batch.to(device), options), dim=1).cpu()
                for batch in torch.from_numpy(windows).split(BATCH)
            ]
        yield torch.cat(parts).double().numpy()


def _logits(network: Network, windows: torch.Tensor, options: CnnOptions) -> torch.Tensor:
    if options.engine == "plain":
        return network(windows)
    return network.head(stretch_features(network, windows, 1, 0)[:, 0])

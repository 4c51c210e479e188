"""Probabilities of windows along tracks, and mean activations by genre."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from genrebench.api import Examples, LazyInputs
from genrebench_cnn.clips import Clips
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.reading import read_pieces
from genrebench_cnn.shared import stretch_features
from genrebench_cnn.windows import prediction_starts
from genrebench_torch.reading import ahead, pinned

BATCH = 32
"""Windows per batch: enough for the 30 of a clip, in little memory."""


def window_probabilities(
    network: Network,
    inputs: LazyInputs,
    options: CnnOptions,
    device: torch.device,
    step: int,
    threads: int = 1,
    *,
    silence: bool = True,
) -> Iterator[NDArray[np.float64]]:
    """Yield the softmaxes of each track's windows, shape (n_windows, n_genres).

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
    silence : bool
        Whether windows of the silence that clips are padded with are among them.
    """
    clips = Clips.of(inputs, options)
    ends = clips.padded if silence else clips.audio

    def read(track: int) -> torch.Tensor:
        starts = prediction_starts(int(ends[track]), network.window, step)
        return pinned(read_pieces(inputs, clips.audio, [track] * len(starts), starts.tolist(), network.window), device)

    network.eval()
    for windows in ahead(read, range(len(inputs)), threads):
        with torch.no_grad():
            parts = [
                torch.softmax(_logits(network, batch.to(device, non_blocking=True), options), dim=1)
                for batch in windows.split(BATCH)
            ]
        yield torch.cat(parts).cpu().double().numpy()


def mean_activations(
    network: Network, examples: Examples[LazyInputs], options: CnnOptions, shape: tuple[int, ...], device: torch.device
) -> NDArray[np.float32]:
    """Mean of each feature map of the third layer by genre, over four windows of each of four tracks.

    Parameters
    ----------
    network : Network
        It is put into evaluation mode.
    examples : Examples
        Waveforms with their genres.
    options : CnnOptions
    shape : tuple of int
        (n_genres, n_maps).
    device : torch.device

    Returns
    -------
    ndarray of float32, shape (n_genres, n_maps)
        NaN for a genre without a track.
    """
    network.eval()
    means = np.full(shape, np.nan, dtype=np.float32)
    lengths = Clips.of(examples.inputs, options).audio
    for genre in range(shape[0]):
        of_genre = np.flatnonzero(examples.labels == genre)
        if not len(of_genre):
            continue
        # spread over the list: neighbours are often by the same artist
        tracks = of_genre[np.unique(np.linspace(0, len(of_genre) - 1, 4).astype(int))].repeat(4)
        room = np.maximum(lengths[tracks] - network.window, 0)
        starts = room * np.tile([1, 3, 5, 7], len(tracks) // 4) // 8
        windows = torch.from_numpy(read_pieces(examples.inputs, lengths, tracks.tolist(), starts.tolist(), network.window))
        with torch.no_grad():
            features = stretch_features(network, windows.to(device), 1, 0)
        means[genre] = features.unflatten(2, (shape[1], -1)).mean(dim=(0, 1, 3)).cpu().numpy()
    return means


def _logits(network: Network, windows: torch.Tensor, options: CnnOptions) -> torch.Tensor:
    if options.engine == "plain":
        return network(windows)
    return network.head(stretch_features(network, windows, 1, 0)[:, 0])

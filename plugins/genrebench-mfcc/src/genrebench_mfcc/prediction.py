"""Probabilities for tracks of any length: crops that cover a track, and the mean over crops and members."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from genrebench.api import LazyInputs
from genrebench_mfcc.crops import Crops, covering_starts, read
from genrebench_mfcc.network import Moments, Network, join
from genrebench_torch.reading import ahead, pinned

_TOGETHER = 32
"""Crops that are read at a time, so that a long track is never in memory as a whole."""


def moments_of(network: Network, frames: NDArray[np.float32], device: torch.device) -> Moments:
    """Moments of crops, computed on the device."""
    return network.moments(pinned(frames, device).to(device, non_blocking=True))


def crop_moments(
    network: Network, inputs: LazyInputs, crop: int, hop: int, device: torch.device, workers: int
) -> Iterator[Moments]:
    """Yield the moments of the crops that cover a track, track by track.

    Parameters
    ----------
    network : Network
    inputs : LazyInputs
    crop, hop : int
        Length of a crop, and the largest distance from one crop to the next, in frames.
    device : torch.device
    workers : int
        Threads that read ahead.
    """
    lengths = inputs.lengths

    def moments(track: int) -> Moments:
        starts = covering_starts(int(lengths[track]), crop, hop)
        parts = Crops(np.full(len(starts), track), starts).split(_TOGETHER)
        return join([moments_of(network, read(inputs, part, crop), device) for part in parts])

    return ahead(moments, range(len(inputs)), workers)


@torch.no_grad()
def probabilities(network: Network, moments: Moments) -> NDArray[np.float64]:
    """Mean of the members' softmaxes for each crop, shape (n_crops, n_genres)."""
    result: NDArray[np.float64] = network(moments).cpu().double().softmax(dim=-1).mean(dim=0).numpy()
    return result


def probabilities_of(
    network: Network, inputs: LazyInputs, crops: Crops, frames: int, size: int, device: torch.device, workers: int
) -> NDArray[np.float64]:
    """Probabilities of crops of `frames` frames, mirrored to `size`, shape (n_crops, n_genres); `workers` threads read."""

    def moments(part: Crops) -> Moments:
        return moments_of(network, read(inputs, part, frames, size), device)

    return np.concatenate([probabilities(network, batch) for batch in ahead(moments, crops.split(_TOGETHER), workers)])


def average(network: Network, moments: Moments, sizes: list[int]) -> NDArray[np.float64]:
    """Mean over the crops of each track, shape (n_tracks, n_genres); `sizes` holds the number of crops of each track."""
    parts = np.split(probabilities(network, moments), np.cumsum(sizes)[:-1])
    return np.array([part.mean(axis=0) for part in parts])

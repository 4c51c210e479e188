"""From tracks of any length to probabilities: crops that cover a track, and the mean over crops and members."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from genrebench.api import LazyInputs
from genrebench_mfcc.crops import Crops, ahead, covering_starts, read
from genrebench_mfcc.network import Moments, Network, join

_TOGETHER = 32
"""Crops that are read at once: a long track is never whole in memory."""


def crop_moments(
    network: Network, inputs: LazyInputs, crop: int, hop: int, device: torch.device, workers: int
) -> Iterator[Moments]:
    """Moments of the crops that cover each track, one entry a track.

    Parameters
    ----------
    network : Network
    inputs : LazyInputs
    crop, hop : int
        Length of a crop, and the largest distance from one to the next, in frames.
    device : torch.device
    workers : int
        Threads that read ahead.
    """
    lengths = inputs.lengths

    def moments(track: int) -> Moments:
        starts = covering_starts(int(lengths[track]), crop, hop)
        parts = Crops(np.full(len(starts), track), starts).split(_TOGETHER)
        return join([network.moments(torch.from_numpy(read(inputs, part, crop)).to(device)) for part in parts])

    return ahead(moments, range(len(inputs)), workers)


@torch.no_grad()
def probabilities(network: Network, moments: Moments) -> NDArray[np.float64]:
    """Mean of the members' softmaxes for each crop, shape (n_crops, n_genres)."""
    result: NDArray[np.float64] = network(moments).cpu().double().softmax(dim=-1).mean(dim=0).numpy()
    return result


def probabilities_of(
    network: Network, inputs: LazyInputs, crops: Crops, frames: int, size: int, device: torch.device, workers: int
) -> NDArray[np.float64]:
    """Those of crops of so many frames, mirrored to `size`; shape (n_crops, n_genres). `workers` threads read ahead."""

    def moments(part: Crops) -> Moments:
        return network.moments(torch.from_numpy(read(inputs, part, frames, size)).to(device))

    return np.concatenate([probabilities(network, some) for some in ahead(moments, crops.split(_TOGETHER), workers)])


def average(network: Network, moments: Moments, sizes: list[int]) -> NDArray[np.float64]:
    """Mean over the crops of each track, shape (n_tracks, n_genres); `sizes` says how many crops each track has."""
    parts = np.split(probabilities(network, moments), np.cumsum(sizes)[:-1])
    return np.array([part.mean(axis=0) for part in parts])

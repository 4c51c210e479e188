"""From lazy waveforms to batches of audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genrebench.api import LazyInputs
from genrebench_torch.reading import pinned

FULL_SCALE = 32768


def read_pieces(
    inputs: LazyInputs, lengths: NDArray[np.int64], tracks: Sequence[int], starts: Sequence[int], span: int
) -> NDArray[np.float32]:
    """Read pieces of audio, zero-padded where a track ends.

    Parameters
    ----------
    inputs : LazyInputs
        Waveforms.
    lengths : ndarray of int
        Samples of each track; what it has beyond them isn't read.
    tracks, starts : sequences of int
        Track and first sample of each piece.
    span : int
        Samples per piece.

    Returns
    -------
    ndarray of float32, shape (n, span)
    """
    pieces = np.zeros((len(tracks), span), dtype=np.float32)
    for piece, track, start in zip(pieces, tracks, starts, strict=True):
        stop = min(start + span, int(lengths[track]))
        if stop > start:
            piece[: stop - start] = inputs.read(track, start, stop)
    return pieces


Source = Callable[[Sequence[int], Sequence[int], int], Tensor]
"""``source(tracks, starts, span)`` returns pieces of audio, a Tensor of float32 of shape (n, span)."""


def audio_source(inputs: LazyInputs, lengths: NDArray[np.int64], device: torch.device) -> Source:
    """Choose where a training reads its audio from.

    On CUDA all audio is copied to the device once if it fits into half of the free memory there. Otherwise each batch is read
    into pinned memory, from which it is copied while the device computes.
    """
    if device.type == "cuda" and 2 * int(lengths.sum()) <= torch.cuda.mem_get_info(device)[0] // 2:
        return resident_source(inputs, lengths, device)

    def read(tracks: Sequence[int], starts: Sequence[int], span: int) -> Tensor:
        return pinned(read_pieces(inputs, lengths, tracks, starts, span), device)

    return read


def resident_source(inputs: LazyInputs, lengths: NDArray[np.int64], device: torch.device) -> Source:
    """Keep all audio on the device, in 16 bits, and cut the pieces there."""
    ends = np.cumsum(lengths)
    begins = ends - lengths
    samples = torch.zeros(int(ends[-1]), dtype=torch.int16, device=device)
    for track, end in enumerate(ends.tolist()):
        audio = inputs.read(track, 0, int(lengths[track]))
        values = np.clip(np.rint(audio * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        samples[end - len(values) : end] = torch.from_numpy(values)

    def cut(tracks: Sequence[int], starts: Sequence[int], span: int) -> Tensor:
        positions = (begins[tracks] + np.asarray(starts), ends[tracks])
        first, end = (pinned(x, device).to(device, non_blocking=True)[:, None] for x in positions)
        places = first + torch.arange(span, device=device)
        return samples[places.clamp(max=len(samples) - 1)] * (places < end) / FULL_SCALE

    return cut

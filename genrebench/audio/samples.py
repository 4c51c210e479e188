"""Samples and their numbers, whatever file they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import AudioError
from genrebench.records import Excerpt

RATES = (1000, 384_000)
"""Lowest and highest sample rate that is taken for one, in Hz; a damaged header may say anything."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file says about itself.

    Parameters
    ----------
    frames : int
        Samples a channel.
    sample_rate : int
        In Hz.
    channels : int
    """

    frames: int
    sample_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.frames / self.sample_rate


def resample(samples: NDArray[np.float32], rate: int, sample_rate: int) -> NDArray[np.float32]:
    """Band-limited resampling (soxr, high quality) to ``ceil(n * sample_rate / rate)`` samples."""
    import soxr

    length = resampled_length(len(samples), rate, sample_rate)
    converted: NDArray[np.float32] = soxr.resample(samples, rate, sample_rate, quality="HQ")
    return extended(converted[:length], length)


def extended(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Samples with silence after them if they are fewer than `length`."""
    return samples if len(samples) >= length else np.pad(samples, (0, length - len(samples)))


def resampled_length(frames: int, rate: int, sample_rate: int) -> int:
    """Samples that `resample` gives for `frames` samples."""
    return -(-frames * sample_rate // rate)


def excerpt_bounds(frames: int, rate: int, excerpt: Excerpt) -> tuple[int, int]:
    """First frame and number of frames of an excerpt of a file of `frames` frames."""
    if excerpt.seconds is None:
        return 0, frames
    length = min(frames, round(excerpt.seconds * rate))
    return (frames - length) // 2, length


def mono(samples: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Mean of the channels of `samples`, shape (n_samples, n_channels), written to `out` where it is given."""
    channels = samples.T
    mean: NDArray[np.float32] = np.add(channels[0], channels[1] if len(channels) > 1 else np.float32(0), out=out)
    for channel in channels[2:]:  # numpy's mean over an axis as short as this is many times slower
        mean += channel
    if len(channels) > 1:
        mean /= np.float32(len(channels))
    return mean


def joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One array of several, or of none."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])


def checked_rate(path: Path, rate: int) -> int:
    """The rate, or an `AudioError` if it isn't one."""
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(f"{path}: its sample rate is {rate} Hz, and {RATES[0]} to {RATES[1]} Hz are understood")
    return int(rate)

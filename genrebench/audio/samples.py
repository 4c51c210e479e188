"""Operations on decoded samples, independent of the file format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import AudioError
from genrebench.records import Excerpt

RATES = (1000, 384_000)
"""Lowest and highest accepted sample rate, in Hz; a damaged header may claim any number."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """Length, sample rate and channels of an audio file.

    Parameters
    ----------
    frames : int
        Samples per channel.
    sample_rate : int
        In Hz.
    channels : int
    """

    frames: int
    sample_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate


def resample(samples: NDArray[np.float32], rate: int, sample_rate: int) -> NDArray[np.float32]:
    """Band-limited resampling (soxr, high quality) to ``ceil(n * sample_rate / rate)`` samples."""
    import soxr

    length = resampled_length(len(samples), rate, sample_rate)
    converted: NDArray[np.float32] = soxr.resample(samples, rate, sample_rate, quality="HQ")
    return extended(converted[:length], length)


def extended(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Samples padded with trailing silence to at least `length`."""
    return samples if len(samples) >= length else np.pad(samples, (0, length - len(samples)))


def resampled_length(frames: int, rate: int, sample_rate: int) -> int:
    """Number of samples that `resample` returns for `frames` samples."""
    return -(-frames * sample_rate // rate)


def excerpt_bounds(frames: int, rate: int, excerpt: Excerpt) -> tuple[int, int]:
    """First frame and length of the excerpt of a file with `frames` frames."""
    if excerpt.seconds is None:
        return 0, frames
    length = min(frames, round(excerpt.seconds * rate))
    return (frames - length) // 2, length


def mono(samples: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Mean of the channels of `samples`, shape (n_samples, n_channels); written to `out` if given."""
    channels = samples.T
    mean: NDArray[np.float32] = np.add(channels[0], channels[1] if len(channels) > 1 else np.float32(0), out=out)
    for channel in channels[2:]:  # np.mean over such a short axis is many times slower
        mean += channel
    if len(channels) > 1:
        mean /= np.float32(len(channels))
    return mean


def joined(parts: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Concatenate the parts; an empty list gives an empty array."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.float32), *parts])


def checked_rate(path: Path, rate: int) -> int:
    """The sample rate; raises `AudioError` if it is outside `RATES`."""
    if not RATES[0] <= rate <= RATES[1]:
        raise AudioError(f"{path}: its sample rate is {rate} Hz; rates from {RATES[0]} to {RATES[1]} Hz are supported")
    return int(rate)

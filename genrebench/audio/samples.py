"""Operations on decoded samples, independent of the file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import AudioError
from genrebench.records import Excerpt
from genrebench.tables import counted

RATES = (1000, 384_000)
"""Lowest and highest accepted sample rate, in Hz; a damaged header may claim any number."""


CANCELLED_POWER = 0.02
"""Power of the channels' mean below which they cancel, as a share of that of channels with nothing in common: 17 dB less."""
_STRIDE = 7  # samples between those whose power is taken


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
    """First frame and length of the excerpt of a file with `frames` frames; all of them if only a little would be cut."""
    if excerpt.seconds is None or (rest := frames - round(excerpt.seconds * rate)) <= 0 or rest < excerpt.slack * rate:
        return 0, frames
    length = frames - rest
    return (frames - length) // 2, length


class Mix:
    """Channels to mono: their mean, or one of them; notes on the way whether they cancel in the mean, as left = -right does.

    Parameters
    ----------
    channel : int, optional
        The channel to take; by default the mean of all.
    """

    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self.forget()

    def forget(self) -> None:
        """Forget the channels' powers."""
        self._mean_power = 0.0
        self._powers = np.zeros(1)

    def mono(self, samples: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Mix `samples`, shape (n_samples, n_channels); written to `out` if given."""
        if self._channel is not None:
            chosen = samples[:, min(self._channel, samples.shape[1] - 1)]
            return np.positive(chosen, out=out)
        mean = _mean(samples, out)
        if samples.shape[1] > 1:
            few, few_mixed = samples[::_STRIDE], mean[::_STRIDE]
            powers = np.einsum("ij,ij->j", few, few)
            self._mean_power += float(np.dot(few_mixed, few_mixed))
            self._powers = powers + (self._powers if len(self._powers) == len(powers) else 0)
        return mean

    @property
    def cancels(self) -> bool:
        """Whether the mean has much less power than it would have if the channels had nothing in common."""
        return cancel(self._mean_power, self._powers)

    @property
    def chosen(self) -> int:
        """The channel to take where they cancel."""
        return choose_channel(self._powers)


def cancel(mean_power: float, powers: NDArray[Any]) -> bool:
    """Whether channels with these powers cancel in their mean, which has that power."""
    return bool(mean_power < CANCELLED_POWER * powers.mean() / len(powers))


def cancelling_text(ids: Sequence[str]) -> str:
    """What to tell of the tracks whose channels cancel."""
    count = counted(len(ids), "track")
    return f"the channels of {count} cancel in their mean (left = -right?), so one of them is used; the first is {ids[0]!r}"


def choose_channel(powers: NDArray[Any]) -> int:
    """The first channel that has at least half the power of the loudest, so that rounding doesn't decide between equals."""
    return int((powers >= 0.5 * powers.max()).argmax())


def _mean(samples: NDArray[np.float32], out: NDArray[np.float32] | None) -> NDArray[np.float32]:
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

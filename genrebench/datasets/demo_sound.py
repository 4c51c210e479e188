"""The sound synthesis of the demo music: random numbers, tones, drums and effects.

The samples have to be the same on every machine. So all random numbers come from the raw stream of PCG64, which NumPy
guarantees to be stable, and not from the distributions of its Generator, which may change. Sines and powers come from tables
and scalars that are rounded to steps far coarser than the last bit, in which maths libraries differ. What remains are additions
and multiplications of doubles in a fixed order, which IEEE 754 defines to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

RATE = 44100
Sound = NDArray[np.float64]
T = TypeVar("T")

_PERIOD_BITS = 12
_STEP = 2.0**-20


def _quantised(values: Sound) -> Sound:
    """Round to multiples of 2^-20, so that differences between maths libraries in the last bits don't matter."""
    return np.rint(values / _STEP) * _STEP


class RandomStream:
    """Random numbers determined by a key of integers."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A uniformly distributed number in [low, high)."""
        return low + (high - low) * ((int(self._bits.random_raw()) >> 11) * 2.0**-53)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options at random."""
        return options[int(self.uniform() * len(options))]

    def noise(self, n: int) -> Sound:
        """White noise in [-1, 1), shape (n,)."""
        raw: NDArray[np.uint64] = self._bits.random_raw(n)
        return (raw >> np.uint64(43)).astype(np.float64) * _STEP - 1.0


def gain(decibels: float) -> float:
    """Amplitude factor for a level in dB."""
    return round(10 ** (decibels / 20), 6)


def pitch(note: float) -> float:
    """Frequency in Hz of a MIDI note number (69 is the A of 440 Hz)."""
    return round(440 * 2 ** ((note - 69) / 12), 4)


@dataclass(frozen=True)
class Timbre:
    """The sound of a pitched instrument.

    Parameters
    ----------
    rolloff : float
        Harmonic h has the amplitude h^-rolloff.
    even : float
        Factor for the even harmonics: 0 sounds hollow, like a clarinet, 1 full.
    detune : float
        Relative frequency offset of a second voice.
    attack : float
        In seconds.
    """

    rolloff: float
    even: float
    detune: float
    attack: float


@lru_cache(maxsize=512)
def _period(harmonics: int, rolloff: float, even: float) -> Sound:
    """One period of a tone, peak 1, shape (2^12,)."""
    size = 1 << _PERIOD_BITS
    sine = _quantised(np.sin(2 * np.pi * np.arange(size) / size))
    total = np.zeros(size)
    for h in range(1, harmonics + 1):
        amplitude = round(h**-rolloff * (1.0 if h % 2 else even), 6)
        total += amplitude * sine[(h * np.arange(size)) % size]
    return _quantised(total / np.abs(total).max())


def _play(period: Sound, steps: NDArray[np.int64]) -> Sound:
    """Look up a period at 32-bit integer phases, which are exact."""
    sound: Sound = period[(steps & 0xFFFFFFFF) >> (32 - _PERIOD_BITS)]
    return sound


def _linear_decay(n: int) -> Sound:
    """A line from 1 to 0, shape (n,)."""
    return 1.0 - np.arange(n) / n


def tone(hz: float, seconds: float, timbre: Timbre, *, swell: bool = False) -> Sound:
    """A plucked note that decays or, with `swell`, its time reversal: a note that grows from silence and is cut off."""
    n = int(seconds * RATE)
    clock = np.arange(n)
    harmonics = max(1, min(24, int(12000 / hz)))
    bright = _period(harmonics, timbre.rolloff, timbre.even)
    dull = _period(min(harmonics, 3), timbre.rolloff, timbre.even)
    first = clock * round(hz / RATE * 2**32)
    second = clock * round(hz * (1 + timbre.detune) / RATE * 2**32)
    envelope = _linear_decay(n)
    envelope *= np.minimum(clock / (timbre.attack * RATE), 1.0)
    if swell:
        envelope = envelope[::-1]
    sound = _play(dull, first) * (1 - envelope) + (_play(bright, first) + _play(bright, second)) * (0.5 * envelope)
    return sound * envelope


def kick(hz: float, seconds: float) -> Sound:
    """A bass drum: a sine whose frequency drops by two octaves to `hz`."""
    n = int(seconds * RATE)
    decay = _linear_decay(n)
    steep = decay * decay
    steep *= steep
    speed = np.rint((1 + 3 * steep * steep) * round(hz / RATE * 2**32)).astype(np.int64)
    return _play(_period(1, 1.0, 1.0), np.cumsum(speed)) * decay * decay


def snare(rng: RandomStream, hz: float, seconds: float) -> Sound:
    """A snare drum: noise and a short tone."""
    n = int(seconds * RATE)
    decay = _linear_decay(n)
    skin = _play(_period(2, 1.0, 1.0), np.arange(n) * round(hz / RATE * 2**32))
    return (0.7 * rng.noise(n) + 0.5 * skin * decay) * decay * decay


def cymbal(rng: RandomStream, seconds: float) -> Sound:
    """A closed hi-hat: high-pass filtered noise."""
    n = int(seconds * RATE)
    noise = rng.noise(n + 2)
    decay = _linear_decay(n)
    decay *= decay
    return (noise[2:] - 2 * noise[1:-1] + noise[:-2]) * 0.3 * decay * decay


def add(mix: Sound, start: float, sound: Sound, level: float) -> None:
    """Add a sound to `mix`, starting at `start` seconds; anything outside `mix` is cut off."""
    first = round(start * RATE)
    begin, end = max(first, 0), min(first + len(sound), len(mix))
    if begin < end:
        mix[begin:end] += level * sound[begin - first : end - first]


def tilt(sound: Sound, amount: float) -> Sound:
    """Brighten (amount > 0) or darken (< 0) with a two-tap filter."""
    out = sound.copy()
    out[1:] -= amount * sound[:-1]
    return out


def echoes(sound: Sound, taps: Sequence[tuple[int, float]]) -> Sound:
    """Add delayed copies, each given by a delay in samples and a factor: room reflections and comb filtering."""
    out = sound.copy()
    for delay, factor in taps:
        out[delay:] += factor * sound[:-delay]
    return out


def drive(sound: Sound, amount: float) -> Sound:
    """Overdrive a sound of peak 1: amplification by 1 + amount, then clipping along 1.5 x - 0.5 x^3."""
    x = np.clip(sound * (1 + amount), -1.0, 1.0)
    return x * (1.5 - 0.5 * x * x)


def normalised_to(sound: Sound, peak: float) -> Sound:
    """Scale to a given peak."""
    scaled: Sound = sound * (peak / np.abs(sound).max())
    return scaled

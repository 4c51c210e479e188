"""The instruments of the demo music: dice, tones, drums and the room they are played in.

The samples are meant to be the same on every machine. So all randomness comes from the raw stream of PCG64, which NumPy
guarantees, and not from the distributions of its Generator, which may change; sines and powers come from tables and scalars
rounded to steps far coarser than the last bit in which maths libraries differ; what remains are additions and
multiplications of doubles in a fixed order, which IEEE 754 defines to the bit.
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


def _coarse(values: Sound) -> Sound:
    """Round to multiples of 2^-20, so that the last bits of a maths library don't matter."""
    return np.rint(values / _STEP) * _STEP


class Dice:
    """Random numbers that follow from a key of whole numbers."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        return low + (high - low) * ((int(self._bits.random_raw()) >> 11) * 2.0**-53)

    def choice(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.uniform() * len(options))]

    def noise(self, n: int) -> Sound:
        """White noise in [-1, 1), shape (n,)."""
        raw: NDArray[np.uint64] = self._bits.random_raw(n)
        return (raw >> np.uint64(43)).astype(np.float64) * _STEP - 1.0


def gain(decibels: float) -> float:
    """Amplitude factor of a level."""
    return round(10 ** (decibels / 20), 6)


def pitch(note: float) -> float:
    """Frequency in Hz of a MIDI note number (69 is the A of 440 Hz)."""
    return round(440 * 2 ** ((note - 69) / 12), 4)


@dataclass(frozen=True)
class Timbre:
    """How a tone sounds.

    Parameters
    ----------
    rolloff : float
        Harmonic h has the amplitude h^-rolloff.
    even : float
        Factor on the even harmonics: 0 sounds hollow like a clarinet, 1 full.
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
    sine = _coarse(np.sin(2 * np.pi * np.arange(size) / size))
    total = np.zeros(size)
    for h in range(1, harmonics + 1):
        amplitude = round(h**-rolloff * (1.0 if h % 2 else even), 6)
        total += amplitude * sine[(h * np.arange(size)) % size]
    return _coarse(total / np.abs(total).max())


def _play(period: Sound, steps: NDArray[np.int64]) -> Sound:
    """Read a period along 32-bit phases; whole numbers, so that phases are exact."""
    sound: Sound = period[(steps & 0xFFFFFFFF) >> (32 - _PERIOD_BITS)]
    return sound


def _fall(n: int) -> Sound:
    """From 1 to 0 in a straight line, shape (n,)."""
    return 1.0 - np.arange(n) / n


def tone(hz: float, seconds: float, timbre: Timbre, *, swell: bool = False) -> Sound:
    """A note that is plucked and dies away or, where `swell`, grows from nothing and is cut off: the same backwards in time."""
    n = int(seconds * RATE)
    clock = np.arange(n)
    harmonics = max(1, min(24, int(12000 / hz)))
    bright = _period(harmonics, timbre.rolloff, timbre.even)
    dull = _period(min(harmonics, 3), timbre.rolloff, timbre.even)
    first = clock * round(hz / RATE * 2**32)
    second = clock * round(hz * (1 + timbre.detune) / RATE * 2**32)
    envelope = _fall(n)
    envelope *= np.minimum(clock / (timbre.attack * RATE), 1.0)
    if swell:
        envelope = envelope[::-1]
    sound = _play(dull, first) * (1 - envelope) + (_play(bright, first) + _play(bright, second)) * (0.5 * envelope)
    return sound * envelope


def kick(hz: float, seconds: float) -> Sound:
    """A bass drum: a sine that drops two octaves to `hz`."""
    n = int(seconds * RATE)
    fall = _fall(n)
    steep = fall * fall
    steep *= steep
    speed = np.rint((1 + 3 * steep * steep) * round(hz / RATE * 2**32)).astype(np.int64)
    return _play(_period(1, 1.0, 1.0), np.cumsum(speed)) * fall * fall


def snare(dice: Dice, hz: float, seconds: float) -> Sound:
    """A snare drum: noise over a short tone."""
    n = int(seconds * RATE)
    fall = _fall(n)
    skin = _play(_period(2, 1.0, 1.0), np.arange(n) * round(hz / RATE * 2**32))
    return (0.7 * dice.noise(n) + 0.5 * skin * fall) * fall * fall


def cymbal(dice: Dice, seconds: float) -> Sound:
    """A closed hi-hat: noise without its lows."""
    n = int(seconds * RATE)
    noise = dice.noise(n + 2)
    fall = _fall(n)
    fall *= fall
    return (noise[2:] - 2 * noise[1:-1] + noise[:-2]) * 0.3 * fall * fall


def add(canvas: Sound, start: float, sound: Sound, level: float) -> None:
    """Mix a sound into the canvas from `start` seconds; what lies outside is cut off."""
    first = round(start * RATE)
    begin, end = max(first, 0), min(first + len(sound), len(canvas))
    if begin < end:
        canvas[begin:end] += level * sound[begin - first : end - first]


def tilt(sound: Sound, amount: float) -> Sound:
    """Brighten (amount > 0) or darken (< 0) by a filter of two taps."""
    out = sound.copy()
    out[1:] -= amount * sound[:-1]
    return out


def echoes(sound: Sound, taps: Sequence[tuple[int, float]]) -> Sound:
    """Add copies, each a delay in samples and a factor: a room, or the comb of a badly placed microphone."""
    out = sound.copy()
    for delay, factor in taps:
        out[delay:] += factor * sound[:-delay]
    return out


def drive(sound: Sound, amount: float) -> Sound:
    """Overdrive a sound of peak 1: the curve 1.5 x - 0.5 x^3, after amplification by 1 + amount."""
    x = np.clip(sound * (1 + amount), -1.0, 1.0)
    return x * (1.5 - 0.5 * x * x)


def level_to(sound: Sound, peak: float) -> Sound:
    """Scale to a peak."""
    scaled: Sound = sound * (peak / np.abs(sound).max())
    return scaled

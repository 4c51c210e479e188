"""What features and frames share: the power spectrogram, block by block, filters that are made once, and tuning.

Arrays are frame-major, (n_frames, n_bins): a frame is contiguous, a block of frames fits the processor's cache, and a filter
bank is one matrix product.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

FloatArray = NDArray[np.floating[Any]]

_BLOCK = 64  # frames: with 2,048 samples each, windowed and transformed, about 2 MB
_FMIN, _FMAX = 150.0, 4000.0  # in Hz: where peaks are looked for to estimate tuning, librosa's default
_PEAK = np.float32(0.1)  # of the loudest bin of the frame, likewise


def framed(samples: NDArray[np.float32], n_fft: int, hop: int, pad: Literal["reflect", "constant"]) -> NDArray[np.float32]:
    """Centred frames as a view, shape (1 + n_samples // hop, n_fft); ``reflect`` mirrors the ends, ``constant`` adds zeros."""
    padded = np.pad(samples, n_fft // 2, mode=pad)
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]


def power_blocks(frames: NDArray[np.float32], precision: DTypeLike) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Power spectra of frames under a Hann window.

    Parameters
    ----------
    frames : ndarray of float32, shape (n_frames, n_fft)
    precision : dtype
        Of the Fourier transform. Single precision leaves noise some 140 dB below a frame's loudest bin, which matters where
        quiet bins are looked at by themselves.

    Yields
    ------
    rows : slice
        Which frames.
    power : ndarray of float32, shape (n_rows, 1 + n_fft // 2)
    """
    from scipy.fft import rfft

    window = hann(frames.shape[1], np.dtype(precision).name)
    windowed = np.empty((_BLOCK, frames.shape[1]), window.dtype)
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        np.multiply(block, window, out=windowed[: len(block)])
        parts = rfft(windowed[: len(block)]).view(window.dtype)  # real and imaginary parts in turn
        parts *= parts
        power = parts[:, ::2] + parts[:, 1::2]
        yield slice(start, start + len(block)), power.astype(np.float32, copy=False)


@cache
def hann(n_fft: int, precision: str) -> FloatArray:
    """The periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(precision)


class Filters:
    """A filter bank to multiply power spectra with.

    Filters that follow each other in frequency overlap only with their neighbours, so they are kept in groups with the
    range of bins where a group isn't zero.
    """

    def __init__(self, weights: NDArray[np.float32], group: int = 16) -> None:
        self._groups = []
        self.n_filters = len(weights)
        for start in range(0, len(weights), group):
            part = weights[start : start + group]
            used = np.flatnonzero(part.any(axis=0))
            bins = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
            self._groups.append((slice(start, start + len(part)), bins, np.ascontiguousarray(part[:, bins].T)))

    def apply(self, power: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Write the filters' energies, shape (n_frames, n_filters), to `out`."""
        for filters, bins, weights in self._groups:
            np.matmul(power[:, bins], weights, out=out[:, filters])


@lru_cache(maxsize=32)
def mel_filters(rate: int, n_fft: int, n_mels: int) -> Filters:
    """Mel filters as librosa makes them."""
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at a high rate the lowest filters hold no bin, and stay zero
        return Filters(librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels))


@lru_cache(maxsize=128)
def chroma_filters(rate: int, n_fft: int, n_chroma: int, tuning: float) -> Filters:
    """Filters for pitch classes as librosa makes them."""
    import librosa

    return Filters(librosa.filters.chroma(sr=rate, n_fft=n_fft, n_chroma=n_chroma, tuning=tuning), group=n_chroma)


class Tuning:
    """Estimates by how much music is off A = 440 Hz, as `librosa.estimate_tuning` does, from spectra given in blocks.

    Parameters
    ----------
    rate : float
        Of the audio, in Hz.
    n_fft : int
    bins_per_octave : int
        The estimate is in fractions of such a bin.
    """

    def __init__(self, rate: float, n_fft: int, bins_per_octave: int = 12) -> None:
        frequencies = np.arange(1 + n_fft // 2) * (rate / n_fft)
        inside = np.flatnonzero((frequencies >= _FMIN) & (frequencies < min(_FMAX, rate / 2)))
        self._first, self._last = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (1, 1)
        self._bin = rate / n_fft
        self._bins_per_octave = bins_per_octave
        self._pitches: list[NDArray[np.float32]] = []
        self._strengths: list[NDArray[np.float32]] = []

    def add(self, spectra: NDArray[np.float32], loudest: NDArray[np.float32]) -> None:
        """Find the peaks of more frames.

        Parameters
        ----------
        spectra : ndarray of float32, shape (n_frames, n_bins)
            Magnitude or power.
        loudest : ndarray of float32, shape (n_frames,)
            Largest value of each frame.
        """
        band = spectra[:, self._first - 1 : self._last + 1]
        strong = np.where(band > _PEAK * loudest[:, None], band, np.float32(0))
        middle = strong[:, 1:-1]
        frame, peak = np.nonzero((middle > strong[:, :-2]) & (middle >= strong[:, 2:]))
        below, at, above = band[frame, peak], band[frame, peak + 1], band[frame, peak + 2]
        curvature = (above + below).astype(np.float64) - 2.0 * at
        slope = (above - below) / 2.0
        flat = np.abs(slope) >= np.abs(curvature)  # the top of the parabola would lie beyond the next bin
        shift = np.where(flat, 0.0, -slope / np.where(flat, 1.0, curvature)).astype(np.float32)
        self._pitches.append(((peak + self._first + shift.astype(np.float64)) * self._bin).astype(np.float32))
        self._strengths.append(at + np.float32(0.5) * slope.astype(np.float32) * shift)

    def estimate(self) -> float:
        """Deviation in [-0.5, 0.5), rounded to hundredths; 0 where there is no peak."""
        import librosa

        pitches, strengths = np.concatenate(self._pitches), np.concatenate(self._strengths)
        if not len(pitches):
            return 0.0
        strong = pitches[strengths >= np.median(strengths)]
        return float(librosa.pitch_tuning(strong, bins_per_octave=self._bins_per_octave))


def decibels(power: FloatArray) -> FloatArray:
    """10 log10 of power, nowhere below 1e-10, nor 80 dB below the largest value."""
    loudness: FloatArray = np.log(np.maximum(power, 1e-10))  # the natural logarithm is the fast one
    loudness *= 10 / np.log(10)
    np.maximum(loudness, loudness.max() - 80, out=loudness)
    return loudness

"""Spectral processing shared by features and frames: power spectrogram in blocks, cached filter banks, and tuning.

Arrays are frame-major, (n_frames, n_bins): a frame is contiguous, a block of frames fits into the processor's cache, and a
filter bank is applied by one matrix product.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from genrebench import temporary

FloatArray = NDArray[np.floating[Any]]

_BLOCK = 64  # frames; about 2 MB for frames of 2,048 samples with their windowed and transformed copies
_FMIN, _FMAX = 150.0, 4000.0  # in Hz; frequency range of the peaks used to estimate tuning, librosa's default
_PEAK = np.float32(0.1)  # minimum height of a peak relative to the frame's loudest bin, likewise


@cache
def compiled_kernels() -> Any:
    """The compiled loops of `genrebench.inputs.kernels`.

    Two processes that write to numba's cache at the same time can spoil it, so they take turns.
    """
    user = getattr(os, "getuid", int)()
    with temporary.exclusive(Path(tempfile.gettempdir()) / f"genrebench-{user}-compiling.lock"):
        from genrebench.inputs import kernels

        one = np.ones((1, 4), np.float32)
        for parts in (np.ones((1, 8)), np.ones((1, 8), np.float32)):
            kernels.powers(parts, one)
        kernels.rolloff_bins(one, np.float32(0.85), np.empty(1, np.int64))
        kernels.peaks(one, one[0, :1], np.float32(0.1), 1, 3, np.empty(3), np.empty(3, np.float32))
        return kernels


def framed(samples: NDArray[np.float32], n_fft: int, hop: int, pad: Literal["reflect", "constant"]) -> NDArray[np.float32]:
    """Centred frames as a view, shape (1 + n_samples // hop, n_fft); padding by reflection or with zeros (``constant``)."""
    padded = np.pad(samples, n_fft // 2, mode=pad)
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]


def power_blocks(frames: NDArray[np.float32], precision: DTypeLike) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Power spectra of Hann-windowed frames, in blocks.

    Parameters
    ----------
    frames : ndarray of float32, shape (n_frames, n_fft)
    precision : dtype
        Precision of the Fourier transform. Single precision has a noise floor about 140 dB below a frame's loudest bin, which
        matters if quiet bins are evaluated separately.

    Yields
    ------
    rows : slice
        The frames of this block.
    power : ndarray of float32, shape (n_rows, 1 + n_fft // 2)
    """
    from scipy.fft import rfft

    window = hann(frames.shape[1], np.dtype(precision).name)
    windowed = np.empty((_BLOCK, frames.shape[1]), window.dtype)
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        np.multiply(block, window, out=windowed[: len(block)])
        parts = rfft(windowed[: len(block)]).view(window.dtype)  # real and imaginary parts alternate
        power = np.empty((len(block), parts.shape[1] // 2), np.float32)
        compiled_kernels().powers(parts, power)
        yield slice(start, start + len(block)), power


@cache
def hann(n_fft: int, precision: str) -> FloatArray:
    """The periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(precision)


class Filters:
    """A filter bank for power spectra.

    Neighbouring filters cover a small range of frequencies, so the filters are stored in groups, each restricted to the range
    of bins where it isn't zero.
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
        """Write the energy per filter to `out`, shape (n_frames, n_filters)."""
        for filters, bins, weights in self._groups:
            np.matmul(power[:, bins], weights, out=out[:, filters])


@lru_cache(maxsize=32)
def mel_filters(rate: int, n_fft: int, n_mels: int) -> Filters:
    """Mel filter bank, as in librosa."""
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at high sample rates the lowest filters contain no bin and are zero
        return Filters(librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels))


@lru_cache(maxsize=128)
def chroma_filters(rate: int, n_fft: int, n_chroma: int, tuning: float) -> Filters:
    """Chroma filter bank, as in librosa."""
    import librosa

    return Filters(librosa.filters.chroma(sr=rate, n_fft=n_fft, n_chroma=n_chroma, tuning=tuning), group=n_chroma)


class Tuning:
    """Estimates the deviation from A = 440 Hz, as `librosa.estimate_tuning` does, from spectra added in blocks.

    Parameters
    ----------
    rate : float
        Sample rate of the audio, in Hz.
    n_fft : int
    bins_per_octave : int
        The estimate is a fraction of such a bin.
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
        """Collect the spectral peaks of more frames.

        Parameters
        ----------
        spectra : ndarray of float32, shape (n_frames, n_bins)
            Magnitudes or powers.
        loudest : ndarray of float32, shape (n_frames,)
            Largest value of each frame.
        """
        room = len(spectra) * (self._last - self._first)
        places, strengths = np.empty(room), np.empty(room, np.float32)
        n = compiled_kernels().peaks(spectra, loudest, _PEAK, self._first, self._last, places, strengths)
        self._pitches.append((places[:n] * self._bin).astype(np.float32))
        self._strengths.append(strengths[:n].copy())

    def estimate(self) -> float:
        """Deviation in [-0.5, 0.5), rounded to hundredths; 0 if no peaks were found."""
        import librosa

        pitches, strengths = np.concatenate(self._pitches), np.concatenate(self._strengths)
        if not len(pitches):
            return 0.0
        strong = pitches[strengths >= np.median(strengths)]
        return float(librosa.pitch_tuning(strong, bins_per_octave=self._bins_per_octave))


def decibels(power: FloatArray) -> FloatArray:
    """Power in dB: 10 log10, with a floor at a power of 1e-10 and at 80 dB below the maximum."""
    loudness: FloatArray = np.log(np.maximum(power, 1e-10))  # np.log is faster than np.log10
    loudness *= 10 / np.log(10)
    np.maximum(loudness, loudness.max() - 80, out=loudness)
    return loudness

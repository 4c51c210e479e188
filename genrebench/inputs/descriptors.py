"""The 74 time series behind FMA's 518 feature columns, with shared intermediate results computed once.

All arrays are frame-major, (n_frames, n_series). `ASSUMED_RATE` is the sample rate that FMA's recipe assumes for all audio; see
`genrebench.inputs.features`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from genrebench.inputs.constantq import BINS, N_OCTAVES, constant_q
from genrebench.inputs.spectra import (
    FloatArray,
    Tuning,
    chroma_filters,
    compiled_kernels,
    decibels,
    framed,
    mel_filters,
    power_blocks,
)

N_FFT = 2048
HOP = 512
ASSUMED_RATE = 22050
_N_BINS = 1 + N_FFT // 2
_N_MELS = 128
_N_MFCC = 20
_FREQUENCIES = np.arange(_N_BINS) * (ASSUMED_RATE / N_FFT)
_MOMENTS = np.stack([np.ones(_N_BINS), _FREQUENCIES, _FREQUENCIES**2], axis=1)
_ROLLOFF = np.float32(0.85)
_MIN_NORM = float(np.finfo(np.float32).tiny)  # librosa doesn't normalise by less

_CQT_FLOOR = np.float32(1e-5)
"""Relative to the peak sample: a frame of the constant-Q transform below this is rounding noise, not music. Silence and DC
reach 3e-6; the quietest frame in 400 clips of music has 1e-2."""


def describe(samples: NDArray[np.float32], rate: int) -> Mapping[str, FloatArray]:
    """All time series by feature; needs at least 2,048 samples."""
    spectral, power, tuning = _spectral(samples, rate)
    magnitudes = constant_q(samples, rate, HOP, tuning)
    magnitudes[magnitudes.max(axis=1) < _CQT_FLOOR * np.abs(samples).max()] = 0
    chroma, cens = _chroma(magnitudes)
    return {
        **spectral,
        "mfcc": _mfcc(power, rate),
        "chroma_stft": _chroma_stft(power),
        "chroma_cqt": chroma,
        "chroma_cens": cens,
        "tonnetz": _tonnetz(cens),
        "zcr": _zero_crossings(samples),
    }


# ------------------------------------------------------------------ from the spectrogram


def _spectral(samples: NDArray[np.float32], rate: int) -> tuple[dict[str, FloatArray], NDArray[np.float32], float]:
    """The spectral descriptors, the power spectrogram, and the tuning at the audio's actual sample rate."""
    frames = framed(samples, N_FFT, HOP, "reflect")
    power = np.empty((len(frames), _N_BINS), np.float32)
    energy = np.empty((len(frames), 1))
    moments = np.empty((len(frames), 3))
    rolloff = np.empty((len(frames), 1))
    valleys, peaks = np.empty((2, len(frames), len(_BANDS)))
    tuning = Tuning(rate, N_FFT)
    inner = range(N_FFT // 2 // HOP, (len(samples) - N_FFT // 2) // HOP + 1)  # frames that don't touch the padding
    for rows, block in power_blocks(frames, np.float64):
        power[rows] = block
        magnitude = np.sqrt(block)
        energy[rows, 0] = block.mean(axis=1)
        moments[rows] = magnitude.astype(np.float64) @ _MOMENTS
        rolloff[rows, 0] = _rolloff(magnitude)
        _contrast(magnitude, valleys[rows], peaks[rows])
        within = slice(max(inner.start - rows.start, 0), max(inner.stop - rows.start, 0))
        tuning.add(magnitude[within], magnitude[within].max(axis=1))
    edges = framed(samples, N_FFT, HOP, "constant")[[t for t in range(len(frames)) if t not in inner]]
    for _, block in power_blocks(edges, np.float64):  # the spectrogram for the tuning is padded with zeros
        tuning.add(np.sqrt(block), np.sqrt(block.max(axis=1)))
    total = np.where(moments[:, :1] < _MIN_NORM, 1.0, moments[:, :1])
    centroid = moments[:, 1:2] / total
    # the sum of (f - centroid)^2 |S|, multiplied out
    spread = moments[:, 2:] - 2 * centroid * moments[:, 1:2] + centroid**2 * moments[:, :1]
    spectral = {
        "rmse": np.sqrt(energy),
        "spectral_centroid": centroid,
        "spectral_bandwidth": np.sqrt(np.maximum(spread, 0) / total),
        "spectral_contrast": decibels(peaks) - decibels(valleys),
        "spectral_rolloff": rolloff,
    }
    return spectral, power, tuning.estimate()


def _rolloff(magnitude: NDArray[np.float32]) -> FloatArray:
    """The lowest frequency below which at least 85 % of a frame's magnitude lies."""
    bins = np.empty(len(magnitude), np.int64)
    compiled_kernels().rolloff_bins(magnitude, _ROLLOFF, bins)
    frequency: FloatArray = _FREQUENCIES[bins]
    return frequency


def _bands() -> list[tuple[int, int, int]]:
    """First bin, end bin and number of peak (and valley) bins of each octave band of the spectral contrast."""
    bands = []
    edges = [0.0, *(200.0 * 2.0**k for k in range(7))]
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((low <= _FREQUENCIES) & (high >= _FREQUENCIES))
        first = int(inside[0]) - (k > 0)  # a band starts with the last bin of the one below
        last = _N_BINS if k == 6 else int(inside[-1]) + 1  # the highest band takes all remaining bins
        n_extreme = max(1, round(0.02 * (last - first)))
        bands.append((first, last if k == 6 else last - 1, n_extreme))  # the others drop their last bin
    return bands


_BANDS = _bands()


def _contrast(magnitude: NDArray[np.float32], valleys: NDArray[np.float64], peaks: NDArray[np.float64]) -> None:
    """Write the mean of the quietest bins of each band to `valleys`, and that of the loudest to `peaks`."""
    for k, (first, last, n_extreme) in enumerate(_BANDS):
        band = magnitude[:, first:last]
        if n_extreme == 1:
            valleys[:, k], peaks[:, k] = band.min(axis=1), band.max(axis=1)
        else:
            ordered = np.sort(band, axis=1)  # faster than np.partition, and than a compiled loop
            valleys[:, k], peaks[:, k] = ordered[:, :n_extreme].mean(axis=1), ordered[:, -n_extreme:].mean(axis=1)


def _mfcc(power: NDArray[np.float32], rate: int) -> FloatArray:
    from scipy.fft import dct

    mel = np.empty((len(power), _N_MELS), np.float32)
    mel_filters(rate, N_FFT, _N_MELS).apply(power, mel)
    cepstrum: FloatArray = dct(decibels(mel), type=2, norm="ortho", axis=1)[:, :_N_MFCC]
    return cepstrum


def _chroma_stft(power: NDArray[np.float32]) -> FloatArray:
    tuning = Tuning(ASSUMED_RATE, N_FFT)
    tuning.add(power, power.max(axis=1))
    chroma = np.empty((len(power), BINS), np.float32)
    chroma_filters(ASSUMED_RATE, N_FFT, BINS, tuning.estimate()).apply(power, chroma)
    return _normalised(chroma, chroma.max(axis=1, keepdims=True))


# ------------------------------------------------------------------ from the constant-Q transform


def _chroma(magnitudes: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Chroma, with maximum 1 per frame; and CENS: chroma quantised, smoothed over 41 frames and scaled to unit length."""
    from scipy.ndimage import convolve1d

    chroma = magnitudes.reshape(len(magnitudes), N_OCTAVES, BINS).sum(axis=1)
    shares = _normalised(chroma, chroma.sum(axis=1, keepdims=True, dtype=np.float64))
    thresholds = np.array([0.4, 0.2, 0.1, 0.05], np.float32)
    steps = 0.25 * np.count_nonzero(shares[:, :, None] > thresholds, axis=2)
    window = np.hanning(43)
    smooth = convolve1d(steps, window / window.sum(), axis=0, mode="constant")
    cens = _normalised(smooth, np.sqrt(np.sum(smooth**2, axis=1, keepdims=True)))
    return _normalised(chroma, chroma.max(axis=1, keepdims=True)), cens


def _tonnetz(chroma: FloatArray) -> FloatArray:
    """Centroid of a chroma vector on the circles of fifths, minor thirds and major thirds (Harte, Sandler, Gasser 2006)."""
    turns = np.array([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    radius = np.array([1, 1, 1, 1, 0.5, 0.5])
    angle = turns[:, None] * np.arange(BINS) - 0.5 * np.array([[1], [0]] * 3)  # sine and cosine in turn
    directions = radius[:, None] * np.cos(np.pi * angle)
    tonnetz: FloatArray = _normalised(chroma, np.abs(chroma).sum(axis=1, keepdims=True)) @ directions.T
    return tonnetz


def _normalised(values: FloatArray, norm: FloatArray) -> FloatArray:
    """Values divided by their norm, or unchanged if it is zero."""
    normalised: FloatArray = values / np.where(norm < _MIN_NORM, 1, norm)
    return normalised


# ------------------------------------------------------------------ from the samples


def _zero_crossings(samples: NDArray[np.float32]) -> FloatArray:
    """Sign changes within a frame, per sample. Edge padding; values within 1e-10 of zero count as positive."""
    padded = np.pad(samples, N_FFT // 2, mode="edge")
    negative = padded < -1e-10
    n_frames = 1 + len(samples) // HOP
    crossing = np.zeros((n_frames + N_FFT // HOP) * HOP, bool)
    n = min(len(negative), len(crossing))
    crossing[1:n] = negative[1:n] != negative[: n - 1]
    per_hop = np.count_nonzero(crossing.reshape(-1, HOP), axis=1)
    counts = np.sum([per_hop[i : i + n_frames] for i in range(N_FFT // HOP)], axis=0)
    counts -= crossing[: n_frames * HOP : HOP]  # the change between a frame's first sample and the one before it
    rates: FloatArray = counts[:, None] / N_FFT
    return rates

"""The constant-Q transform of the 518 columns: seven octaves of twelve bins from C1, hop 512, magnitudes only.

The values are librosa's, computed faster. Each octave applies the same twelve filters to audio at half the sample rate of the
octave above, so one small filter bank is enough for all of them. Since a filter's response is linear in the frame, filtering
is one matrix product instead of a Fourier transform and a sparse product.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.inputs.spectra import framed

N_OCTAVES = 7
BINS = 12
_C1 = 440.0 * 2.0 ** (-45 / 12)  # Hz
_ALPHA = (2 ** (2 / BINS) - 1) / (2 ** (2 / BINS) + 1)  # relative bandwidth of a bin
_BLOCK = 1024  # frames


def constant_q(samples: NDArray[np.float32], rate: int, hop: int, tuning: float) -> NDArray[np.float32]:
    """Magnitudes, shape (n_frames, 84).

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
    rate : int
        In Hz. If it is too low for the highest filters (below about 8.5 kHz), the samples are first upsampled to twice, four
        times ... the rate, and the hop is scaled accordingly.
    hop : int
        In samples; frames are centred, with reflection padding.
    tuning : float
        Deviation from A = 440 Hz in fractions of a semitone.
    """
    n_frames = 1 + len(samples) // hop
    highest = _highest(tuning)
    while highest > rate / 2:
        samples, rate, hop = audio.resample(samples, 1, 2), rate * 2, hop * 2
    halvings = _early_halvings(rate, hop, highest)
    if halvings:
        samples, hop = _downsample(samples, 2**halvings), hop >> halvings
    bank = _filters(rate / 2**halvings, tuning)
    octaves = []
    for octave in range(N_OCTAVES):
        if octave:
            samples, hop = _downsample(samples, 2), hop // 2
        octaves.append(_magnitudes(samples, hop, bank))
        n_frames = min(n_frames, len(octaves[-1]))
    return np.concatenate([octave[:n_frames] for octave in reversed(octaves)], axis=1)


def _highest(tuning: float) -> float:
    """Upper cutoff frequency of the highest filter, in Hz."""
    import librosa

    top = _C1 * 2.0 ** ((tuning + BINS * N_OCTAVES - 1) / BINS)
    _, highest = librosa.filters.wavelet_lengths(freqs=np.array([top]), alpha=_ALPHA)
    return float(highest)


def _early_halvings(rate: int, hop: int, highest: float) -> int:
    """How often the rate can be halved before the first octave, given the highest filter and an integer hop in every octave."""
    by_bandwidth = max(0, int(np.ceil(np.log2(rate / 2 / highest))) - 2)
    hop_halvings = (hop & -hop).bit_length() - 1
    return min(by_bandwidth, max(0, hop_halvings - N_OCTAVES + 1))


def _downsample(samples: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Samples at a fraction of the rate, scaled to preserve their energy."""
    return audio.resample(samples, factor, 1) * np.float32(np.sqrt(factor))


@lru_cache(maxsize=128)
def _filters(rate: float, tuning: float) -> NDArray[np.float32]:
    """Real and imaginary parts of the highest octave's filters in the time domain, shape (n_fft, 24)."""
    import librosa

    pitches = np.arange(BINS * (N_OCTAVES - 1), BINS * N_OCTAVES)
    frequencies = _C1 * 2.0 ** ((tuning + pitches) / BINS)
    filters, lengths = librosa.filters.wavelet(freqs=frequencies, sr=rate, alpha=_ALPHA)
    n_fft = filters.shape[1]
    filters *= lengths[:, None] / n_fft
    # librosa zeroes the weakest 1 % of each filter's spectrum, and all negative frequencies
    spectra = librosa.util.sparsify_rows(np.fft.fft(filters, axis=1)[:, : n_fft // 2 + 1], quantile=0.01).toarray()
    in_time = np.fft.fft(spectra, n=n_fft, axis=1) / np.sqrt(lengths)[:, None]
    return np.concatenate([in_time.real, in_time.imag]).T.astype(np.float32)


def _magnitudes(samples: NDArray[np.float32], hop: int, bank: NDArray[np.float32]) -> NDArray[np.float32]:
    frames = framed(samples, len(bank), hop, "reflect")
    magnitudes = np.empty((len(frames), BINS), np.float32)
    for start in range(0, len(frames), _BLOCK):
        parts = np.ascontiguousarray(frames[start : start + _BLOCK]) @ bank
        magnitudes[start : start + _BLOCK] = np.hypot(parts[:, :BINS], parts[:, BINS:])
    return magnitudes

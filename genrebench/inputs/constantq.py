"""The constant-Q transform of the 518 columns: seven octaves of twelve bins from C1, hop 512, magnitudes only.

The transform is librosa's, reached by a shorter way. Each octave is the same twelve filters applied to audio of half the
rate of the octave above, so one small bank, made once, serves all of them; and since a filter's answer is linear in the frame,
filtering is one matrix product instead of a Fourier transform and a sparse product.
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
        In Hz. Where it is too low for the highest filters (below about 8.5 kHz), the samples are brought to twice, four times
        ... the rate first, and the hop with them.
    hop : int
        In samples; frames are centred, the ends mirrored.
    tuning : float
        Deviation from A = 440 Hz in fractions of a semitone.
    """
    n_frames = 1 + len(samples) // hop
    highest = _highest(tuning)
    while highest > rate / 2:
        samples, rate, hop = audio.resample(samples, 1, 2), rate * 2, hop * 2
    halvings = _early_halvings(rate, hop, highest)
    if halvings:
        samples, hop = _lower(samples, 2**halvings), hop >> halvings
    bank = _filters(rate / 2**halvings, tuning)
    octaves = []
    for octave in range(N_OCTAVES):
        if octave:
            samples, hop = _lower(samples, 2), hop // 2
        octaves.append(_magnitudes(samples, hop, bank))
        n_frames = min(n_frames, len(octaves[-1]))
    return np.concatenate([octave[:n_frames] for octave in reversed(octaves)], axis=1)


def _highest(tuning: float) -> float:
    """Up to where the highest filter reaches, in Hz."""
    import librosa

    top = _C1 * 2.0 ** ((tuning + BINS * N_OCTAVES - 1) / BINS)
    _, highest = librosa.filters.wavelet_lengths(freqs=np.array([top]), alpha=_ALPHA)
    return float(highest)


def _early_halvings(rate: int, hop: int, highest: float) -> int:
    """How often the rate can be halved before the first octave, with room below half the rate and a hop that stays whole."""
    room = max(0, int(np.ceil(np.log2(rate / 2 / highest))) - 2)
    twos = (hop & -hop).bit_length() - 1
    return min(room, max(0, twos - N_OCTAVES + 1))


def _lower(samples: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Samples at a fraction of the rate, with their energy kept."""
    return audio.resample(samples, factor, 1) * np.float32(np.sqrt(factor))


@lru_cache(maxsize=128)
def _filters(rate: float, tuning: float) -> NDArray[np.float32]:
    """Real and imaginary parts of the highest octave's filters in time, shape (n_fft, 24)."""
    import librosa

    pitches = np.arange(BINS * (N_OCTAVES - 1), BINS * N_OCTAVES)
    frequencies = _C1 * 2.0 ** ((tuning + pitches) / BINS)
    filters, lengths = librosa.filters.wavelet(freqs=frequencies, sr=rate, alpha=_ALPHA)
    n_fft = filters.shape[1]
    filters *= lengths[:, None] / n_fft
    # librosa drops the weakest hundredth of each filter's spectrum, and all of its negative frequencies
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

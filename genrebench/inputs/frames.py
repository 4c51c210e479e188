"""Frames: sequences of MFCC, mel or chroma vectors with librosa's values, cached on disk and read on access."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import UsageError
from genrebench.inputs import examples
from genrebench.inputs.entries import CacheFolder
from genrebench.inputs.lazy import lazy_arrays
from genrebench.inputs.spectra import Tuning, chroma_filters, decibels, framed, mel_filters, power_blocks
from genrebench.inputs.waveforms import decoded_length
from genrebench.plugin.contract import Frames
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.records import Excerpt

VERSION = 1
_N_MELS = 128
_DELTA_WIDTH = 9  # frames; shorter clips are padded to this length


def prepare(requested: Frames, clips: Sequence[Clip], context: InputContext) -> Prepared:
    """Compute the frames of `clips` into the cache or, if ``context.cached`` is false, on each access.

    Raises
    ------
    UsageError
        If a parameter of `requested` is out of range.
    AudioError
        If a clip can't be decoded; without the cache, raised on access.
    """
    _check(requested)
    kind = f"{requested.kind}+deltas" if requested.deltas else requested.kind
    parameters = requested.n_coefficients, f"{requested.sample_rate}hz", requested.hop_length, requested.n_fft
    arrays = lazy_arrays(
        CacheFolder.of(context, kind, *parameters, version=VERSION),
        clips,
        partial(compute_frames, requested=requested, excerpt=context.excerpt),
        partial(_n_frames, requested=requested, excerpt=context.excerpt),
        context,
        f"Computing {requested.kind} frames",
    )
    source = f"{requested.kind} frames of audio at {requested.sample_rate} Hz, hop {requested.hop_length}"
    return Prepared(arrays, source=source)


SPEC = InputSpec(
    Frames,
    "sequences of MFCC, mel or chroma vectors",
    prepare,
    examples.frames,
    frame_rate=lambda requested: requested.sample_rate / requested.hop_length,
)


def compute_frames(path: Path, *, requested: Frames, excerpt: Excerpt) -> NDArray[np.float32]:
    """Frames of one clip, shape (n_frames, n_values)."""
    samples, rate = audio.read(path, excerpt, sample_rate=requested.sample_rate)
    return frames_of(samples, rate, requested)


def _n_frames(path: Path, *, requested: Frames, excerpt: Excerpt) -> int:
    n_samples = decoded_length(path, sample_rate=requested.sample_rate, excerpt=excerpt)
    return 1 + max(n_samples, requested.n_fft) // requested.hop_length


def frames_of(samples: NDArray[np.float32], rate: int, requested: Frames) -> NDArray[np.float32]:
    """Frames of samples, shape (n_frames, n_values), with librosa's defaults for parameters not in `requested`.

    Clips shorter than ``n_fft`` samples are padded with silence. There are ``1 + n_samples // hop_length`` frames, centred on
    multiples of the hop length.
    """
    samples = audio.extended(samples, requested.n_fft)
    frames = framed(samples, requested.n_fft, requested.hop_length, "constant")
    values = _chroma(frames, rate, requested) if requested.kind == "chroma" else _mel(frames, rate, requested)
    return with_deltas(values) if requested.deltas else values


def _mel(frames: NDArray[np.float32], rate: int, requested: Frames) -> NDArray[np.float32]:
    """Mel spectrogram in dB, or its first cepstral coefficients."""
    filters = mel_filters(rate, requested.n_fft, requested.n_coefficients if requested.kind == "mel" else _N_MELS)
    mel = np.empty((len(frames), filters.n_filters), np.float32)
    for rows, power in power_blocks(frames, np.float32):
        filters.apply(power, mel[rows])
    loudness = decibels(mel).astype(np.float32, copy=False)
    if requested.kind == "mel":
        return loudness
    return loudness @ _cosines(requested.n_coefficients)


@lru_cache(maxsize=8)
def _cosines(n_coefficients: int) -> NDArray[np.float32]:
    """The first basis vectors of the orthonormal DCT-II of mel bands, shape (128, n_coefficients)."""
    from scipy.fft import dct

    basis: NDArray[np.float64] = dct(np.eye(_N_MELS), type=2, norm="ortho", axis=1)
    return basis[:, :n_coefficients].astype(np.float32)


def _chroma(frames: NDArray[np.float32], rate: int, requested: Frames) -> NDArray[np.float32]:
    """Energy of the pitch classes relative to the clip's tuning, with maximum 1 per frame."""
    power = np.empty((len(frames), 1 + requested.n_fft // 2), np.float32)
    tuning = Tuning(rate, requested.n_fft, requested.n_coefficients)
    for rows, block in power_blocks(frames, np.float32):
        power[rows] = block
        tuning.add(block, block.max(axis=1))
    chroma = np.empty((len(frames), requested.n_coefficients), np.float32)
    chroma_filters(rate, requested.n_fft, requested.n_coefficients, tuning.estimate()).apply(power, chroma)
    loudest = chroma.max(axis=1, keepdims=True)
    chroma /= np.where(loudest < np.finfo(np.float32).tiny, np.float32(1), loudest)
    return chroma


def with_deltas(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames of shape (n_frames, n_values) with first and second differences in time appended, shape (n_frames, 3 n_values)."""
    import librosa

    n_frames = len(values)
    extended = np.pad(values, ((0, max(0, _DELTA_WIDTH - n_frames)), (0, 0)), mode="edge")
    deltas = [librosa.feature.delta(extended, width=_DELTA_WIDTH, order=order, axis=0)[:n_frames] for order in (1, 2)]
    return np.concatenate([values, *deltas], axis=1).astype(np.float32, copy=False)


def _check(requested: Frames) -> None:
    limits = {"sample_rate": audio.RATES, "n_fft": (16, 1 << 16), "hop_length": (1, 1 << 16)}
    limits["n_coefficients"] = (1, _N_MELS) if requested.kind == "mfcc" else (1, 512)
    if requested.kind not in ("mfcc", "mel", "chroma"):
        raise UsageError(f"unknown kind of frames {requested.kind!r}; choose mfcc, mel or chroma")
    for name, (low, high) in limits.items():
        if not low <= getattr(requested, name) <= high:
            raise UsageError(f"frames with {name}={getattr(requested, name)}: must be from {low} to {high}")

"""Frames: sequences of MFCC, mel or chroma vectors with librosa's values, computed once and read as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import UsageError
from genrebench.inputs import cache
from genrebench.inputs.lazy import CachedArrays, ComputedAtAccess
from genrebench.inputs.spectra import Tuning, chroma_filters, decibels, framed, mel_filters, power_blocks
from genrebench.inputs.waveforms import decoded_length
from genrebench.plugin.contract import Frames
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.records import Excerpt

VERSION = 1
_N_MELS = 128
_DELTA_WIDTH = 9  # frames; a shorter clip is extended to them


def prepare(wanted: Frames, clips: Sequence[Clip], context: InputContext) -> Prepared:
    """Compute the frames of `clips` into the cache, or only when they are read if the context says so.

    Raises
    ------
    UsageError
        If a number in `wanted` is out of range.
    AudioError
        If a clip can't be decoded; without the cache, when it is read.
    """
    _check(wanted)
    source = f"{wanted.kind} frames of audio at {wanted.sample_rate} Hz, hop {wanted.hop_length}"
    kind = f"{wanted.kind}+deltas" if wanted.deltas else wanted.kind
    numbers = wanted.n_coefficients, f"{wanted.sample_rate}hz", wanted.hop_length, wanted.n_fft
    shelf = cache.Shelf.of(context, kind, *numbers, version=VERSION)
    compute = partial(compute_frames, wanted=wanted, excerpt=context.excerpt)
    if not context.cached:
        length = partial(_n_frames, wanted=wanted, excerpt=context.excerpt)
        return Prepared(ComputedAtAccess([clip.path for clip in clips], compute, length), source=source)
    lengths = cache.fill(shelf, clips, compute, context, f"Computing {wanted.kind} frames")
    return Prepared(CachedArrays.of(shelf, clips, lengths), source=source)


SPEC = InputSpec(Frames, "sequences of MFCC, mel or chroma vectors", prepare)


def compute_frames(path: Path, *, wanted: Frames, excerpt: Excerpt) -> NDArray[np.float32]:
    """Frames of one clip, shape (n_frames, n_values)."""
    samples, rate = audio.read(path, excerpt, sample_rate=wanted.sample_rate)
    return frames_of(samples, rate, wanted)


def _n_frames(path: Path, *, wanted: Frames, excerpt: Excerpt) -> int:
    n_samples = decoded_length(path, sample_rate=wanted.sample_rate, excerpt=excerpt)
    return 1 + max(n_samples, wanted.n_fft) // wanted.hop_length


def frames_of(samples: NDArray[np.float32], rate: int, wanted: Frames) -> NDArray[np.float32]:
    """Frames of samples, shape (n_frames, n_values), with librosa's defaults for whatever `wanted` doesn't say.

    A clip shorter than ``n_fft`` samples is extended with silence. ``1 + n_samples // hop_length`` frames are centred on
    multiples of the hop.
    """
    samples = audio.extended(samples, wanted.n_fft)
    frames = framed(samples, wanted.n_fft, wanted.hop_length, "constant")
    values = _chroma(frames, rate, wanted) if wanted.kind == "chroma" else _mel(frames, rate, wanted)
    return with_deltas(values) if wanted.deltas else values


def _mel(frames: NDArray[np.float32], rate: int, wanted: Frames) -> NDArray[np.float32]:
    """Mel bands in dB, or their first cepstral coefficients."""
    filters = mel_filters(rate, wanted.n_fft, wanted.n_coefficients if wanted.kind == "mel" else _N_MELS)
    mel = np.empty((len(frames), filters.n_filters), np.float32)
    for rows, power in power_blocks(frames, np.float32):
        filters.apply(power, mel[rows])
    loudness = decibels(mel).astype(np.float32, copy=False)
    if wanted.kind == "mel":
        return loudness
    return loudness @ _cosines(wanted.n_coefficients)


@lru_cache(maxsize=8)
def _cosines(n_coefficients: int) -> NDArray[np.float32]:
    """The first basis vectors of the orthonormal DCT-II of mel bands, shape (128, n_coefficients)."""
    from scipy.fft import dct

    basis: NDArray[np.float64] = dct(np.eye(_N_MELS), type=2, norm="ortho", axis=1)
    return basis[:, :n_coefficients].astype(np.float32)


def _chroma(frames: NDArray[np.float32], rate: int, wanted: Frames) -> NDArray[np.float32]:
    """Energy of the pitch classes, tuned to the clip; the largest of a frame is 1."""
    power = np.empty((len(frames), 1 + wanted.n_fft // 2), np.float32)
    tuning = Tuning(rate, wanted.n_fft, wanted.n_coefficients)
    for rows, block in power_blocks(frames, np.float32):
        power[rows] = block
        tuning.add(block, block.max(axis=1))
    chroma = np.empty((len(frames), wanted.n_coefficients), np.float32)
    chroma_filters(rate, wanted.n_fft, wanted.n_coefficients, tuning.estimate()).apply(power, chroma)
    loudest = chroma.max(axis=1, keepdims=True)
    chroma /= np.where(loudest < np.finfo(np.float32).tiny, np.float32(1), loudest)
    return chroma


def with_deltas(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames of shape (n_frames, n_values) with their first and second differences in time, shape (n_frames, 3 n_values)."""
    import librosa

    n_frames = len(values)
    extended = np.pad(values, ((0, max(0, _DELTA_WIDTH - n_frames)), (0, 0)), mode="edge")
    deltas = [librosa.feature.delta(extended, width=_DELTA_WIDTH, order=order, axis=0)[:n_frames] for order in (1, 2)]
    return np.concatenate([values, *deltas], axis=1).astype(np.float32, copy=False)


def _check(wanted: Frames) -> None:
    limits = {"sample_rate": audio.RATES, "n_fft": (16, 1 << 16), "hop_length": (1, 1 << 16)}
    limits["n_coefficients"] = (1, _N_MELS) if wanted.kind == "mfcc" else (1, 512)
    if wanted.kind not in ("mfcc", "mel", "chroma"):
        raise UsageError(f"frames of kind {wanted.kind!r} are not known: mfcc, mel or chroma")
    for name, (low, high) in limits.items():
        if not low <= getattr(wanted, name) <= high:
            raise UsageError(f"frames with {name}={getattr(wanted, name)}: it must be from {low} to {high}")

"""Frames: sequences of MFCC, mel or chroma vectors with librosa's values, computed once and read as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.contract import Clip, Frames, InputSpec, Prepared, Workshop
from genrebench.errors import UsageError
from genrebench.inputs import cache
from genrebench.records import Excerpt

VERSION = 1
_N_MELS = 128
_DELTA_WIDTH = 9  # frames; a shorter clip is extended to them


def prepare(wanted: Frames, clips: Sequence[Clip], workshop: Workshop) -> Prepared:
    """Compute the frames of `clips` into the cache.

    Raises
    ------
    UsageError
        If a number in `wanted` is out of range.
    AudioError
        If a clip can't be decoded.
    """
    _check(wanted)
    kind = f"{wanted.kind}+deltas" if wanted.deltas else wanted.kind
    numbers = wanted.n_coefficients, f"{wanted.sample_rate}hz", wanted.hop_length, wanted.n_fft
    shelf = cache.Shelf.of(workshop, kind, *numbers, version=VERSION)
    compute = partial(compute_frames, wanted=wanted, excerpt=workshop.excerpt)
    lengths = cache.fill(shelf, clips, compute, workshop, f"Computing {wanted.kind} frames")
    source = f"{wanted.kind} frames of audio at {wanted.sample_rate} Hz, hop {wanted.hop_length}"
    return Prepared(cache.CachedArrays.of(shelf, clips, lengths), source=source)


SPEC = InputSpec(Frames, "sequences of MFCC, mel or chroma vectors", prepare)


def compute_frames(path: Path, *, wanted: Frames, excerpt: Excerpt) -> NDArray[np.float32]:
    """Frames of one clip, shape (n_frames, n_values)."""
    samples, rate = audio.read(path, excerpt, sample_rate=wanted.sample_rate)
    return frames_of(samples, rate, wanted)


def frames_of(samples: NDArray[np.float32], rate: int, wanted: Frames) -> NDArray[np.float32]:
    """Frames of samples, shape (n_frames, n_values), with librosa's defaults for whatever `wanted` doesn't say.

    A clip shorter than ``n_fft`` samples is extended with silence. ``1 + n_samples // hop_length`` frames are centred on
    multiples of the hop.
    """
    import librosa

    samples = np.pad(samples, (0, max(0, wanted.n_fft - len(samples))))
    common: dict[str, Any] = {"sr": rate, "n_fft": wanted.n_fft, "hop_length": wanted.hop_length}
    if wanted.kind == "chroma":
        values = librosa.feature.chroma_stft(y=samples, n_chroma=wanted.n_coefficients, **common)
    else:
        n_mels = wanted.n_coefficients if wanted.kind == "mel" else _N_MELS
        values = librosa.power_to_db(librosa.feature.melspectrogram(y=samples, n_mels=n_mels, **common))
        if wanted.kind == "mfcc":
            values = librosa.feature.mfcc(S=values, n_mfcc=wanted.n_coefficients)
    if wanted.deltas:
        values = _with_deltas(values)
    return np.ascontiguousarray(values.T, dtype=np.float32)


def _with_deltas(values: NDArray[np.float32]) -> NDArray[np.float32]:
    import librosa

    n_frames = values.shape[1]
    extended = np.pad(values, ((0, 0), (0, max(0, _DELTA_WIDTH - n_frames))), mode="edge")
    deltas = [librosa.feature.delta(extended, order=order)[:, :n_frames] for order in (1, 2)]
    return np.concatenate([values, *deltas])


def _check(wanted: Frames) -> None:
    limits = {"sample_rate": (1000, 384_000), "n_fft": (16, 1 << 16), "hop_length": (1, 1 << 16)}
    limits["n_coefficients"] = (1, _N_MELS) if wanted.kind == "mfcc" else (1, 512)
    if wanted.kind not in ("mfcc", "mel", "chroma"):
        raise UsageError(f"frames of kind {wanted.kind!r} are not known: mfcc, mel or chroma")
    for name, (low, high) in limits.items():
        if not low <= getattr(wanted, name) <= high:
            raise UsageError(f"frames with {name}={getattr(wanted, name)}: it must be from {low} to {high}")

"""Made tracks of the built-in inputs, by label and seed: tables and frames differ in their mean, waveforms in their pitch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import FeatureTable, Frames, Waveforms
from genrebench.plugin.inputs import Prepared
from genrebench.plugin.lazy import ListInputs

NATIVE_RATES = (44_100, 48_000)
"""Hz of the tracks, in turn, where each keeps its own rate."""

SILENCE = -1
"""The label of a silent track."""

_SILENT_DB = -100.0  # what mel bands of digital silence have
_LOWEST_HZ = 220.0
_NOISE = 2  # the label whose tracks are noise; the others have pitches of their own


def feature_table(requested: FeatureTable, labels: NDArray[np.int64], seed: int, _seconds: float) -> Prepared:
    """Rows of normal values whose mean is the label; a few columns per group."""
    groups = requested.groups or ("mfcc", "zcr")
    columns = tuple((group, name, f"{i:02d}") for group in groups for name in ("mean", "std") for i in (1, 2, 3))
    rng = np.random.default_rng(seed)
    table = np.where(labels == SILENCE, 0, labels)[:, None] + rng.normal(0, 1, (len(labels), len(columns)))
    table[labels == SILENCE] = 0.0
    return Prepared(table, columns, "extracted from audio")


def waveforms(requested: Waveforms, labels: NDArray[np.int64], seed: int, seconds: float) -> Prepared:
    """Tones with a little noise, three octaves apart or less, and noise for label 2."""
    rng = np.random.default_rng(seed)
    native = requested.sample_rate is None
    rates = np.resize(np.array(NATIVE_RATES if native else (requested.sample_rate,), dtype=np.int64), len(labels))
    tracks = [
        _tone(int(label), max(1, round(seconds * rate)), int(rate), rng) for label, rate in zip(labels, rates, strict=True)
    ]
    return Prepared(ListInputs(tracks, rates if native else None))


def frames(requested: Frames, labels: NDArray[np.int64], seed: int, seconds: float) -> Prepared:
    """Frames of normal values; labels differ in level, and in shape over the values, which a model that normalises hears."""
    rng = np.random.default_rng(seed)
    n = int(seconds * requested.sample_rate / requested.hop_length) + 1
    width = requested.n_coefficients * (3 if requested.deltas else 1)
    waves = np.cos(np.pi * (labels[:, None] + 1) * (np.arange(width) + 0.5) / width)
    tracks = [
        rng.normal(0.5 * label + wave, 1.0, (n, width)).astype(np.float32) for label, wave in zip(labels, waves, strict=True)
    ]
    for silent in np.flatnonzero(labels == SILENCE):
        tracks[silent][:] = _SILENT_DB
    return Prepared(ListInputs(tracks))


def _tone(label: int, n: int, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    if label == SILENCE:
        return np.zeros(n, np.float32)
    noise = rng.normal(0, 0.1, n)
    if label == _NOISE:
        return noise.astype(np.float32)
    # labels 0 and 1 are three octaves apart; those from 3 to 15 lie between them, a fifth of an octave apart
    octaves = 3 * label if label < _NOISE else (label - _NOISE) / 5
    frequency = _LOWEST_HZ * 2**octaves * rng.uniform(0.9, 1.1) ** (1 if label < _NOISE else 0.2)
    return (0.4 * np.sin(2 * np.pi * frequency * np.arange(n) / rate) + 0.1 * noise).astype(np.float32)

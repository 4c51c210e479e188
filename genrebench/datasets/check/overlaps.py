"""Clips that overlap in time: segments of one recording, such as windows of 3 s taken every 1.5 s.

The search has two steps, as for near-duplicates, but for less than a second of common sound instead of ten. First, frames with
the same pattern of rising and falling bands vote for a pair of clips and an offset (the fingerprints of Haitsma and Kalker, A
Highly Robust Audio Fingerprinting System, ISMIR 2002, on the contour of a `Measurement`). Then the contours of each pair are
compared where they overlap: segments of one recording agree in level, which two pieces that share a rhythm don't.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.datasets.check.measurement import FRAMES_PER_SECOND
from genrebench.datasets.check.near_duplicates import Contour, audible, changes

MIN_FRAMES = 4 * FRAMES_PER_SECOND // 5
"""Common frames from which clips are compared: 0.8 s."""
MIN_CORRELATION = 0.9
MAX_DIFFERENCE = 4.0
"""Correlation of the contour changes, and mean difference of the contours in steps of 2/3 dB, of clips that overlap. Eight FMA
clips cut into half-overlapping segments of 3 s: all 139 pairs are found as wav, mp3 and ogg, 116 of 136 where each is shifted
by up to 0.4 s, and no other pair."""

_PHASES = tuple(i / 8 for i in range(8))  # the clips' frames needn't be aligned
_FRAMES_APART = (0, 3)
_MANY_FRAMES = 100_000  # with as many, patterns of two frames meet by chance: a third is added
_MIN_VOTES = 2
_MAX_SHARED = 32  # a pattern in more frames than this tells no clips apart
_MIN_ENERGY = 50.0  # mean squared change below which a sound has no pattern


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two clips that share sound.

    Parameters
    ----------
    first, second : int
        Indices of the clips, first < second.
    offset : float
        Seconds by which the second clip starts later in the recording than the first.
    seconds : float
        Length of what they share.
    """

    first: int
    second: int
    offset: float
    seconds: float


def overlaps(contours: Sequence[Contour]) -> Iterator[Overlap]:
    """Find pairs of clips that overlap by 0.8 s or more.

    Parameters
    ----------
    contours : sequence of ndarray of uint8, shape (n_frames, n_bands)
        As in `Measurement`.

    Yields
    ------
    Overlap
        In order of the pairs, each pair once.
    """
    for first, second, lag in _candidates(contours):
        found = [
            (correlation, offset, shared)
            for offset in (lag - 1, lag, lag + 1)
            if (compared := _compare(contours[first], contours[second], offset)) is not None
            for correlation, shared in [compared]
        ]
        if found:
            _, offset, shared = max(found)
            yield Overlap(first, second, offset / FRAMES_PER_SECOND, shared / FRAMES_PER_SECOND)


def _patterns(contour: Contour, phase: float, apart: Sequence[int]) -> NDArray[np.int64]:
    """A pattern per frame: whether the difference of neighbouring bands rises, in a few frames; -1 where nothing changes."""
    values = contour.astype(np.float32)
    if phase:
        values = (1 - phase) * values[:-1] + phase * values[1:]
    last = apart[-1]
    if len(values) <= last + 2:
        return np.empty(0, np.int64)
    rises = np.diff(values[2:] - values[:-2], axis=1) > 0
    words = rises.astype(np.int64) @ (1 << np.arange(rises.shape[1], dtype=np.int64))
    n = len(words) - last
    pattern = np.zeros(n, np.int64)
    for later in apart:
        pattern = (pattern << rises.shape[1]) | words[later : later + n]
    steady = np.abs(values[2:] - values[:-2]).max(axis=1) < 3  # 2 dB
    pattern[steady[:n]] = -1
    return pattern


def _candidates(contours: Sequence[Contour]) -> list[tuple[int, int, int]]:
    """Pairs of clips with the offset, in frames, for which two patterns or more vote."""
    many = sum(map(len, contours)) > _MANY_FRAMES
    apart = (*_FRAMES_APART, 2 * _FRAMES_APART[-1]) if many else _FRAMES_APART
    words, clips, frames = _all_patterns(contours, 0.0, apart)
    order = np.argsort(words, kind="stable")
    words, clips, frames = words[order], clips[order], frames[order]
    votes = []
    longest = max((len(contour) for contour in contours), default=0) + 2
    n = len(contours)
    for phase in _PHASES:
        other_words, other_clips, other_frames = _all_patterns(contours, phase, apart)
        low, high = np.searchsorted(words, other_words, "left"), np.searchsorted(words, other_words, "right")
        counts = np.where(high - low <= _MAX_SHARED, high - low, 0)
        rows = np.repeat(np.arange(len(other_words)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        hits = low[rows] + within
        first, second = clips[hits], other_clips[rows]
        lag = frames[hits] - other_frames[rows]  # the second starts `lag` frames later
        swap = first > second
        first, second = np.where(swap, second, first), np.where(swap, first, second)
        lag = np.where(swap, -lag, lag)
        kept = first != second
        votes.append((first[kept] * n + second[kept]) * (2 * longest) + lag[kept] + longest)
    codes, counts = np.unique(np.concatenate(votes) if votes else np.empty(0, np.int64), return_counts=True)
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for code, count in zip(codes[counts >= _MIN_VOTES].tolist(), counts[counts >= _MIN_VOTES].tolist(), strict=True):
        pair, lag = divmod(code, 2 * longest)
        key = divmod(pair, n)
        best[key] = max(best.get(key, (0, 0)), (count, lag - longest))
    return [(first, second, lag) for (first, second), (_, lag) in sorted(best.items())]


def _all_patterns(
    contours: Sequence[Contour], phase: float, apart: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The patterns of all clips, with the index of the clip and of the frame of each; without silent ones."""
    per_clip = [_patterns(contour, phase, apart) for contour in contours]
    empty = np.empty(0, np.int64)
    words = np.concatenate([empty, *per_clip])
    clips = np.repeat(np.arange(len(contours)), [len(words) for words in per_clip])
    frames = np.concatenate([empty, *(np.arange(len(words)) for words in per_clip)])
    kept = words >= 0
    return words[kept], clips[kept], frames[kept]


def _compare(first: Contour, second: Contour, lag: int) -> tuple[float, int] | None:
    """Correlation of the changes and number of shared frames, if the clips agree where they overlap at this offset."""
    start, other_start = max(lag, 0), max(-lag, 0)
    shared = min(len(first) - start, len(second) - other_start)
    if shared < MIN_FRAMES:
        return None
    a, b = (audible(contour)[at : at + shared] for contour, at in ((first, start), (second, other_start)))
    if np.abs(a - b).mean() > MAX_DIFFERENCE:
        return None
    x, y = changes(a).astype(np.float64), changes(b).astype(np.float64)
    energy = float((x**2).sum() * (y**2).sum()) ** 0.5
    if energy < _MIN_ENERGY * x.size:
        return None
    correlation = float((x * y).sum()) / energy
    return (correlation, shared) if correlation >= MIN_CORRELATION else None

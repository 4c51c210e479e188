"""Near-duplicates: the same recording with a different encoding, level or offset.

The search has two steps. First, a few nearest neighbours of each clip are found by statistics of its contour, which an offset
hardly changes. Then the contours of each pair are cross-correlated over all offsets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.datasets.check.measurement import FRAMES_PER_SECOND

N_NEIGHBOURS = 6
MIN_CORRELATION = 0.75
"""Correlation of the contour changes from which two clips count as near-duplicates. On 191 clips of game music, re-encoded,
attenuated or cut copies reached 0.89 to 1.00; other clips of the same track, which share its loops, reached at most 0.68."""

MAX_DISTANCE = 2.0
"""Root mean square difference of the statistics, in steps of 2/3 dB, up to which two clips are compared at all. For the same
clips, copies differed by up to 1.2; of the other clips, one in ten has a nearest neighbour that close."""

MIN_SECONDS = 10
"""Clips with less audible content aren't compared: a loop of a few seconds may occur in many pieces."""

_DYNAMIC_RANGE = np.float32(75)  # steps of 2/3 dB
_CHUNK = 512
_MIN_FRAMES = MIN_SECONDS * FRAMES_PER_SECOND

Contour = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class NearDuplicatePair:
    """Two clips that are near-duplicates.

    Parameters
    ----------
    first, second : int
        Indices of the clips, first < second.
    correlation : float
        0.75 to 1.
    offset : float
        Seconds by which the second clip starts later in the recording than the first.
    """

    first: int
    second: int
    correlation: float
    offset: float


def near_duplicate_pairs(contours: Sequence[Contour]) -> Iterator[NearDuplicatePair]:
    """Find pairs of near-duplicates.

    Parameters
    ----------
    contours : sequence of ndarray of uint8, shape (n_frames, n_bands)
        As in `Measurement`; those shorter than ten seconds are skipped.

    Yields
    ------
    NearDuplicatePair
    """
    usable = [i for i, contour in enumerate(contours) if len(contour) >= _MIN_FRAMES]
    if len(usable) < 2:
        return
    for first, second in sorted(_nearest_pairs(np.array([_statistics(contours[i]) for i in usable]))):
        correlation, offset = _best_correlation(contours[usable[first]], contours[usable[second]])
        if correlation >= MIN_CORRELATION:
            yield NearDuplicatePair(usable[first], usable[second], correlation, offset)


def _statistics(contour: Contour) -> NDArray[np.float32]:
    """Mean (relative to the clip's level) and standard deviation of each band, shape (2 n_bands,)."""
    values = audible(contour)
    mean = values.mean(axis=0)
    return np.concatenate([mean - mean.mean(), values.std(axis=0)])


def audible(contour: NDArray[Any]) -> NDArray[np.float32]:
    """Contour values, limited to 50 dB below the loudest; encoders alter quieter content arbitrarily."""
    values = contour.astype(np.float32)
    limited: NDArray[np.float32] = np.maximum(values, values.max() - _DYNAMIC_RANGE)
    return limited


def _nearest_pairs(points: NDArray[np.float32]) -> set[tuple[int, int]]:
    """Pairs of each point and its nearest neighbours; distances are computed in chunks to bound the memory use."""
    squares = (points**2).sum(axis=1)
    max_distance = MAX_DISTANCE**2 * points.shape[1]
    count = min(N_NEIGHBOURS, len(points) - 1)
    pairs = set()
    for start in range(0, len(points), _CHUNK):
        part = points[start : start + _CHUNK]
        distances = squares + squares[start : start + _CHUNK, np.newaxis] - 2 * part @ points.T
        distances[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
        rows, columns = np.nonzero(np.take_along_axis(distances, nearest, axis=1) <= max_distance)
        for one, other in zip((start + rows).tolist(), nearest[rows, columns].tolist(), strict=True):
            pairs.add((min(one, other), max(one, other)))
    return pairs


def _best_correlation(first: Contour, second: Contour) -> tuple[float, float]:
    """Highest correlation of the contour changes, and its offset in seconds.

    Only offsets with an overlap of at least ten seconds and half of the shorter clip are considered.
    """
    a, b = (changes(contour) for contour in (first, second))
    size = 1 << (len(a) + len(b) - 1).bit_length()
    spectrum = np.fft.rfft(a, size, axis=0) * np.conj(np.fft.rfft(b, size, axis=0))
    products = np.fft.irfft(spectrum.sum(axis=1), size)
    overlap = min(max(min(len(a), len(b)) // 2, _MIN_FRAMES), len(a), len(b))
    lags = np.arange(-(len(b) - overlap), len(a) - overlap + 1)
    starts_a, starts_b = np.maximum(lags, 0), np.maximum(-lags, 0)
    lengths = np.minimum(len(a) - starts_a, len(b) - starts_b)
    energy = np.sqrt(_energy(a, starts_a, lengths) * _energy(b, starts_b, lengths))
    whole = np.sqrt((a.astype(np.float64) ** 2).sum() * (b.astype(np.float64) ** 2).sum())
    correlations = products[lags % size] / np.maximum(energy, 0.1 * whole + 1.0)  # a quiet overlap is no evidence
    best = int(np.argmax(correlations))
    return float(correlations[best]), float(lags[best] / FRAMES_PER_SECOND)


def changes(contour: NDArray[Any]) -> NDArray[np.float32]:
    """Differences over 0.15 s, shape (n_frames - 5, n_bands).

    They are smoothed over the same time, so that offsets by a fraction of a frame don't matter, and limited, so that single
    clicks and the ends of silences don't dominate.
    """
    values = audible(contour)
    smooth = values[2:] + values[1:-1] + values[:-2]
    changes: NDArray[np.float32] = np.clip(smooth[3:] - smooth[:-3], -60, 60)
    return changes


def _energy(changes: NDArray[np.float32], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    total = np.concatenate([[0.0], np.cumsum((changes.astype(np.float64) ** 2).sum(axis=1))])
    result: NDArray[np.float64] = total[starts + lengths] - total[starts]
    return result

"""Near-duplicates: the same recording under another encoding, level or offset.

Two steps. Statistics of the contours, which an offset hardly changes, propose a few neighbours of each clip; then the contours
themselves are laid over each other at every offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.datasets.check.measurement import FRAMES_PER_SECOND

NEIGHBOURS = 6
ALIKE = 0.75
"""Correlation of the contours' changes from which two clips are reported. On 191 clips of game music, copies that were encoded
anew, made softer or cut reached 0.89 .. 1.00, and other clips of one track, which share its loops, at most 0.68."""

FARTHEST = 2.0
"""Root mean square difference of the statistics, in steps of 2/3 dB, up to which two clips are compared at all. Copies of the
same clips reached 1.2; of the others' nearest neighbours, one in ten is as near."""

SHORTEST_SECONDS = 10
"""Clips with less to hear are not compared: a loop of a few seconds is alike in many pieces."""

_RANGE = np.float32(75)  # steps of 2/3 dB
_CHUNK = 512
_SHORTEST = SHORTEST_SECONDS * FRAMES_PER_SECOND

Contour = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two clips that sound alike.

    Parameters
    ----------
    first, second : int
        Indices, first < second.
    correlation : float
        0.75 .. 1.
    offset : float
        Seconds by which the second starts later in the recording.
    """

    first: int
    second: int
    correlation: float
    offset: float


def find_alike(contours: Sequence[Contour]) -> Iterator[Likeness]:
    """Find pairs of clips that sound alike.

    Parameters
    ----------
    contours : sequence of ndarray of uint8, shape (n_frames, n_bands)
        As in `Measurement`; those under ten seconds are passed over.

    Yields
    ------
    Likeness
    """
    usable = [i for i, contour in enumerate(contours) if len(contour) >= _SHORTEST]
    if len(usable) < 2:
        return
    for first, second in sorted(_neighbours(np.array([_statistics(contours[i]) for i in usable]))):
        correlation, offset = _overlay(contours[usable[first]], contours[usable[second]])
        if correlation >= ALIKE:
            yield Likeness(usable[first], usable[second], correlation, offset)


def _statistics(contour: Contour) -> NDArray[np.float32]:
    """Mean and deviation of each band, freed of the clip's level, shape (2 n_bands,)."""
    values = _audible(contour)
    mean = values.mean(axis=0)
    return np.concatenate([mean - mean.mean(), values.std(axis=0)])


def _audible(contour: Contour) -> NDArray[np.float32]:
    """Lift what lies more than 50 dB below the loudest, with which encoders do as they like."""
    values = contour.astype(np.float32)
    lifted: NDArray[np.float32] = np.maximum(values, values.max() - _RANGE)
    return lifted


def _neighbours(points: NDArray[np.float32]) -> set[tuple[int, int]]:
    """Pairs of each point and its nearest ones; a part of the distances at a time, so memory stays bounded."""
    squares = (points**2).sum(axis=1)
    farthest = FARTHEST**2 * points.shape[1]
    count = min(NEIGHBOURS, len(points) - 1)
    pairs = set()
    for start in range(0, len(points), _CHUNK):
        part = points[start : start + _CHUNK]
        distances = squares + squares[start : start + _CHUNK, np.newaxis] - 2 * part @ points.T
        distances[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
        rows, columns = np.nonzero(np.take_along_axis(distances, nearest, axis=1) <= farthest)
        for one, other in zip((start + rows).tolist(), nearest[rows, columns].tolist(), strict=True):
            pairs.add((min(one, other), max(one, other)))
    return pairs


def _overlay(first: Contour, second: Contour) -> tuple[float, float]:
    """Best correlation of the changes over all offsets that leave ten seconds, and half of the shorter clip, overlapping."""
    a, b = (_changes(contour) for contour in (first, second))
    size = 1 << (len(a) + len(b) - 1).bit_length()
    spectrum = np.fft.rfft(a, size, axis=0) * np.conj(np.fft.rfft(b, size, axis=0))
    products = np.fft.irfft(spectrum.sum(axis=1), size)
    overlap = min(max(min(len(a), len(b)) // 2, _SHORTEST), len(a), len(b))
    lags = np.arange(-(len(b) - overlap), len(a) - overlap + 1)
    starts_a, starts_b = np.maximum(lags, 0), np.maximum(-lags, 0)
    lengths = np.minimum(len(a) - starts_a, len(b) - starts_b)
    energy = np.sqrt(_energy(a, starts_a, lengths) * _energy(b, starts_b, lengths))
    whole = np.sqrt((a.astype(np.float64) ** 2).sum() * (b.astype(np.float64) ** 2).sum())
    correlations = products[lags % size] / np.maximum(energy, 0.1 * whole + 1.0)  # a quiet overlap proves nothing
    best = int(np.argmax(correlations))
    return float(correlations[best]), float(lags[best] / FRAMES_PER_SECOND)


def _changes(contour: Contour) -> NDArray[np.float32]:
    """Differences over 0.15 s, smoothed over as much, so that an offset between two frames doesn't matter, and limited, so that
    single clicks and the ends of silences don't decide.
    """
    values = _audible(contour)
    smooth = values[2:] + values[1:-1] + values[:-2]
    changes: NDArray[np.float32] = np.clip(smooth[3:] - smooth[:-3], -60, 60)
    return changes


def _energy(changes: NDArray[np.float32], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    total = np.concatenate([[0.0], np.cumsum((changes.astype(np.float64) ** 2).sum(axis=1))])
    result: NDArray[np.float64] = total[starts + lengths] - total[starts]
    return result

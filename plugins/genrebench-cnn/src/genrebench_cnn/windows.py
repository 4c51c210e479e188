"""The windows that a network is trained on, and their order. Pure arithmetic on lengths; nothing is read here.

A *stretch* is a run of successive windows of one track, cut from one piece of audio. With one window per stretch, windows are
drawn as in the report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench_cnn.options import STRIDE


@dataclass(frozen=True)
class Stretches:
    """Some stretches, one entry per stretch.

    Parameters
    ----------
    tracks : ndarray of int, shape (n,)
    starts : ndarray of int, shape (n,)
        First sample.
    used : ndarray of bool, shape (n, windows per stretch)
        Whether a window counts; the others belong to another stretch, or lie beyond the end of a short track.
    """

    tracks: NDArray[np.int64]
    starts: NDArray[np.int64]
    used: NDArray[np.bool_]

    def at(self, rows: NDArray[np.int64]) -> Stretches:
        """Some of them."""
        return Stretches(self.tracks[rows], self.starts[rows], self.used[rows])


class TrainingWindows:
    """All training windows of all tracks, grouped into stretches.

    A track of n samples has ceil((n - window) / hop) windows, and at least one: 116 in 30 s with the report's settings. Each
    window belongs to exactly one stretch. Drawing an epoch takes four bytes of memory per stretch.

    Parameters
    ----------
    lengths : ndarray of int, shape (n_tracks,)
        Samples of each track.
    labels : ndarray of int, shape (n_tracks,)
    n_genres : int
    window, hop : int
        In samples.
    stretch : int
        Most windows per stretch. The number used is one that splits the median track evenly.
    balance : bool
        Add windows of small genres at offsets between the hops, which amounts to a shorter shift, until each genre has as many
        windows as the largest. The shift doesn't get shorter than 320 samples.
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        labels: NDArray[np.int64],
        n_genres: int,
        window: int,
        hop: int,
        stretch: int,
        balance: bool = False,
    ) -> None:
        self.window, self.hop = window, hop
        self.labels = np.asarray(labels)
        self.counts = np.maximum(1, -(-(np.asarray(lengths) - window) // hop))
        typical = int(np.median(self.counts))
        pieces = -(-typical // max(1, min(stretch, typical)))
        self.stretch = -(-typical // pieces)
        per_genre = np.bincount(self.labels, weights=self.counts, minlength=n_genres)
        self.factors = np.ones(n_genres)
        if balance:
            self.factors = np.clip(per_genre.max() / np.maximum(per_genre, 1), 1, max(1, hop / STRIDE))
        self.per_genre = np.rint(per_genre * self.factors).astype(int)
        self._phases = np.ceil(self.factors).astype(int)[self.labels]
        self._ends = np.cumsum(-(-self.counts // self.stretch) * self._phases)

    @property
    def span(self) -> int:
        """Samples per stretch."""
        return self.window + (self.stretch - 1) * self.hop

    @property
    def n_windows(self) -> int:
        """Windows per epoch."""
        return int(self.per_genre.sum())

    def epoch(self, seed: int, number: int, batch_size: int, batches: str = "stratified") -> list[NDArray[np.int32]]:
        """Indices of the stretches in each step of an epoch, shuffled over all tracks.

        Parameters
        ----------
        seed, number : int
            The order follows from the seed and the epoch's number alone.
        batch_size : int
            Windows per step. It is approximate where steps are of equal size, and where stretches, which stay whole, have
            several windows.
        batches : {"stratified", "even", "remainder"}
            With "stratified" and "even" the steps of an epoch are of equal size. With "remainder", as in the report, the last
            one takes the windows that are left over. Single windows are shuffled freely, as in the report. A step holds few
            longer stretches, so "stratified" shuffles these in strata: each genre, and within it each track, is spread evenly
            over the epoch, so that each step has them in proportion; the other two shuffle them freely.
        """
        rng = np.random.default_rng([seed, number])
        order = np.arange(self._ends[-1], dtype=np.int32)
        if (self.factors > 1).any():
            order = order[rng.random(len(order), dtype=np.float32) < self._chance(order)]
        rng.shuffle(order)
        if self.stretch > 1 and batches == "stratified":
            order = order[_spread(self._locate(order)[0], rng)]
            order = order[_spread(self.labels[self._locate(order)[0]], rng)]
        if batches == "remainder":
            stretches = max(1, round(batch_size / self.stretch))
            return np.split(order, range(stretches, len(order), stretches))
        return np.array_split(order, min(len(order), max(1, round(self.n_windows / batch_size))))

    def stretches(self, indices: NDArray[np.int32]) -> Stretches:
        """The stretches at these indices."""
        tracks, piece, phase = self._locate(indices)
        counts = self.counts[tracks]
        first_used = piece * self.stretch
        first = np.clip(counts - self.stretch, 0, first_used)  # moved back so that the stretch ends inside the track
        number = first[:, None] + np.arange(self.stretch)
        used = (number >= first_used[:, None]) & (number < counts[:, None])
        starts = first * self.hop + phase * self.hop // self._phases[tracks]
        return Stretches(tracks, starts, used)

    def _locate(self, indices: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Track, piece of the track, and phase between two hops, of each index."""
        tracks = np.searchsorted(self._ends, indices, side="right")
        phases = self._phases[tracks]
        n_pieces = -(-self.counts[tracks] // self.stretch)
        rest = indices - (self._ends[tracks] - n_pieces * phases)
        return tracks, rest // phases, rest % phases

    def _chance(self, indices: NDArray[np.int32]) -> NDArray[np.float64]:
        """Probability that a stretch is drawn: 1 for the whole phases, the remaining fraction for the last one."""
        tracks, _, phase = self._locate(indices)
        chance: NDArray[np.float64] = np.clip(self.factors[self.labels[tracks]] - phase, 0, 1)
        return chance


def _spread(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order that spreads the members of each group evenly and keeps their order within the group.

    The i-th of the k members of a group goes to a random place in the i-th of k equal parts.
    """
    counts = np.bincount(groups)
    by_group = np.argsort(groups, kind="stable")
    rank = np.empty(len(groups))
    rank[by_group] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    order: NDArray[np.int64] = np.argsort((rank + rng.random(len(groups))) / counts[groups])
    return order


def prediction_starts(length: int, window: int, step: int) -> NDArray[np.int64]:
    """First samples of the windows that a prediction averages.

    A last window that extends beyond the end counts if at least half of it is audio; there is always one window. A clip of
    29.5 s to 30.5 s has 30 windows of a second, as in the report.

    Parameters
    ----------
    length : int
        Samples of the track.
    window : int
        Samples per window.
    step : int
        Samples from one window to the next.
    """
    n = 1 + max(0, (length - window + window // 2) // step)
    return np.arange(n, dtype=np.int64) * step

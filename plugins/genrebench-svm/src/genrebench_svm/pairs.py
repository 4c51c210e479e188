"""Pairs of classes, and the machines that separate them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pair:
    """Two classes and their tracks.

    Parameters
    ----------
    first, second : int
        Class indices, first < second; decision values are positive for the first.
    rows : ndarray of int
        Rows of the tracks of both classes, the first class before the second.
    n_first : int
        Number of tracks of the first class.
    """

    first: int
    second: int
    rows: NDArray[np.intp]
    n_first: int

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Whether each row is of the first class."""
        return np.arange(len(self.rows)) < self.n_first


@dataclass(frozen=True)
class Machine:
    """A trained two-class machine: d(x) = sum_i coefficients_i k(x, x_i) + intercept over the tracks `support`."""

    support: NDArray[np.intp]
    coefficients: NDArray[np.float64]
    intercept: float


def all_pairs(labels: NDArray[np.int64]) -> list[Pair]:
    """The pairs of classes in libsvm's order: (0, 1), (0, 2) ... (1, 2) ..."""
    members = [np.flatnonzero(labels == c) for c in range(int(labels.max(initial=-1)) + 1)]
    return [
        Pair(i, j, np.concatenate([members[i], members[j]]), len(members[i]))
        for i in range(len(members))
        for j in range(i + 1, len(members))
    ]

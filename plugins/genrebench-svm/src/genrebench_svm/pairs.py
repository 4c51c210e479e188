"""Support vector machines for all pairs of classes, and their decision values for tracks held out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench_svm.kernels import Kernel

CACHE_MB = 200.0


@dataclass(frozen=True)
class Pair:
    """Two classes and their tracks.

    Parameters
    ----------
    first, second : int
        Class indices, first < second; decision values are positive for the first.
    rows : ndarray of int
        The tracks of both, those of the first class before those of the second.
    n_first : int
        How many of them are of the first class.
    """

    first: int
    second: int
    rows: NDArray[np.intp]
    n_first: int

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Which rows are of the first class."""
        return np.arange(len(self.rows)) < self.n_first


@dataclass
class Machine:
    """A trained two-class machine: d(x) = sum_i coefficients_i k(x, x_i) + intercept over the tracks `support`."""

    support: NDArray[np.intp]
    coefficients: NDArray[np.float64]
    intercept: float


@dataclass
class Trainer:
    """Trains machines on parts of one table.

    The kernel matrix of all the rows is computed once and shared, by all pairs, folds and threads, if it takes no more than
    `memory` bytes; else one is computed for each pair if as many as there are workers take no more; else libsvm
    computes the values as it needs them.

    Parameters
    ----------
    table : ndarray of float, shape (n_tracks, n_columns)
        Standardised.
    kernel : Kernel
    weights : ndarray of float, shape (n_tracks,)
        Penalty C of each track.
    workers : int
        Threads; libsvm releases the interpreter while it works.
    memory : float
        Bytes that kernel matrices may take.
    """

    table: NDArray[np.float64]
    kernel: Kernel
    weights: NDArray[np.float64]
    workers: int = 1
    memory: float = 4e9
    shared: NDArray[np.float64] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if 8 * len(self.table) ** 2 <= self.memory:
            self.shared = self.kernel(self.table, self.table)

    def run(self, job: Callable[[Any], Any], tasks: Sequence[Any], progress: Callable[..., Iterable[Any]]) -> list[Any]:
        """Apply `job` to the tasks in parallel and show how far they are."""
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                return list(progress(pool.map(job, tasks), "pairs of genres", len(tasks)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def matrix(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64] | None, NDArray[np.intp]]:
        """Kernel values that cover `rows`, and the places of `rows` in them; None where they don't fit."""
        if self.shared is not None:
            return self.shared, rows
        if 8 * len(rows) ** 2 * self.workers <= self.memory:
            part = self.table[rows]
            return self.kernel(part, part), np.arange(len(rows))
        return None, rows

    def train(
        self,
        pair: Pair,
        training: NDArray[np.bool_] | None = None,
        values: tuple[NDArray[np.float64] | None, NDArray[np.intp]] | None = None,
    ) -> Machine:
        """Train one machine on the pair's rows, or on those where `training`; its support counts the table's rows."""
        from sklearn import config_context
        from sklearn.svm import SVC

        matrix, places = values or self.matrix(pair.rows)
        active = np.ones(len(pair.rows), dtype=bool) if training is None else training
        x = self.table if matrix is None else matrix
        # tracks of weight 0 are left out by libsvm, so that parts of one matrix are trained on without a copy
        weight = np.zeros(len(x))
        weight[places[active]] = self.weights[pair.rows[active]]
        second = np.zeros(len(x))
        second[places[pair.n_first :]] = 1.0
        if matrix is None:
            machine = SVC(kernel=self.kernel.name, gamma=self.kernel.gamma, cache_size=max(CACHE_MB, self.memory / 2e6))
        else:
            machine = SVC(kernel="precomputed", cache_size=CACHE_MB)
        with config_context(assume_finite=True):
            machine.fit(x, second, weight)
        support = machine.support_
        if _support_counts_weighted():
            support = np.flatnonzero(weight)[support]
        back = np.empty(len(x), dtype=np.intp)
        back[places] = pair.rows
        return Machine(back[support], -machine.dual_coef_[0], -float(machine.intercept_[0]))

    def held_out(self, pair: Pair, folds: NDArray[np.intp]) -> NDArray[np.float64]:
        """Decision values of the pair's rows, each from a machine that was trained without the row's fold.

        Where the other folds hold one class alone the value is 1 or -1, and 0 where they hold none, as in libsvm.
        """
        values = self.matrix(pair.rows)
        decisions = np.zeros(len(pair.rows))
        for fold in np.unique(folds):
            test = folds == fold
            n_first, n_second = int((~test & pair.positive).sum()), int((~test & ~pair.positive).sum())
            if n_first and n_second:
                machine = self.train(pair, ~test, values)
                decisions[test] = self.decide(machine, pair.rows[test], values[0])
            else:
                decisions[test] = float(n_first > 0) - float(n_second > 0)
        return decisions

    def decide(
        self, machine: Machine, rows: NDArray[np.intp], matrix: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Decision values of some of the table's rows."""
        if matrix is not None and matrix is self.shared:
            kernel = matrix[np.ix_(rows, machine.support)]
        else:
            kernel = self.kernel(self.table[rows], self.table[machine.support])
        decisions: NDArray[np.float64] = kernel @ machine.coefficients + machine.intercept
        return decisions


def all_pairs(labels: NDArray[np.int64], n_classes: int) -> list[Pair]:
    """The pairs of classes in libsvm's order: (0, 1), (0, 2) ... (1, 2) ..."""
    members = [np.flatnonzero(labels == c) for c in range(n_classes)]
    return [
        Pair(i, j, np.concatenate([members[i], members[j]]), len(members[i]))
        for i in range(n_classes)
        for j in range(i + 1, n_classes)
    ]


@functools.cache
def _support_counts_weighted() -> bool:
    """Whether `support_` counts only the rows of positive weight, as scikit-learn does so far, or all of them."""
    from sklearn.svm import SVC

    probe = SVC(kernel="precomputed").fit(np.eye(3), [0, 0, 1], [0.0, 1.0, 1.0])
    return int(probe.support_.max()) == 1

"""Training of support vector machines for pairs of classes on parts of one table, with shared kernel values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from genrebench_svm.kernels import Kernel
from genrebench_svm.pairs import Machine, Pair
from genrebench_svm.solvers import CACHE_MB, solve, solve_on_table, uses_intelex

_BLOCK = 1024
T = TypeVar("T")


@dataclass(frozen=True)
class Gram:
    """Kernel values among some rows of the table: `matrix`, None if not in memory, in which `places` are the rows' indices."""

    rows: NDArray[np.intp]
    matrix: NDArray[np.float64] | None
    places: NDArray[np.intp]


@dataclass
class Trainer:
    """Trains machines on parts of one table.

    If the kernel matrix of all rows takes no more than `memory` bytes, it is computed once and shared by all pairs, folds and
    threads. Otherwise each pair's is computed once and shared by its folds, if one per worker fits. Otherwise the solver
    computes the values as it needs them.

    Parameters
    ----------
    table : ndarray of float, shape (n_tracks, n_columns)
        Standardised.
    kernel : Kernel
    penalties : ndarray of float, shape (n_tracks,)
        C of each track.
    workers : int
        Threads; the solver releases the interpreter while it works.
    memory : float
        Bytes for kernel values.
    engine : {"auto", "scikit-learn", "intelex"}
        Solver of the pairs whose kernel values don't fit in memory.
    """

    table: NDArray[np.float64]
    kernel: Kernel
    penalties: NDArray[np.float64]
    workers: int = 1
    memory: float = 4e9
    engine: str = "auto"
    shared: NDArray[np.float64] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if 8 * len(self.table) ** 2 <= self.memory:
            self.shared = self.kernel(self.table, self.table, self.workers)

    def run(
        self, job: Callable[[Pair], T], pairs: Sequence[Pair], progress: Callable[..., Iterable[T]], description: str
    ) -> list[T]:
        """Apply `job` to the pairs in parallel, the largest first, and return the results in the order of the pairs.

        Pairs that scikit-learn-intelex solves stay in this thread: it has threads of its own.
        """
        order = sorted(range(len(pairs)), key=lambda i: -len(pairs[i].rows))
        here = [i for i in order if not self._fits(pairs[i]) and uses_intelex(self.engine)]
        stay = set(here)
        away = [i for i in order if i not in stay]

        def results() -> Iterator[T]:
            futures = pool.map(job, [pairs[i] for i in away])
            yield from map(job, [pairs[i] for i in here])
            yield from futures

        with ThreadPoolExecutor(self.workers) as pool:
            try:
                done = list(progress(results(), description, len(pairs)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return [result for _, result in sorted(zip(here + away, done, strict=True), key=lambda item: item[0])]

    def gram(self, pair: Pair) -> Gram:
        """Kernel values among the pair's rows."""
        if self.shared is not None:
            return Gram(pair.rows, self.shared, pair.rows)
        if self._fits(pair):
            part = self.table[pair.rows]
            return Gram(pair.rows, self.kernel(part, part), np.arange(len(pair.rows)))
        return Gram(pair.rows, None, pair.rows)

    def train(self, pair: Pair, training: NDArray[np.bool_] | None = None, gram: Gram | None = None) -> Machine:
        """Train a machine on the pair's rows, or on those where `training` is true; its `support` are rows of the table."""
        gram = gram or self.gram(pair)
        if training is None:
            training = np.ones(len(pair.rows), dtype=bool)
        if gram.matrix is None:
            return self._train_on_table(pair, training)
        # libsvm ignores tracks of weight 0, so parts of one matrix can be trained on without copying them
        n = len(gram.matrix)
        weight, second = np.zeros(n), np.zeros(n)
        weight[gram.places[training]] = self.penalties[pair.rows[training]]
        second[gram.places[pair.n_first :]] = 1.0
        support, coefficients, intercept = solve(gram.matrix, second, weight)
        row_at = np.empty(n, dtype=np.intp)
        row_at[gram.places] = pair.rows
        return Machine(row_at[support], coefficients, intercept)

    def held_out(self, pair: Pair, folds: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Decision values of the pair's rows, each from a machine trained without the row's fold.

        Returns
        -------
        decisions : ndarray of float, shape (n_rows,)
            Where the other folds hold only one class it is 1 or -1, in favour of that class, as in libsvm.
        usable : ndarray of bool, shape (n_rows,)
            Where they hold both.
        """
        gram = self.gram(pair)
        decisions, usable = np.zeros(len(pair.rows)), np.zeros(len(pair.rows), dtype=bool)
        for fold in np.unique(folds):
            test = np.flatnonzero(folds == fold)
            rest = folds != fold
            if rest[: pair.n_first].any() and rest[pair.n_first :].any():
                machine = self.train(pair, rest, gram)
                products = self.product(pair.rows[test], machine.support, machine.coefficients[:, None], gram)
                decisions[test] = products[:, 0] + machine.intercept
                usable[test] = True
            else:
                decisions[test] = float(rest[: pair.n_first].any()) - float(rest[pair.n_first :].any())
        return decisions, usable

    def without(self, pair: Pair, folds: NDArray[np.intp], numbers: Iterable[int]) -> list[Machine | None]:
        """Machines of the pair, trained without each of the folds `numbers`; None where only one class is left.

        Parameters
        ----------
        folds : ndarray of int, shape (n_tracks,)
            Fold of each of the table's rows.
        """
        gram = self.gram(pair)
        of_pair = folds[pair.rows]
        result: list[Machine | None] = []
        for number in numbers:
            rest = of_pair != number
            both = rest[: pair.n_first].any() and rest[pair.n_first :].any()
            result.append(self.train(pair, rest, gram) if both else None)
        return result

    def product(
        self,
        rows: NDArray[np.intp],
        support: NDArray[np.intp],
        coefficients: NDArray[np.float64],
        gram: Gram | None = None,
    ) -> NDArray[np.float64]:
        """Kernel values between the table's `rows` and its rows `support`, times the coefficients."""
        if gram is None and self.shared is not None:
            everything = np.arange(len(self.table))
            gram = Gram(everything, self.shared, everything)
        place = np.zeros(len(self.table), dtype=np.intp)
        if gram is not None:
            place[gram.rows] = gram.places
        result = np.empty((len(rows), coefficients.shape[1]))
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            if gram is None or gram.matrix is None:
                values = self.kernel(self.table[part], self.table[support])
            else:
                values = gram.matrix[np.ix_(place[part], place[support])]
            result[start : start + _BLOCK] = values @ coefficients
        return result

    def _fits(self, pair: Pair) -> bool:
        return self.shared is not None or 8 * len(pair.rows) ** 2 * self.workers <= self.memory

    def _train_on_table(self, pair: Pair, training: NDArray[np.bool_]) -> Machine:
        rows = pair.rows[training]
        support, coefficients, intercept = solve_on_table(
            self.table[rows],
            (~pair.positive[training]).astype(float),
            self.penalties[rows],
            self.kernel,
            cache_mb=max(CACHE_MB, self.memory / self.workers / 1e6),
            intelex=uses_intelex(self.engine),
        )
        return Machine(rows[support], coefficients, intercept)

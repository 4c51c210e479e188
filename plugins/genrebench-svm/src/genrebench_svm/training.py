"""Training of support vector machines for pairs of classes on parts of one table, with shared kernel values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from genrebench_svm.kernels import Kernel, Square
from genrebench_svm.pairs import Machine, Pair
from genrebench_svm.solvers import solve, solve_on_table, uses_intelex

_BLOCK = 1024
_MIN_CACHE_MB = 200.0
T = TypeVar("T")


@dataclass(frozen=True)
class Gram:
    """Kernel values among some rows of the table.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        Rows of the table.
    places : ndarray of int, shape (n,)
        Where they are in `values`.
    values : Square or None
        None if not in memory.
    """

    rows: NDArray[np.intp]
    places: NDArray[np.intp]
    values: Square | None


@dataclass
class Trainer:
    """Trains machines on parts of one table.

    If the kernel matrix of all rows takes no more than `memory` bytes, it is computed once and shared by all pairs, folds and
    threads. Otherwise each pair's is computed once and shared by its folds, if it takes no more; pairs are trained side by side
    as long as theirs together don't. Otherwise the solver computes the values as it needs them.

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
    memory: float = 1e9
    engine: str = "auto"
    shared: Gram | None = field(init=False, default=None)
    _of_class: dict[int, Square] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if _bytes(len(self.table)) <= self.memory:
            everything = np.arange(len(self.table))
            self.shared = Gram(everything, everything, self.kernel.square(self.table, self.workers))

    def run(
        self, job: Callable[[Pair, Gram], T], pairs: Sequence[Pair], progress: Callable[..., Iterable[Any]], description: str
    ) -> tuple[list[Machine], list[T]]:
        """Train the machine of each pair, and apply `job` to it while its kernel values are there.

        The pairs are trained in parallel, the largest first; the results are in the order of the pairs. Pairs that
        scikit-learn-intelex solves stay in this thread: it has threads of its own.
        """
        order = sorted(range(len(pairs)), key=lambda i: -len(pairs[i].rows))
        here = [i for i in order if not self._fits(pairs[i]) and uses_intelex(self.engine)]
        results: dict[int, tuple[Machine, T]] = {}
        running: dict[Future[tuple[Machine, T]], int] = {}

        def both(pair: Pair) -> tuple[Machine, T]:
            gram = self.gram(pair)
            return self.train(pair, gram=gram), job(pair, gram)

        def place(pool: ThreadPoolExecutor, waiting: list[int]) -> None:
            """Start the largest pair whose kernel values fit beside those of the pairs that are running."""
            free = self.memory - self._kept_bytes() - sum(self._own_bytes(pairs[i]) for i in running.values())
            for i in waiting if len(running) < self.workers else ():
                if not running or self._own_bytes(pairs[i]) <= free:
                    running[pool.submit(both, pairs[i])] = i
                    waiting.remove(i)
                    return place(pool, waiting)
            return None

        def finished() -> Iterator[int]:
            for i in here:
                results[i] = both(pairs[i])
                yield i
            waiting = [i for i in order if i not in set(here)]
            place(pool, waiting)
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    i = running.pop(future)
                    results[i] = future.result()
                    yield i
                place(pool, waiting)

        with ThreadPoolExecutor(self.workers) as pool:
            list(progress(finished(), description, len(pairs)))
        return [results[i][0] for i in range(len(pairs))], [results[i][1] for i in range(len(pairs))]

    def gram(self, pair: Pair) -> Gram:
        """Kernel values among the pair's rows."""
        if self.shared is not None:
            return Gram(pair.rows, pair.rows, self.shared.values)
        return Gram(pair.rows, np.arange(len(pair.rows)), self._values(pair) if self._fits(pair) else None)

    def _values(self, pair: Pair) -> Square:
        if len(pair.rows) == len(self.table):  # there is no other pair
            return self.kernel.square(self.table[pair.rows])
        first, second = np.split(self.table[pair.rows], [pair.n_first])
        return self.kernel.join(first, self._own(pair.first, first), second, self._own(pair.second, second))

    def _own(self, number: int, table: NDArray[np.float64]) -> Square:
        """Kernel values among the rows of one class, kept where there is room."""
        found = self._of_class.get(number)
        if found is None:
            found = self.kernel.square(table)
            if _bytes(len(table)) + self._kept_bytes() <= self.memory / 2:
                self._of_class[number] = found
        return found

    def _kept_bytes(self) -> int:
        return sum(kept.matrix.nbytes for kept in [*self._of_class.values()])

    def train(self, pair: Pair, training: NDArray[np.bool_] | None = None, gram: Gram | None = None) -> Machine:
        """Train a machine on the pair's rows, or on those where `training` is true; its `support` are rows of the table."""
        gram = gram or self.gram(pair)
        if training is None:
            training = np.ones(len(pair.rows), dtype=bool)
        if gram.values is None:
            return self._train_on_table(pair, training)
        rows = pair.rows[training]
        labels = self._labels(pair, training)
        support, coefficients, intercept = solve(gram.values, gram.places[training], labels, self.penalties[rows])
        return Machine(rows[support], coefficients, intercept)

    def held_out(self, pair: Pair, folds: NDArray[np.intp], gram: Gram) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Decision values of the pair's rows, each from a machine trained without the row's fold.

        Parameters
        ----------
        pair : Pair
        folds : ndarray of int, shape (n_rows,)
            Fold of each of the pair's rows.
        gram : Gram
            That of the pair.

        Returns
        -------
        decisions : ndarray of float, shape (n_rows,)
            Where the other folds hold only one class it is 1 or -1, in favour of that class, as in libsvm.
        usable : ndarray of bool, shape (n_rows,)
            Where they hold both.
        """
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

    def without(self, pair: Pair, folds: NDArray[np.intp], numbers: Iterable[int], gram: Gram) -> list[Machine | None]:
        """Machines of the pair, trained without each of the folds `numbers`; None where only one class is left.

        Parameters
        ----------
        folds : ndarray of int, shape (n_tracks,)
            Fold of each of the table's rows.
        """
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
        gram = gram or self.shared
        place = np.zeros(len(self.table), dtype=np.intp)
        if gram is not None:
            place[gram.rows] = gram.places
        result = np.empty((len(rows), coefficients.shape[1]))
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            if gram is None or gram.values is None:
                values = self.kernel(self.table[part], self.table[support])
            else:
                values = gram.values.matrix[np.ix_(place[part], place[support])].astype(np.float64)
            result[start : start + _BLOCK] = values @ coefficients
        return result

    def _fits(self, pair: Pair) -> bool:
        return self.shared is not None or _bytes(len(pair.rows)) <= self.memory

    def _own_bytes(self, pair: Pair) -> int:
        """Bytes of the kernel values that are computed for this pair alone."""
        return _bytes(len(pair.rows)) if self.shared is None and self._fits(pair) else 0

    def _train_on_table(self, pair: Pair, training: NDArray[np.bool_]) -> Machine:
        rows = pair.rows[training]
        support, coefficients, intercept = solve_on_table(
            self.table[rows],
            self._labels(pair, training),
            self.penalties[rows],
            self.kernel,
            cache_mb=max(_MIN_CACHE_MB, self.memory / self.workers / 1e6),
            intelex=uses_intelex(self.engine),
        )
        return Machine(rows[support], coefficients, intercept)

    @staticmethod
    def _labels(pair: Pair, training: NDArray[np.bool_]) -> NDArray[np.float64]:
        """0 for the tracks of the first class, 1 for those of the second."""
        return (~pair.positive[training]).astype(float)


def _bytes(n_rows: int) -> int:
    return 4 * n_rows**2

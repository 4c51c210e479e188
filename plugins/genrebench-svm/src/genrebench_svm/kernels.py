"""Kernel functions over tables, in parallel and without temporary matrices."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

KernelName = Literal["rbf", "linear", "poly", "sigmoid"]
DEGREE = 3
_ROWS = 4096
"""Rows per matrix product. NumPy computes the product of a matrix with itself by a routine for symmetric results, and that of
OpenBLAS 0.3.31 writes past the end of a result of 20,000 x 20,000 on processors with AVX-512."""

_SQUARE_ROWS = 256
_BLOCK_BYTES = 1 << 22  # a block stays in the processor's cache


class Square(NamedTuple):
    """Kernel values among some rows.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n)
        Computed in double precision and rounded.
    diagonal : ndarray of float, shape (n,)
        The diagonal in double precision.
    """

    matrix: NDArray[np.float32]
    diagonal: NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """A kernel function with its parameters, as scikit-learn's SVC defines it (degree 3, coef0 = 0).

    Parameters
    ----------
    name : {"rbf", "linear", "poly", "sigmoid"}
    gamma : float
        Factor of the squared distance or of the inner product; unused by the linear kernel.
    """

    name: KernelName
    gamma: float

    def __call__(self, a: NDArray[np.float64], b: NDArray[np.float64], workers: int = 1) -> NDArray[np.float64]:
        """Kernel values of all pairs of rows, shape (len(a), len(b)); no second array of that size is allocated.

        Parameters
        ----------
        a, b : ndarray of float, shape (n, n_columns)
        workers : int
            Threads.
        """
        result = np.empty((len(a), len(b)))
        for start in range(0, len(a), _ROWS):
            np.matmul(a[start : start + _ROWS], b.T, out=result[start : start + _ROWS])
        with ThreadPoolExecutor(workers) as pool:
            self._apply(result, self._offsets(a), self._offsets(b), pool)
        return result

    def square(self, table: NDArray[np.float64], workers: int = 1) -> Square:
        """Kernel values of all pairs of rows of one table, each computed once."""
        n = len(table)
        result = Square(np.empty((n, n), dtype=np.float32), np.empty(n))
        for part, values in self._blocks(table, table, workers, triangle=True):
            result.diagonal[part] = values[:, part.start :].diagonal()
            result.matrix[part, : part.stop] = values
            result.matrix[: part.start, part] = values[:, : part.start].T
        return result

    def join(self, a: NDArray[np.float64], own_a: Square, b: NDArray[np.float64], own_b: Square) -> Square:
        """Kernel values of the rows of two tables, of which those of each table alone are known."""
        n = len(a)
        result = Square(np.empty((n + len(b), n + len(b)), dtype=np.float32), np.append(own_a.diagonal, own_b.diagonal))
        result.matrix[:n, :n], result.matrix[n:, n:] = own_a.matrix, own_b.matrix
        for part, values in self._blocks(a, b, 1):
            result.matrix[part, n:] = values
            result.matrix[n:, part] = values.T
        return result

    def _blocks(
        self, a: NDArray[np.float64], b: NDArray[np.float64], workers: int, *, triangle: bool = False
    ) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Rows of `a`, and their kernel values with `b`, or with the rows of `b` up to the last of them."""
        offsets_a, offsets_b = self._offsets(a), self._offsets(b)
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, len(a), _SQUARE_ROWS):
                part = slice(start, min(start + _SQUARE_ROWS, len(a)))
                columns = slice(part.stop if triangle else len(b))
                values = a[part] @ b[columns].T
                self._apply(values, offsets_a[part], offsets_b[columns], pool)
                yield part, values

    def _offsets(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = self.gamma * np.einsum("ij,ij->i", table, table)
        return result

    def _apply(
        self,
        products: NDArray[np.float64],
        offsets_a: NDArray[np.float64],
        offsets_b: NDArray[np.float64],
        pool: ThreadPoolExecutor,
    ) -> None:
        """Turn inner products into kernel values, in place."""
        if self.name == "linear":
            return
        factor = 2.0 * self.gamma if self.name == "rbf" else self.gamma
        n_rows = max(16, _BLOCK_BYTES // (8 * max(products.shape[1], 1)))

        def apply(start: int) -> None:
            part = products[start : start + n_rows]
            part *= factor
            if self.name == "rbf":
                part -= offsets_a[start : start + n_rows, None]
                part -= offsets_b
                np.minimum(part, 0.0, out=part)  # rounding may leave a tiny negative distance
                np.exp(part, out=part)
            elif self.name == "poly":
                part **= DEGREE
            else:
                np.tanh(part, out=part)

        list(pool.map(apply, range(0, len(products), n_rows)))

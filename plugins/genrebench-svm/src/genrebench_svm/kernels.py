"""Kernel functions over tables, in parallel and without temporary matrices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

KernelName = Literal["rbf", "linear", "poly", "sigmoid"]
DEGREE = 3
_ROWS = 4096
"""Rows per matrix product. NumPy computes the product of a matrix with itself by a routine for symmetric results, and that of
OpenBLAS 0.3.31 writes past the end of a result of 20,000 x 20,000 on processors with AVX-512."""

_BLOCK_BYTES = 1 << 22  # a block stays in the processor's cache


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
        if self.name == "linear":
            return result
        factor = 2.0 * self.gamma if self.name == "rbf" else self.gamma
        offset_a, offset_b = (self.gamma * np.einsum("ij,ij->i", x, x) for x in (a, b))
        n_rows = max(16, _BLOCK_BYTES // (8 * max(len(b), 1)))

        def apply(start: int) -> None:
            part = result[start : start + n_rows]
            part *= factor
            if self.name == "rbf":
                part -= offset_a[start : start + n_rows, None]
                part -= offset_b
                np.minimum(part, 0.0, out=part)  # rounding may leave a tiny negative distance
                np.exp(part, out=part)
            elif self.name == "poly":
                part **= DEGREE
            else:
                np.tanh(part, out=part)

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(apply, range(0, len(a), n_rows)))
        return result

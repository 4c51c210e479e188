"""Kernel values of the training tracks, computed once where memory allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

KernelName = Literal["rbf", "linear", "poly", "sigmoid"]
DEGREE = 3
_BLOCK_BYTES = 1 << 22  # what is worked on at a time stays in the processor's cache


@dataclass(frozen=True)
class Kernel:
    """A kernel function with its parameters, as scikit-learn's SVC defines it (degree 3, coef0 = 0).

    Parameters
    ----------
    name : {"rbf", "linear", "poly", "sigmoid"}
    gamma : float
        Factor of the squared distance or of the inner product; the linear kernel has none.
    """

    name: KernelName
    gamma: float

    def __call__(self, a: NDArray[np.float64], b: NDArray[np.float64], workers: int = 1) -> NDArray[np.float64]:
        """Kernel values of all pairs of rows, shape (len(a), len(b)); no second array of that size is made.

        Parameters
        ----------
        a, b : ndarray of float, shape (n, n_columns)
        workers : int
            Threads.
        """
        result = np.empty((len(a), len(b)))
        norms = np.einsum("ij,ij->i", b, b)
        n_rows = max(16, _BLOCK_BYTES // (8 * max(len(b), 1)))

        def fill(start: int) -> None:
            self._fill(result[start : start + n_rows], a[start : start + n_rows], b, norms)

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(fill, range(0, len(a), n_rows)))
        return result

    def _fill(
        self, part: NDArray[np.float64], rows: NDArray[np.float64], b: NDArray[np.float64], norms: NDArray[np.float64]
    ) -> None:
        np.matmul(rows, b.T, out=part)
        if self.name == "rbf":
            part *= -2.0
            part += np.einsum("ij,ij->i", rows, rows)[:, None]
            part += norms
            np.maximum(part, 0.0, out=part)  # rounding may leave a tiny negative distance
            part *= -self.gamma
            np.exp(part, out=part)
        elif self.name == "poly":
            part *= self.gamma
            part **= DEGREE
        elif self.name == "sigmoid":
            part *= self.gamma
            np.tanh(part, out=part)

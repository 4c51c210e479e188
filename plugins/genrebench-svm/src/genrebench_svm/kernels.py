"""Kernel values of the training tracks, computed once where memory allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

KernelName = Literal["rbf", "linear", "poly", "sigmoid"]
DEGREE = 3
_BLOCK = 2048


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

    def __call__(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Kernel values of all pairs of rows, shape (len(a), len(b)); no second array of that size is made.

        Parameters
        ----------
        a, b : ndarray of float, shape (n, n_columns)
        """
        result = np.empty((len(a), len(b)))
        norms = np.einsum("ij,ij->i", b, b)
        for start in range(0, len(a), _BLOCK):
            rows, part = a[start : start + _BLOCK], result[start : start + _BLOCK]
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
        return result

"""Trained machines for all pairs of classes: decision values as matrix products, votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench_svm.kernels import Kernel
from genrebench_svm.pairs import Machine

_BLOCK = 2048


@dataclass(frozen=True)
class OneVsOne:
    """Machines for all pairs of classes over one set of support vectors.

    Parameters
    ----------
    kernel : Kernel
    vectors : ndarray of float, shape (n_vectors, n_columns)
        The tracks that are support vectors of any machine.
    coefficients : ndarray of float, shape (n_vectors, n_pairs)
    intercepts : ndarray of float, shape (n_pairs,)
    n_classes : int
    """

    kernel: Kernel
    vectors: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    n_classes: int

    @classmethod
    def gather(cls, kernel: Kernel, table: NDArray[np.float64], machines: Sequence[Machine], n_classes: int) -> OneVsOne:
        """Combine machines that were trained on rows of `table`."""
        rows, coefficients, intercepts = stack(machines)
        return cls(kernel, table[rows], coefficients, intercepts, n_classes)

    def decisions(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Decision values for all pairs, shape (n_tracks, n_pairs), positive for the pair's first class.

        Parameters
        ----------
        table : ndarray of float, shape (n_tracks, n_columns)
        """
        result = np.empty((len(table), len(self.intercepts)))
        for start in range(0, len(table), _BLOCK):
            part = slice(start, start + _BLOCK)
            result[part] = self.kernel(table[part], self.vectors) @ self.coefficients
        return result + self.intercepts

    def state(self) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
        """What has to be saved, as arrays and as JSON types."""
        arrays = {"vectors": self.vectors, "coefficients": self.coefficients, "intercepts": self.intercepts}
        return arrays, {"kernel": self.kernel.name, "gamma": self.kernel.gamma, "n_classes": self.n_classes}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[np.float64]], constants: Mapping[str, Any]) -> OneVsOne:
        """The inverse of `state`."""
        kernel = Kernel(constants["kernel"], constants["gamma"])
        return cls(kernel, arrays["vectors"], arrays["coefficients"], arrays["intercepts"], constants["n_classes"])


def stack(machines: Sequence[Machine | None]) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Support vectors of all machines, coefficients of shape (n_rows, n_machines), and intercepts.

    A machine that is None, because a class was missing, has coefficients and an intercept of 0.
    """
    supports = [np.empty(0, dtype=np.intp), *(m.support for m in machines if m is not None)]
    rows = np.unique(np.concatenate(supports))
    coefficients = np.zeros((len(rows), len(machines)))
    intercepts = np.zeros(len(machines))
    for column, machine in enumerate(machines):
        if machine is not None:
            coefficients[np.searchsorted(rows, machine.support), column] = machine.coefficients
            intercepts[column] = machine.intercept
    return rows, coefficients, intercepts


def votes(decisions: NDArray[np.float64], n_classes: int) -> NDArray[np.int64]:
    """Number of pairs that each class wins, shape (n_tracks, n_classes); SVC.predict returns the first of the largest."""
    result = np.zeros((len(decisions), n_classes), dtype=np.int64)
    for column, (first, second) in enumerate(zip(*np.triu_indices(n_classes, 1), strict=True)):
        wins = decisions[:, column] > 0
        result[:, first] += wins
        result[:, second] += ~wins
    return result


def one_vs_rest(decisions: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """One decision value per class, as SVC's decision function returns it: votes, with the margins to break ties.

    For two classes it is the value of their only pair, for the first and, negated, for the second.

    Returns
    -------
    ndarray of float, shape (n_tracks, n_classes)
    """
    margins = np.zeros((len(decisions), n_classes))
    for column, (first, second) in enumerate(zip(*np.triu_indices(n_classes, 1), strict=True)):
        margins[:, first] += decisions[:, column]
        margins[:, second] -= decisions[:, column]
    if n_classes == 2:
        return margins
    # votes are integers, so margins of less than half a vote only order the classes with equally many votes
    result: NDArray[np.float64] = votes(decisions, n_classes) + margins / (3.0 * (np.abs(margins) + 1.0))
    return result

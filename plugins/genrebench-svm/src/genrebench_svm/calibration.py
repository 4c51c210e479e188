"""Probabilities of a multi-class support vector machine, made of the decision values of its pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Context
from genrebench_svm.coupling import couple
from genrebench_svm.folds import libsvm_folds, libsvm_seed
from genrebench_svm.kernels import Kernel
from genrebench_svm.pairs import Machine, Pair, Trainer, all_pairs
from genrebench_svm.platt import fit_sigmoid, sigmoid

if TYPE_CHECKING:
    from genrebench_svm import SvmOptions


@dataclass
class Calibrated:
    """Machines of all pairs with a sigmoid each.

    Parameters
    ----------
    kernel : Kernel
    vectors : ndarray of float, shape (n_vectors, n_columns)
        The tracks that support any of the machines.
    coefficients : ndarray of float, shape (n_vectors, n_pairs)
    intercepts : ndarray of float, shape (n_pairs,)
    sigmoids : ndarray of float, shape (n_pairs, 2)
    n_classes : int
    """

    kernel: Kernel
    vectors: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    sigmoids: NDArray[np.float64]
    n_classes: int

    def decisions(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Decision values of all pairs, shape (n_tracks, n_pairs); positive for the pair's first class."""
        return np.vstack(
            [np.empty((0, len(self.intercepts)))]
            + [
                self.kernel(table[start : start + 4096], self.vectors) @ self.coefficients + self.intercepts
                for start in range(0, len(table), 4096)
            ]
        )

    def votes(self, decisions: NDArray[np.float64]) -> NDArray[np.int64]:
        """Number of pairs that each class wins, shape (n_tracks, n_classes)."""
        first, second = np.triu_indices(self.n_classes, 1)
        result = np.zeros((len(decisions), self.n_classes), dtype=np.int64)
        for column, (i, j) in enumerate(zip(first, second, strict=True)):
            wins = decisions[:, column] > 0
            result[:, i] += wins
            result[:, j] += ~wins
        return result

    def predict_proba(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, shape (n_tracks, n_classes)."""
        if self.n_classes == 1:
            return np.ones((len(table), 1))
        decisions = self.decisions(table)
        return couple(sigmoid(decisions * self.sigmoids[:, 0] + self.sigmoids[:, 1]), self.n_classes)

    def state(self) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
        """What has to be saved, as arrays and as JSON types."""
        arrays = {name: getattr(self, name) for name in ("vectors", "coefficients", "intercepts", "sigmoids")}
        return arrays, {"kernel": self.kernel.name, "gamma": self.kernel.gamma, "n_classes": self.n_classes}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[np.float64]], constants: Mapping[str, Any]) -> Calibrated:
        """Undo `state`."""
        kernel = Kernel(constants["kernel"], constants["gamma"])
        names = ("vectors", "coefficients", "intercepts", "sigmoids")
        return cls(kernel, *(arrays[name] for name in names), constants["n_classes"])


def calibrate(
    table: NDArray[np.float64],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    kernel: Kernel,
    options: SvmOptions,
    context: Context,
    n_classes: int,
) -> Calibrated:
    """Train the machines of all pairs and fit their sigmoids."""
    trainer = Trainer(table, kernel, np.full(len(table), options.C), context.workers, options.memory * 1e9)
    seed = libsvm_seed(context.seed)

    def job(pair: Pair) -> tuple[Machine, tuple[float, float]]:
        decisions = trainer.held_out(pair, libsvm_folds(seed, len(pair.rows)))
        return trainer.train(pair), fit_sigmoid(decisions, pair.positive)

    results = trainer.run(job, all_pairs(labels, n_classes), context.progress)
    machines = [machine for machine, _ in results]
    rows = np.unique(np.concatenate([np.zeros(0, dtype=np.intp)] + [m.support for m in machines]))
    coefficients = np.zeros((len(rows), len(machines)))
    for column, machine in enumerate(machines):
        coefficients[np.searchsorted(rows, machine.support), column] = machine.coefficients
    intercepts = np.array([m.intercept for m in machines])
    sigmoids = np.array([s for _, s in results]).reshape(-1, 2)
    return Calibrated(kernel, table[rows], coefficients, intercepts, sigmoids, n_classes)

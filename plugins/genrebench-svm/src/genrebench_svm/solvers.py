"""Solvers of one two-class problem: on given kernel values, or on a table by scikit-learn's libsvm or scikit-learn-intelex.

All return the rows of the support vectors, their coefficients and the intercept; decision values are positive for label 0.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import UsageError
from genrebench_svm.kernels import Kernel, Square

Solution = tuple[NDArray[np.intp], NDArray[np.float64], float]


def solve(
    values: Square,
    rows: NDArray[np.intp],
    labels: NDArray[np.float64],
    penalties: NDArray[np.float64],
) -> Solution:
    """Solve a problem with given kernel values.

    Parameters
    ----------
    values : Square
    rows : ndarray of int, shape (n,)
        The problem's rows of the matrix, those of label 0 before those of label 1.
    labels : ndarray of float, shape (n,)
        0 or 1.
    penalties : ndarray of float, shape (n,)
        C of each row, positive.
    """
    coefficients, intercept = compiled()(values.matrix, values.diagonal, rows, 1.0 - 2.0 * labels, penalties)
    support = np.flatnonzero(coefficients)
    return support, coefficients[support], float(intercept)


def solve_on_table(
    table: NDArray[np.float64],
    labels: NDArray[np.float64],
    penalties: NDArray[np.float64],
    kernel: Kernel,
    *,
    cache_mb: float,
    intelex: bool,
) -> Solution:
    """Solve a problem, computing kernel values as they are needed.

    Parameters
    ----------
    table : ndarray of float, shape (n, n_columns)
    labels, penalties : ndarray of float, shape (n,)
        As in `solve`; every penalty is positive.
    kernel : Kernel
    cache_mb : float
        Megabytes of kernel values to cache.
    intelex : bool
        Use scikit-learn-intelex.
    """
    if intelex:
        from sklearnex.svm import SVC  # type: ignore[import-untyped]  # it ships no types
    else:
        from sklearn.svm import SVC
    # without probabilities nothing is random, but scikit-learn would draw a seed from NumPy's global state
    machine = SVC(kernel=kernel.name, gamma=kernel.gamma, cache_size=cache_mb, random_state=0).fit(table, labels, penalties)
    # scikit-learn flips the sign, so that positive means the second class
    return machine.support_, -np.asarray(machine.dual_coef_)[0], -float(np.ravel(machine.intercept_)[0])


def uses_intelex(engine: str) -> bool:
    """Whether scikit-learn-intelex solves the pairs whose kernel values don't fit in memory.

    Raises
    ------
    UsageError
        If it is requested but not installed.
    """
    installed = importlib.util.find_spec("sklearnex") is not None
    if engine == "intelex" and not installed:
        raise UsageError(
            "engine=intelex needs scikit-learn-intelex; run 'pip install scikit-learn-intelex', or set engine=auto"
        )
    return installed and engine != "scikit-learn"


@functools.cache
def compiled() -> Callable[..., Any]:
    """The compiled solver: 6 s when it is first used after the installation.

    Two processes that write to numba's cache at the same time can spoil it, so they take turns.
    """
    import filelock

    user = getattr(os, "getuid", int)()
    with filelock.FileLock(Path(tempfile.gettempdir()) / f"genrebench-svm-{user}.lock"):
        from genrebench_svm.smo import minimise

        table = np.eye(2)
        minimise(table.astype(np.float32), np.ones(2), np.arange(2), np.array([1.0, -1.0]), np.ones(2))
    return minimise

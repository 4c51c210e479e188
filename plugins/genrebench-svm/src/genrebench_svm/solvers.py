"""Solvers of one two-class problem: scikit-learn's libsvm, and scikit-learn-intelex.

All return the rows of the support vectors, their coefficients and the intercept; decision values are positive for label 0.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import UsageError
from genrebench_svm.kernels import Kernel

CACHE_MB = 200.0
Solution = tuple[NDArray[np.intp], NDArray[np.float64], float]


def solve(matrix: NDArray[np.float64], labels: NDArray[np.float64], penalties: NDArray[np.float64]) -> Solution:
    """Solve a problem with given kernel values.

    Parameters
    ----------
    matrix : ndarray of float, shape (n, n)
        C-contiguous.
    labels : ndarray of float, shape (n,)
        0 or 1.
    penalties : ndarray of float, shape (n,)
        C of each row; rows with 0 are ignored.
    """
    fit = _fit()
    if fit is None:
        support, coefficients, intercept = _solve_in_public(matrix, labels, penalties)
    else:
        solution = fit(matrix, labels, svm_type=0, kernel="precomputed", sample_weight=penalties, cache_size=CACHE_MB)
        support, coefficients, intercept = solution[0], solution[3][0], float(solution[4][0])
    if _support_counts_weighted():
        support = np.flatnonzero(penalties)[support]
    return support, coefficients, intercept


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
    return _solution(machine)


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


def _solve_in_public(matrix: NDArray[np.float64], labels: NDArray[np.float64], penalties: NDArray[np.float64]) -> Solution:
    from sklearn import config_context
    from sklearn.svm import SVC

    with config_context(assume_finite=True):
        return _solution(SVC(kernel="precomputed", cache_size=CACHE_MB, random_state=0).fit(matrix, labels, penalties))


def _solution(machine: Any) -> Solution:
    # scikit-learn flips the sign, so that positive means the second class
    return machine.support_, -np.asarray(machine.dual_coef_)[0], -float(np.ravel(machine.intercept_)[0])


@functools.cache
def _fit() -> Callable[..., Any] | None:
    """The function behind SVC.fit, whose checks take 1.5 ms in each of several hundred calls; None: use SVC itself."""
    try:
        from sklearn.svm._libsvm import fit, set_verbosity_wrap

        set_verbosity_wrap(0)  # else libsvm prints its steps
        matrix, labels = np.eye(2), np.array([0.0, 1.0])
        solution = fit(matrix, labels, svm_type=0, kernel="precomputed", sample_weight=np.ones(2), cache_size=1.0)
        support, coefficients, intercept = _solve_in_public(matrix, labels, np.ones(2))
        same = (
            np.array_equal(solution[0], support)
            and np.array_equal(solution[3][0], coefficients)
            and solution[4][0] == intercept
        )
    except (ImportError, TypeError, ValueError, IndexError):
        return None  # it isn't public, so it may differ in another version
    return fit if same else None


@functools.cache
def _support_counts_weighted() -> bool:
    """Whether the support vectors are numbered among the rows of positive weight, as in scikit-learn so far, or among all."""
    support, _, _ = _solve_in_public(np.eye(3), np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))
    return int(support.max()) == 1

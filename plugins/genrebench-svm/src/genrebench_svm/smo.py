"""Sequential minimal optimisation of one two-class support vector machine, on kernel values in single precision.

The working sets, the shrinking and the order of the sums are libsvm's, and libsvm keeps kernel values in single precision too:
the solution is the one that scikit-learn's SVC finds on the same values, bit for bit. scikit-learn takes precomputed values in
double precision only, which is twice the memory, and keeps a cache of its own beside them for each problem. Here the problems
of all folds and threads read parts of one matrix.

References
----------
R.-E. Fan, P.-H. Chen, C.-J. Lin, "Working set selection using second order information for training SVM", JMLR 6 (2005).
C.-C. Chang, C.-J. Lin, "LIBSVM: a library for support vector machines", ACM TIST 2 (2011), section 5.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-3
_TAU = 1e-12  # stands in for a curvature that isn't positive
_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


def minimise(
    kernel: NDArray[np.float32],
    diagonal: NDArray[np.float64],
    rows: NDArray[np.intp],
    signs: NDArray[np.float64],
    penalties: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Minimise the dual of the machine on some rows of a matrix of kernel values.

    Parameters
    ----------
    kernel : ndarray of float32, shape (n_all, n_all)
        Symmetric.
    diagonal : ndarray of float, shape (n_all,)
        Its diagonal in double precision.
    rows : ndarray of int, shape (n,)
        The problem's tracks, those of the first class before those of the second, as libsvm orders them.
    signs : ndarray of float, shape (n,)
        1 for the first class, -1 for the second.
    penalties : ndarray of float, shape (n,)
        C of each track, positive.

    Returns
    -------
    coefficients : ndarray of float, shape (n,)
        Of the decision function; 0 for tracks that aren't support vectors.
    intercept : float
    """
    n = len(rows)
    signs, rows, places = signs.copy(), rows.copy(), np.arange(n)  # shrinking reorders the tracks
    alpha, gradient, bounded = np.zeros(n), np.full(n, -1.0), np.zeros(n)
    arrays = (signs, penalties.copy(), alpha, gradient, bounded, diagonal[rows])
    intercept = _minimise(kernel, rows, places, arrays, np.empty(n, dtype=np.float32))
    coefficients = np.empty(n)
    coefficients[places] = signs * alpha
    return coefficients, intercept


@_compiled
def _minimise(kernel: Any, rows: Any, places: Any, arrays: Any, values: Any) -> float:
    """Fill in alpha; returns the intercept. `bounded` holds what tracks with alpha = C add to the gradient."""
    signs, penalties, alpha, gradient, bounded, _ = arrays
    n = len(rows)
    size, countdown, unshrunk = n, min(n, 1000) + 1, False
    while True:
        countdown -= 1
        if countdown == 0:
            countdown = min(n, 1000)
            size, unshrunk = _shrink(kernel, rows, places, arrays, size, unshrunk)
        i, j = _working_set(kernel, rows, arrays, size, values)
        if j < 0:
            _complete_gradient(kernel, rows, arrays, size)
            size = n
            i, j = _working_set(kernel, rows, arrays, size, values)
            if j < 0:
                break
            countdown = 1
        was_i, was_j, full_i, full_j = alpha[i], alpha[j], alpha[i] >= penalties[i], alpha[j] >= penalties[j]
        _step(i, j, values[j], arrays)
        change_i, change_j = signs[i] * (alpha[i] - was_i), signs[j] * (alpha[j] - was_j)
        row = kernel[rows[j]]
        for k in range(size):
            gradient[k] += signs[k] * (values[k] * change_i + row[rows[k]] * change_j)
        for t, full in ((i, full_i), (j, full_j)):
            if full != (alpha[t] >= penalties[t]):
                change = -penalties[t] * signs[t] if full else penalties[t] * signs[t]
                row = kernel[rows[t]]
                for k in range(n):
                    bounded[k] += signs[k] * (change * row[rows[k]])
    return _intercept(arrays)


@_compiled
def _working_set(kernel: Any, rows: Any, arrays: Any, size: int, values: Any) -> Any:
    """The two tracks to optimise next, j = -1 if there are none; writes i's kernel values into `values`."""
    signs, penalties, alpha, gradient, _, curvature = arrays
    i, top = -1, -np.inf
    for t in range(size):
        if (alpha[t] < penalties[t]) if signs[t] > 0 else (alpha[t] > 0):
            value = -signs[t] * gradient[t]
            if value >= top:
                i, top = t, value
    if i < 0:
        return i, -1
    row = kernel[rows[i]]
    j, low, best = -1, -np.inf, np.inf
    for t in range(size):
        values[t] = row[rows[t]]
        if (alpha[t] > 0) if signs[t] > 0 else (alpha[t] < penalties[t]):
            value = signs[t] * gradient[t]
            low = max(low, value)
            gap = top + value
            if gap > 0:
                bend = curvature[i] + curvature[t] - 2.0 * values[t]
                gain = -(gap * gap) / (bend if bend > 0 else _TAU)
                if gain <= best:
                    j, best = t, gain
    return i, (-1 if top + low < TOLERANCE else j)


@_compiled
def _step(i: int, j: int, value: float, arrays: Any) -> None:
    """Optimise alpha i and j along the line on which the constraint holds, and clip them to their box."""
    signs, penalties, alpha, gradient, _, curvature = arrays
    bend = curvature[i] + curvature[j] - 2.0 * value
    if bend <= 0:
        bend = _TAU
    c_i, c_j = penalties[i], penalties[j]
    if signs[i] != signs[j]:
        delta = (-gradient[i] - gradient[j]) / bend
        difference = alpha[i] - alpha[j]
        alpha[i] += delta
        alpha[j] += delta
        if difference > 0:
            if alpha[j] < 0:
                alpha[i], alpha[j] = difference, 0.0
        elif alpha[i] < 0:
            alpha[i], alpha[j] = 0.0, -difference
        if difference > c_i - c_j:
            if alpha[i] > c_i:
                alpha[i], alpha[j] = c_i, c_i - difference
        elif alpha[j] > c_j:
            alpha[i], alpha[j] = c_j + difference, c_j
    else:
        delta = (gradient[i] - gradient[j]) / bend
        total = alpha[i] + alpha[j]
        alpha[i] -= delta
        alpha[j] += delta
        if total > c_i:
            if alpha[i] > c_i:
                alpha[i], alpha[j] = c_i, total - c_i
        elif alpha[j] < 0:
            alpha[i], alpha[j] = total, 0.0
        if total > c_j:
            if alpha[j] > c_j:
                alpha[i], alpha[j] = total - c_j, c_j
        elif alpha[i] < 0:
            alpha[i], alpha[j] = 0.0, total


@_compiled
def _complete_gradient(kernel: Any, rows: Any, arrays: Any, size: int) -> None:
    """Compute the gradient of the tracks behind `size`, which was left out of the updates."""
    signs, penalties, alpha, gradient, bounded, _ = arrays
    n = len(rows)
    if size == n:
        return
    for k in range(size, n):
        gradient[k] = bounded[k] - 1.0
    for i in range(size):
        if 0 < alpha[i] < penalties[i]:
            row, factor = kernel[rows[i]], signs[i] * alpha[i]
            for k in range(size, n):
                gradient[k] += signs[k] * (factor * row[rows[k]])


@_compiled
def _shrink(kernel: Any, rows: Any, places: Any, arrays: Any, size: int, unshrunk: bool) -> Any:
    """Move tracks that will probably stay at their bound behind `size`; returns the new size."""
    signs, penalties, alpha, gradient, _, _ = arrays
    up = low = -np.inf
    for t in range(size):
        value = signs[t] * gradient[t]
        if (alpha[t] < penalties[t]) if signs[t] > 0 else (alpha[t] > 0):
            up = max(up, -value)
        if (alpha[t] > 0) if signs[t] > 0 else (alpha[t] < penalties[t]):
            low = max(low, value)
    if not unshrunk and up + low <= 10 * TOLERANCE:
        unshrunk = True
        _complete_gradient(kernel, rows, arrays, size)
        size = len(rows)
    t = 0
    while t < size:
        if _stays(t, arrays, up, low):
            size -= 1
            while size > t:
                if not _stays(size, arrays, up, low):
                    _swap(rows, t, size)
                    _swap(places, t, size)
                    for array in arrays:
                        _swap(array, t, size)
                    break
                size -= 1
        t += 1
    return size, unshrunk


@_compiled
def _stays(t: int, arrays: Any, up: float, low: float) -> bool:
    signs, penalties, alpha, gradient, _, _ = arrays
    full = alpha[t] >= penalties[t]
    if not full and alpha[t] > 0:
        return False
    value = signs[t] * gradient[t]
    return bool(-value > up) if full == (signs[t] > 0) else bool(value > low)


@_compiled
def _swap(array: Any, i: int, j: int) -> None:
    array[i], array[j] = array[j], array[i]


@_compiled
def _intercept(arrays: Any) -> float:
    """The negative mean of the gradient over the free tracks, or the middle of the interval that the others leave."""
    signs, penalties, alpha, gradient, _, _ = arrays
    above, below, total, n_free = np.inf, -np.inf, 0.0, 0
    for t in range(len(alpha)):
        value = signs[t] * gradient[t]
        if 0 < alpha[t] < penalties[t]:
            n_free += 1
            total += value
        elif (alpha[t] >= penalties[t]) == (signs[t] > 0):
            below = max(below, value)
        else:
            above = min(above, value)
    return -total / n_free if n_free else -(above + below) / 2

"""From the probabilities of pairs of classes to the probabilities of all the classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_PROBABILITY = 1e-7


def couple(pairwise: NDArray[np.float64], n_classes: int, tolerance: float | None = None) -> NDArray[np.float64]:
    """Couple pairwise probabilities by the second method of Wu, Lin and Weng.

    For each row the probabilities p minimise the sum over i and j != i of (r_ji p_i - r_ij p_j)², with sum(p) = 1, where
    r_ij estimates P(i | i or j). Solved by the paper's coordinate-wise iteration (algorithm 2) for all rows at once, until each
    row's error is small enough.

    Parameters
    ----------
    pairwise : ndarray of float, shape (n_rows, n_classes (n_classes - 1) / 2)
        r_ij for i < j, in the order (0, 1), (0, 2) ... (1, 2) ...; clipped to [1e-7, 1 - 1e-7].
    n_classes : int
    tolerance : float, optional
        Largest error of the optimality condition at which to stop; by default libsvm's, 0.005 / n_classes.

    Returns
    -------
    ndarray of float, shape (n_rows, n_classes)
        Rows sum to 1.

    References
    ----------
    T.-F. Wu, C.-J. Lin, R. C. Weng, "Probability estimates for multi-class classification by pairwise coupling", JMLR 5
    (2004), section 4.2.
    """
    n_rows = len(pairwise)
    tolerance = 0.005 / n_classes if tolerance is None else tolerance
    quadratic = _quadratic(np.clip(pairwise, MIN_PROBABILITY, 1.0 - MIN_PROBABILITY), n_classes)
    result = np.full((n_rows, n_classes), 1.0 / n_classes)
    active = np.arange(n_rows)
    for _ in range(max(100, n_classes)):
        p, q = result[active], quadratic[active]
        gradient = np.einsum("nij,nj->ni", q, p)
        value = np.einsum("ni,ni->n", p, gradient)
        unfinished = np.abs(gradient - value[:, None]).max(axis=1, initial=0.0) >= tolerance
        if not unfinished.any():
            break
        active, p, q = active[unfinished], p[unfinished], q[unfinished]
        gradient, value = gradient[unfinished], value[unfinished]
        for t in range(n_classes):
            step = (value - gradient[:, t]) / q[:, t, t]
            p[:, t] += step
            scale = 1.0 + step
            value = (value + step * (step * q[:, t, t] + 2.0 * gradient[:, t])) / scale / scale
            gradient = (gradient + step[:, None] * q[:, t]) / scale[:, None]
            p /= scale[:, None]
        result[active] = p
    return result


def _quadratic(r: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """The matrices Q of the problem, shape (n_rows, n_classes, n_classes): Q_tt = sum_j r_jt², Q_tj = -r_jt r_tj."""
    first, second = np.triu_indices(n_classes, 1)
    full = np.zeros((len(r), n_classes, n_classes))
    full[:, first, second] = r
    full[:, second, first] = 1.0 - r
    quadratic = -full * full.transpose(0, 2, 1)
    diagonal = np.arange(n_classes)
    quadratic[:, diagonal, diagonal] = (full**2).sum(axis=1)
    return quadratic

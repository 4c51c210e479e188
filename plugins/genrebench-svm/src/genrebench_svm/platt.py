"""Platt's sigmoid: from decision values of a two-class SVM to the probability of its positive class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_STEPS = 100
MIN_STEP = 1e-10
RIDGE = 1e-12
TOLERANCE = 1e-5


def fit_sigmoid(
    decisions: NDArray[np.float64], positive: NDArray[np.bool_], slope: float = 0.0, strength: float = 0.0
) -> tuple[float, float]:
    """Fit P(positive | d) = 1 / (1 + exp(a d + b)) by maximum likelihood with Platt's smoothed targets.

    Newton's method with backtracking, started at the class frequencies; steps and tolerances are those of libsvm, so that
    without a penalty the results are the same.

    Parameters
    ----------
    decisions : ndarray of float, shape (n,)
        Decision values for tracks that the machine wasn't trained on.
    positive : ndarray of bool, shape (n,)
        Whether each track belongs to the positive class.
    slope, strength : float
        ``strength / 2 ((a - slope)² + b²)`` is added to the negative log likelihood: with few tracks or none, a stays near
        `slope` and b near 0.

    Returns
    -------
    a, b : float

    References
    ----------
    H.-T. Lin, C.-J. Lin, R. C. Weng, "A note on Platt's probabilistic outputs for support vector machines", Machine Learning
    68 (2007), algorithm 1.
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    target = np.where(positive, (n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0))
    a, b = 0.0, float(np.log((n_negative + 1.0) / (n_positive + 1.0)))

    def objective(a: float, b: float) -> float:
        return _cross_entropy(decisions * a + b, target) + strength / 2.0 * ((a - slope) ** 2 + b**2)

    loss = objective(a, b)
    for _ in range(MAX_STEPS):
        p = sigmoid(decisions * a + b)
        weight = p * (1.0 - p)
        error = target - p
        gradient_a = float(decisions @ error) + strength * (a - slope)
        gradient_b = float(error.sum()) + strength * b
        if abs(gradient_a) < TOLERANCE and abs(gradient_b) < TOLERANCE:
            break
        h_aa = float((decisions * decisions) @ weight) + RIDGE + strength
        h_bb = float(weight.sum()) + RIDGE + strength
        h_ab = float(decisions @ weight)
        determinant = h_aa * h_bb - h_ab * h_ab
        step_a = -(h_bb * gradient_a - h_ab * gradient_b) / determinant
        step_b = -(h_aa * gradient_b - h_ab * gradient_a) / determinant
        descent = gradient_a * step_a + gradient_b * step_b
        step = 1.0
        while step >= MIN_STEP:
            new_a, new_b = a + step * step_a, b + step * step_b
            new_loss = objective(new_a, new_b)
            if new_loss < loss + 0.0001 * step * descent:
                a, b, loss = new_a, new_b, new_loss
                break
            step /= 2.0
        else:
            break
    return a, b


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(z)), without overflow for either sign."""
    small = np.exp(-np.abs(z))
    result: NDArray[np.float64] = np.where(z >= 0, small, 1.0) / (1.0 + small)
    return result


def _cross_entropy(z: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Sum of the cross entropies with the targets, in a form that doesn't overflow."""
    return float((np.where(z >= 0, target, target - 1.0) * z + np.log1p(np.exp(-np.abs(z)))).sum())

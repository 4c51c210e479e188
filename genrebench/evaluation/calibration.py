"""Calibration: reliability of a model's probabilities, and temperature scaling.

Conventions are those of `genrebench.evaluation.metrics`: `labels` of shape (n_tracks,), `probabilities` of shape (n_tracks,
n_genres). All functions are pure and return JSON types or arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrebench.evaluation import metrics
from genrebench.evaluation.intervals import sampling_units
from genrebench.records import Predictions

Floats = NDArray[np.float64]

LOWEST, HIGHEST = 0.05, 20.0
"""Range of fitted temperatures."""


def is_temperature(value: Any) -> bool:
    """Whether a value, such as one that was read from a file, can be a fitted temperature."""
    return isinstance(value, float) and LOWEST * 0.999 <= value <= HIGHEST * 1.001


def reliability(labels: ArrayLike, probabilities: ArrayLike, n_bins: int = 15) -> list[dict[str, Any]]:
    """Accuracy against confidence: the data of a reliability diagram.

    Returns
    -------
    list of dict
        One per bin that has tracks: low and high (the bin is (low, high]), tracks, confidence (mean) and accuracy. The bins
        are those of `genrebench.evaluation.metrics.calibration_error`.
    """
    correct, confidence, bins = metrics.binned_by_confidence(labels, probabilities, n_bins)
    return [
        {
            "low": i / n_bins,
            "high": (i + 1) / n_bins,
            "tracks": int((bins == i).sum()),
            "confidence": float(confidence[bins == i].mean()),
            "accuracy": float(correct[bins == i].mean()),
        }
        for i in np.unique(bins).tolist()
    ]


def apply_temperature(probabilities: ArrayLike, temperature: float) -> Floats:
    """Soften (temperature > 1) or sharpen (< 1) probabilities: softmax of their logarithms divided by the temperature."""
    logits = np.log(np.clip(np.asarray(probabilities, dtype=np.float64), metrics.CLIP, 1)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def fit_temperature(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Find the temperature in [0.05, 20] with the lowest log loss.

    The loss is convex in 1 / temperature, so bisection of its slope finds the minimum (Guo et al. 2017, "On Calibration of
    Modern Neural Networks").
    """
    y, p = metrics.validate(labels, probabilities)
    logits = np.log(np.clip(p, metrics.CLIP, 1))
    true_logit = logits[np.arange(len(y)), y].mean()
    low, high = LOWEST, HIGHEST
    for _ in range(60):
        middle = (low + high) / 2
        slope = (apply_temperature(p, 1 / middle) * logits).sum(axis=1).mean() - true_logit
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high)


def temperature_gain(predictions: Predictions, seed: int = 0) -> Mapping[str, float]:
    """Estimate what temperature scaling would gain where there is no validation part.

    The test tracks are divided at random into two halves that share no artist; each is scaled by the temperature that was
    fitted on the other.

    Returns
    -------
    mapping
        temperature (fitted on all tracks), log_loss (before scaling), log_loss_scaled, gain (log_loss - log_loss_scaled, in
        nats; negative if scaling makes it worse). Empty for fewer than four artists, or tracks where no artist is known.
    """
    y, p = metrics.validate(predictions.labels, predictions.probabilities)
    groups = np.full(len(y), -1) if predictions.groups is None else predictions.groups
    units = sampling_units(groups)
    if len(units) < 4:
        return {}
    half = (np.random.default_rng(seed).permutation(len(units)) < len(units) // 2)[units.codes]
    scaled = p.copy()
    for part in (half, ~half):
        scaled[part] = apply_temperature(p[part], fit_temperature(y[~part], p[~part]))
    before, after = metrics.log_loss(y, p), metrics.log_loss(y, scaled)
    return {"temperature": fit_temperature(y, p), "log_loss": before, "log_loss_scaled": after, "gain": before - after}

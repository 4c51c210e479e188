"""Calibration: reliability of a model's probabilities, and temperature scaling.

Conventions are those of `genrebench.evaluation.metrics`: `labels` of shape (n_tracks,), `probabilities` of shape (n_tracks,
n_genres). All functions are pure and return JSON types or arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrebench.evaluation import metrics
from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.proportions import share_interval
from genrebench.records import Predictions

Floats = NDArray[np.float64]

MAX_BINS, MIN_BIN, MIN_BIN_UNITS = 10, 4, 3
"""Bins of a reliability diagram: how many, and the fewest tracks of one, and artists for its interval."""

LOWEST, HIGHEST = 0.05, 20.0
"""Range of fitted temperatures."""


def is_temperature(value: Any) -> bool:
    """Whether a value, such as one that was read from a file, can be a fitted temperature."""
    return isinstance(value, float) and LOWEST * 0.999 <= value <= HIGHEST * 1.001


def equal_bins(
    labels: ArrayLike, probabilities: ArrayLike, groups: NDArray[np.int64] | None = None, n_bins: int = MAX_BINS
) -> list[dict[str, Any]]:
    """Accuracy against confidence: the data of a reliability diagram, in bins that have about the same number of tracks.

    Bins of equal width would have a few tracks each where a model is rarely that confident, and then say little.

    Parameters
    ----------
    labels, probabilities : array
    groups : ndarray of int, shape (n_tracks,), optional
        Artist number of each track, -1 if it isn't known; tracks of one artist succeed and fail together.
    n_bins : int
        At most so many, and none with fewer than `MIN_BIN` tracks.

    Returns
    -------
    list of dict
        One per bin, in order of confidence: low and high (the lowest and highest confidence in it; tracks of the same
        confidence are in one bin), tracks, confidence (mean), accuracy, and interval (95 %, of the accuracy on other tracks
        like these; None with fewer than three artists, or tracks without artists). No bin with fewer than `MIN_BIN` tracks.

    References
    ----------
    Nixon et al. 2019, "Measuring Calibration in Deep Learning" (adaptive bins).
    """
    y, p = metrics.validate(labels, probabilities)
    correct, confidence = (p.argmax(axis=1) == y).astype(np.float64), p.max(axis=1)
    bins = _equal_counts(confidence, min(n_bins, len(y) // MIN_BIN))
    if bins is None:
        return []
    units = sampling_units(np.full(len(y), -1) if groups is None else groups)
    members = (bins[:, None] == np.arange(bins.max() + 1)).astype(np.float64)
    n_units = (units.sums(members) > 0).sum(axis=0)
    low, high = share_interval(correct[:, None] * members, units, members=members)
    return [
        {
            "low": float(confidence[inside].min()),
            "high": float(confidence[inside].max()),
            "tracks": int(inside.sum()),
            "confidence": float(confidence[inside].mean()),
            "accuracy": float(correct[inside].mean()),
            "interval": (float(low[i]), float(high[i])) if n_units[i] >= MIN_BIN_UNITS else None,
        }
        for i, inside in enumerate(members.T > 0)
    ]


def _equal_counts(values: Floats, n_bins: int) -> NDArray[np.int64] | None:
    """The bin of each value, from 0 on; equal values share one, and none has fewer than `MIN_BIN`. None without any bin."""
    if n_bins < 1:
        return None
    ends = np.unique(np.quantile(values, np.arange(1, n_bins) / n_bins, method="inverted_cdf"))
    bins = np.searchsorted(ends, values)
    for i in range(len(ends) + 1):  # a bin that equal values have left small joins the next one
        if 0 < (bins == i).sum() < MIN_BIN and i < bins.max():
            bins[bins == i] = bins[bins > i].min()
    if (bins == bins.max()).sum() < MIN_BIN and bins.min() < bins.max():
        bins[bins == bins.max()] = bins[bins < bins.max()].max()
    return np.unique(bins, return_inverse=True)[1].astype(np.int64)


def apply_temperature(probabilities: ArrayLike, temperature: float) -> Floats:
    """Soften (temperature > 1) or sharpen (< 1) probabilities: softmax of their logarithms divided by the temperature."""
    return _softmax(_logits(np.asarray(probabilities, dtype=np.float64)) / temperature)


def scaled_by_fold(predictions: Predictions, temperatures: Sequence[float]) -> Predictions:
    """The predictions of each fold scaled by its temperature, of which there is one per fold."""
    probabilities = predictions.probabilities.copy()
    for fold, temperature in enumerate(temperatures):
        rows = predictions.folds == fold
        probabilities[rows] = apply_temperature(probabilities[rows], temperature)
    return replace(predictions, probabilities=probabilities)


def _logits(probabilities: Floats) -> Floats:
    return np.log(np.clip(probabilities, metrics.CLIP, 1))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


def fit_temperature(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Find the temperature in [0.05, 20] with the lowest log loss.

    The loss is convex in 1 / temperature, so its minimum is the root of its slope (Guo et al. 2017, "On Calibration of Modern
    Neural Networks").
    """
    from scipy.optimize import brentq

    y, p = metrics.validate(labels, probabilities)
    logits = _logits(p)
    true_logit = logits[np.arange(len(y)), y].mean()

    def slope(inverse: float) -> float:
        return float((_softmax(logits / (1 / inverse)) * logits).sum(axis=1).mean() - true_logit)

    if slope(HIGHEST) <= 0:
        return 1 / HIGHEST
    if slope(LOWEST) >= 0:
        return 1 / LOWEST
    return 1 / float(brentq(slope, LOWEST, HIGHEST, xtol=1e-12))


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

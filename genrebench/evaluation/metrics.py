"""Metrics of predictions: log loss, Brier score, F1 and its averages, confusion, calibration error.

Conventions: `labels` holds the index of each track's genre, shape (n_tracks,); `probabilities` has one row per track and one
column per genre, shape (n_tracks, n_genres), and its rows sum to 1. The predicted genre is the column with the largest
probability, the first of equals. All functions are pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrebench.errors import GenrebenchError
from genrebench.plugin.metrics import Measured, MetricSpec, measure

VERSION = 2
"""Increased whenever a score of unchanged predictions changes or is added; older runs are then scored again."""

CLIP = 1e-15
"""Smallest probability in a log loss."""


def validate(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Check the shapes and ranges of both arguments and return them as arrays.

    Raises
    ------
    ValueError
        If there is no track, the shapes don't match, a label isn't the index of a column, or a row of probabilities has a
        value that is negative or not finite, or only zeros.
    """
    y = np.asarray(labels)
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise ValueError(f"labels of shape {y.shape} don't fit probabilities of shape {p.shape}")
    if not len(y):
        raise ValueError("there is no track to score")
    if not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"labels have to be integers, not {y.dtype}")
    if y.min() < 0 or y.max() >= p.shape[1]:
        raise ValueError(f"labels have to be from 0 to {p.shape[1] - 1}, not {y.min()} .. {y.max()}")
    low, high = p.min(), p.max()  # NaN if one is
    if not (low >= 0 and high < np.inf):
        raise ValueError("probabilities have to be finite and not negative")
    if low == 0 and len(zero := np.flatnonzero(~p.any(axis=1))):
        raise ValueError(f"the probabilities of row {zero[0]} are all zero")
    return y.astype(np.int64), p


def track_log_losses(labels: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """Log loss of each track, in nats, shape (n_tracks,).

    Probabilities are clipped to [1e-15, 1] and the rows renormalised: -ln(p[label] / sum(p)).
    """
    y, p = validate(labels, probabilities)
    p = np.clip(p, CLIP, 1.0)
    losses: NDArray[np.float64] = np.log(p.sum(axis=1)) - np.log(p[np.arange(len(y)), y])
    return losses


def log_loss(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean log loss over the tracks, in nats; 0 is perfect, and uniform probabilities score ln(n_genres)."""
    return float(track_log_losses(labels, probabilities).mean())


def track_brier(labels: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """Brier score of each track, from 0 to 2, shape (n_tracks,).

    The sum over the genres of (p - 1[genre is the label])^2 (Brier 1950, "Verification of forecasts expressed in terms of
    probability"). Probabilities are clipped to 1 and the rows renormalised, as for the log loss.
    """
    y, p = validate(labels, probabilities)
    p = np.minimum(p, 1.0)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    scores: NDArray[np.float64] = (p**2).sum(axis=1)
    return scores


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean Brier score over the tracks; 0 is perfect, 2 the worst, and uniform probabilities score 1 - 1 / n_genres.

    Proper like the log loss, but a confident mistake costs at most 2, so a handful of them can't carry a difference.
    """
    return float(track_brier(labels, probabilities).mean())


def confusion(labels: ArrayLike, probabilities: ArrayLike) -> NDArray[np.int64]:
    """Counts of tracks, shape (n_genres, n_genres): true genre in rows, predicted genre in columns."""
    y, p = validate(labels, probabilities)
    n = p.shape[1]
    return np.bincount(y * n + p.argmax(axis=1), minlength=n * n).reshape(n, n)


def genre_f1(labels: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """F1 of each genre, 2 TP / (2 TP + FP + FN), shape (n_genres,); 0 for a genre that is neither true nor predicted."""
    return _f1_by_genre(confusion(labels, probabilities))


def _f1_by_genre(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    hits = np.diag(counts).astype(np.float64)
    total = counts.sum(axis=0) + counts.sum(axis=1)
    scores: NDArray[np.float64] = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
    return scores


def f1_micro(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Micro-averaged F1, which equals the accuracy as each track has one label; the challenge's "mean F1"."""
    counts = confusion(labels, probabilities)
    return float(np.trace(counts) / counts.sum())


def f1_macro(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Macro-averaged F1: the unweighted mean over the genres that have tracks."""
    counts = confusion(labels, probabilities)
    support = counts.sum(axis=1)
    return float(_f1_by_genre(counts)[support > 0].mean())


def f1_weighted(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean F1 over the genres, weighted by their number of tracks."""
    counts = confusion(labels, probabilities)
    return float(np.average(_f1_by_genre(counts), weights=counts.sum(axis=1)))


def calibration_error(labels: ArrayLike, probabilities: ArrayLike, n_bins: int = 15) -> float:
    """Expected calibration error of the predicted genre, in [0, 1].

    The tracks are binned by confidence, which is their largest probability, into `n_bins` bins of equal width,
    (i/n, (i+1)/n]. The error is the mean of abs(accuracy - mean confidence) over the bins, weighted by their number of tracks
    (Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3).
    """
    correct, confidence, bins = binned_by_confidence(labels, probabilities, n_bins)
    surplus = correct - confidence
    return float(np.abs(np.bincount(bins, weights=surplus, minlength=n_bins)).sum() / len(bins))


def binned_by_confidence(
    labels: ArrayLike, probabilities: ArrayLike, n_bins: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """Sort the tracks into `calibration_error`'s bins.

    Returns
    -------
    correct : ndarray of bool, shape (n_tracks,)
        Whether the predicted genre is the true one.
    confidence : ndarray of float, shape (n_tracks,)
        The probability of the predicted genre.
    bins : ndarray of int, shape (n_tracks,)
        Bin of each track, from 0 to n_bins - 1.
    """
    y, p = validate(labels, probabilities)
    confidence = p.max(axis=1) / p.sum(axis=1)
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
    return p.argmax(axis=1) == y, confidence, bins


METRICS = (
    MetricSpec("log_loss", "mean log loss in nats", track_log_losses, True, "lower", (0, math.inf)),
    MetricSpec("brier", "mean Brier score over all genres", track_brier, True, "lower", (0, 2)),
    MetricSpec("f1_micro", "micro-averaged F1, which is the accuracy", f1_micro, False, "higher", (0, 1)),
    MetricSpec("f1_macro", "F1 averaged over the genres that have test tracks", f1_macro, False, "higher", (0, 1)),
    MetricSpec(
        "f1_weighted", "F1 averaged over the genres by their number of test tracks", f1_weighted, False, "higher", (0, 1)
    ),
    MetricSpec(
        "calibration_error",
        "expected calibration error of the top label, 15 bins",
        calibration_error,
        False,
        "lower",
        (0, 1),
    ),
)

BUILT_IN = tuple(metric.name for metric in METRICS)
"""Names of the built-in metrics."""


def evaluate(labels: ArrayLike, probabilities: ArrayLike, metrics: tuple[MetricSpec, ...] = METRICS) -> Mapping[str, float]:
    """Compute all of `metrics`; a mapping of name to score."""
    return {name: one.score for name, one in measure_all(labels, probabilities, metrics).items()}


def measure_all(
    labels: ArrayLike, probabilities: ArrayLike, metrics: tuple[MetricSpec, ...] = METRICS
) -> Mapping[str, Measured]:
    """Compute all of `metrics`; a mapping of name to score and, of a mean over tracks, the value of each track."""
    y, p = validate(labels, probabilities)
    return {metric.name: measure(metric, y, p) for metric in metrics}


def measure_more(
    labels: ArrayLike, probabilities: ArrayLike, metrics: Iterable[MetricSpec]
) -> tuple[dict[str, Measured | None], list[str]]:
    """Compute those of `metrics` that aren't built in; one that fails is None and leaves the others alone.

    Returns
    -------
    measured : dict of str to (Measured or None)
    problems : list of str
        One line per metric that failed.
    """
    y, p = validate(labels, probabilities)
    measured: dict[str, Measured | None] = {}
    problems = []
    for metric in metrics:
        if metric.name in BUILT_IN:
            continue
        try:
            measured[metric.name] = measure(metric, y, p)
        except GenrebenchError as error:
            measured[metric.name] = None
            problems.append(str(error))
    return measured, problems

"""Where a model's errors lie, and how far its probabilities can be trusted.

Conventions are those of `genrebench.metrics`: `labels` of shape (n_tracks,), `probabilities` of shape (n_tracks, n_genres).
All functions are pure and answer in JSON's types or arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrebench import metrics
from genrebench.records import Predictions

Floats = NDArray[np.float64]


def genre_table(labels: ArrayLike, probabilities: ArrayLike, genres: Sequence[str]) -> list[dict[str, Any]]:
    """Scores of each genre.

    Returns
    -------
    list of dict
        A genre each, in column order: genre, support (test tracks), predicted (how often it was the answer), precision,
        recall and f1 (None where nothing defines them), log_loss (mean over its tracks), loss_share (of the total loss).
    """
    y, p = metrics.validate(labels, probabilities)
    counts = metrics.confusion(y, p)
    losses = metrics.track_log_losses(y, p)
    by_genre = np.bincount(y, weights=losses, minlength=len(genres))
    support, predicted, hits = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)

    def ratio(above: float, below: float) -> float | None:
        return float(above / below) if below else None

    return [
        {
            "genre": genre,
            "support": int(support[i]),
            "predicted": int(predicted[i]),
            "precision": ratio(hits[i], predicted[i]),
            "recall": ratio(hits[i], support[i]),
            "f1": ratio(2 * hits[i], support[i] + predicted[i]),
            "log_loss": ratio(by_genre[i], support[i]),
            "loss_share": ratio(by_genre[i], losses.sum()),
        }
        for i, genre in enumerate(genres)
    ]


def normalised_confusion(counts: NDArray[np.int64], by: str = "true") -> Floats:
    """Shares instead of counts.

    Parameters
    ----------
    counts : ndarray of shape (n_genres, n_genres)
        True genre in rows, predicted in columns; see `genrebench.metrics.confusion`.
    by : {"true", "predicted"}
        "true": rows sum to 1, the diagonal is recall. "predicted": columns sum to 1, the diagonal is precision. A genre
        without tracks or without predictions has zeros.
    """
    totals = counts.sum(axis=1 if by == "true" else 0, keepdims=True)
    shares: Floats = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    return shares


def confident_mistakes(predictions: Predictions, n: int = 10) -> list[dict[str, Any]]:
    """The wrong answers of which the model was surest.

    Returns
    -------
    list of dict
        Surest first: track (id), fold, genre (the true one), answer, confidence (probability of the answer), probability (of
        the true genre), log_loss.
    """
    y, p = metrics.validate(predictions.labels, predictions.probabilities)
    losses, answers, confidence = metrics.track_log_losses(y, p), p.argmax(axis=1), p.max(axis=1)
    wrong = np.flatnonzero(answers != y)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:n]
    return [
        {
            "track": predictions.ids[i],
            "fold": int(predictions.folds[i]),
            "genre": predictions.genres[y[i]],
            "answer": predictions.genres[answers[i]],
            "confidence": float(confidence[i]),
            "probability": float(p[i, y[i]]),
            "log_loss": float(losses[i]),
        }
        for i in worst
    ]


def pair_losses(labels: ArrayLike, probabilities: ArrayLike, genres: Sequence[str], n: int = 10) -> list[dict[str, Any]]:
    """Which pairs of genres account for the loss.

    A track's loss is put down to its genre and that genre's strongest rival on it, the likeliest of the others, whether or not
    the answer was right. So the shares of all pairs sum to 1.

    Returns
    -------
    list of dict
        Largest share first: genres (two names), share (of the total loss), confused (tracks of either that were answered
        with the other), tracks (with this pair of genre and rival).
    """
    y, p = metrics.validate(labels, probabilities)
    losses = metrics.track_log_losses(y, p)
    if p.shape[1] < 2 or not losses.sum():
        return []
    others = p.copy()
    others[np.arange(len(y)), y] = -1
    rival = others.argmax(axis=1)
    k = len(genres)
    pair = np.minimum(y, rival) * k + np.maximum(y, rival)
    share = np.bincount(pair, weights=losses, minlength=k * k) / losses.sum()
    tracks = np.bincount(pair, minlength=k * k)
    confused = metrics.confusion(y, p)
    first = np.argsort(-share, kind="stable")[:n]
    return [
        {
            "genres": [genres[i // k], genres[i % k]],
            "share": float(share[i]),
            "confused": int(confused[i // k, i % k] + confused[i % k, i // k]),
            "tracks": int(tracks[i]),
        }
        for i in first
        if tracks[i]
    ]


# ------------------------------------------------------------------ calibration


def reliability(labels: ArrayLike, probabilities: ArrayLike, n_bins: int = 15) -> list[dict[str, Any]]:
    """Accuracy beside confidence, by bins of the largest probability.

    Returns
    -------
    list of dict
        The bins that have tracks: low and high (the bin is (low, high]), tracks, confidence (mean) and accuracy. The bins are
        those of `genrebench.metrics.calibration_error`.
    """
    y, p = metrics.validate(labels, probabilities)
    confidence = p.max(axis=1) / p.sum(axis=1)
    right = p.argmax(axis=1) == y
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    return [
        {
            "low": i / n_bins,
            "high": (i + 1) / n_bins,
            "tracks": int((bins == i).sum()),
            "confidence": float(confidence[bins == i].mean()),
            "accuracy": float(right[bins == i].mean()),
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
    """Temperature in [0.05, 20] with the lowest log loss (Guo et al. 2017, "On Calibration of Modern Neural Networks").

    The loss is convex in 1 / temperature, where its minimum is found by bisection of the slope.
    """
    y, p = metrics.validate(labels, probabilities)
    logits = np.log(np.clip(p, metrics.CLIP, 1))
    right = logits[np.arange(len(y)), y].mean()
    low, high = 0.05, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        slope = (apply_temperature(p, 1 / middle) * logits).sum(axis=1).mean() - right
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high)


def temperature_gain(predictions: Predictions, seed: int = 0) -> Mapping[str, float]:
    """What temperature scaling would gain, without a validation part: fitted on one half of the artists, scored on the other.

    Returns
    -------
    mapping
        temperature (fitted on all tracks), log_loss before, log_loss_scaled (each half at the other's temperature), gain
        (before - scaled; negative if scaling costs). Empty with fewer than four artists or tracks.
    """
    y, p = metrics.validate(predictions.labels, predictions.probabilities)
    groups = np.full(len(y), -1) if predictions.groups is None else predictions.groups
    keys = np.where(groups < 0, groups.max(initial=0) + 1 + np.arange(len(y)), groups)
    found, codes = np.unique(keys, return_inverse=True)
    if len(found) < 4:
        return {}
    half = (np.random.default_rng(seed).permutation(len(found)) < len(found) // 2)[codes]
    scaled = p.copy()
    for part in (half, ~half):
        scaled[part] = apply_temperature(p[part], fit_temperature(y[~part], p[~part]))
    before, after = metrics.log_loss(y, p), metrics.log_loss(y, scaled)
    return {"temperature": fit_temperature(y, p), "log_loss": before, "log_loss_scaled": after, "gain": before - after}

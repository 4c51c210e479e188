"""Error analysis: scores per genre, confusion, the most confident mistakes, and the loss per pair of genres.

Conventions are those of `genrebench.evaluation.metrics`: `labels` of shape (n_tracks,), `probabilities` of shape (n_tracks,
n_genres). All functions are pure and return JSON types or arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genrebench.evaluation import metrics
from genrebench.evaluation.f1 import genre_intervals
from genrebench.evaluation.intervals import MIN_UNITS, sampling_units
from genrebench.records import Predictions

Floats = NDArray[np.float64]


def genre_table(
    labels: ArrayLike, probabilities: ArrayLike, genres: Sequence[str], groups: NDArray[np.int64] | None = None
) -> list[dict[str, Any]]:
    """Scores per genre.

    Parameters
    ----------
    labels, probabilities : array
    genres : sequence of str
    groups : ndarray of int, shape (n_tracks,), optional
        Artist number of each track, -1 if it isn't known; tracks of one artist succeed and fail together.

    Returns
    -------
    list of dict
        One per genre, in column order: genre, support (its test tracks), predicted (tracks that were predicted as this genre),
        precision, recall and f1 (None where undefined), precision_interval, recall_interval and f1_interval (95 %, None where
        too few artists or tracks tell of the genre; see `genrebench.evaluation.f1`), log_loss (mean over its tracks),
        loss_share (of the total loss).
    """
    y, p = metrics.validate(labels, probabilities)
    counts = metrics.confusion(y, p)
    losses = metrics.track_log_losses(y, p)
    by_genre = np.bincount(y, weights=losses, minlength=len(genres))
    support, predicted, hits = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)

    units = sampling_units(np.full(len(y), -1) if groups is None else groups)
    intervals = genre_intervals(y, [p.argmax(axis=1)], len(genres), units) if len(units) >= MIN_UNITS else {}

    def ratio(numerator: float, denominator: float) -> float | None:
        return float(numerator / denominator) if denominator else None

    return [
        {
            "genre": genre,
            "support": int(support[i]),
            "predicted": int(predicted[i]),
            "precision": ratio(hits[i], predicted[i]),
            "recall": ratio(hits[i], support[i]),
            "f1": ratio(2 * hits[i], support[i] + predicted[i]),
            **{f"{score}_interval": intervals[score][i] if intervals else None for score in ("precision", "recall", "f1")},
            "log_loss": ratio(by_genre[i], support[i]),
            "loss_share": ratio(by_genre[i], losses.sum()),
        }
        for i, genre in enumerate(genres)
    ]


def normalised_confusion(counts: NDArray[np.int64], by: str = "true") -> Floats:
    """Confusion matrix of fractions instead of counts, shape (n_genres, n_genres).

    Parameters
    ----------
    counts : ndarray of shape (n_genres, n_genres)
        True genre in rows, predicted in columns; see `genrebench.evaluation.metrics.confusion`.
    by : {"true", "predicted"}
        "true": rows sum to 1, the diagonal is recall. "predicted": columns sum to 1, the diagonal is precision. A genre
        without tracks or without predictions has zeros.
    """
    totals = counts.sum(axis=1 if by == "true" else 0, keepdims=True)
    fractions: Floats = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    return fractions


def confident_mistakes(predictions: Predictions, n: int = 10) -> list[dict[str, Any]]:
    """Misclassified tracks, the most confident first.

    Returns
    -------
    list of dict
        One per track, at most `n`: track (id), fold, genre (the true one), answer (the predicted genre), confidence
        (probability of the predicted genre), probability (of the true genre), log_loss.
    """
    y, p = metrics.validate(predictions.labels, predictions.probabilities)
    losses, predicted, confidence = metrics.track_log_losses(y, p), p.argmax(axis=1), p.max(axis=1)
    wrong = np.flatnonzero(predicted != y)
    most_confident = wrong[np.argsort(-confidence[wrong], kind="stable")][:n]
    return [
        {
            "track": predictions.ids[i],
            "fold": int(predictions.folds[i]),
            "genre": predictions.genres[y[i]],
            "answer": predictions.genres[predicted[i]],
            "confidence": float(confidence[i]),
            "probability": float(p[i, y[i]]),
            "log_loss": float(losses[i]),
        }
        for i in most_confident
    ]


def pair_losses(labels: ArrayLike, probabilities: ArrayLike, genres: Sequence[str], n: int = 10) -> list[dict[str, Any]]:
    """Share of the total loss per pair of genres, the largest first.

    A track's loss is attributed to the pair of its true genre and its rival, which is the most probable of the other genres,
    whether or not the prediction was right. So the shares of all pairs sum to 1.

    Returns
    -------
    list of dict
        One per pair, at most `n`: genres (two names), share (of the total loss), confused (tracks of either genre that were
        predicted as the other), tracks (whose true genre and rival are this pair).
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
    largest = np.argsort(-share, kind="stable")[:n]
    return [
        {
            "genres": [genres[i // k], genres[i % k]],
            "share": float(share[i]),
            "confused": int(confused[i // k, i % k] + confused[i % k, i // k]),
            "tracks": int(tracks[i]),
        }
        for i in largest
        if tracks[i]
    ]

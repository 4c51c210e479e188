"""What boards need of a run's predictions, in a form that is read at once: the scores, and a few numbers a track.

It is derived from predictions.csv, kept beside it as `scores.cache`, and may be deleted at any time. The file is one line of
JSON (checksum and stamp of the predictions, version of the metrics, the scores), then the columns, little-endian.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation import metrics
from genrebench.records import Predictions


@dataclass(frozen=True)
class Scored:
    """Scored predictions.

    Parameters
    ----------
    scores : mapping of str to float
        Every built-in metric.
    losses : ndarray of float64, shape (n_tracks,)
        Log loss of each track, in nats.
    labels, answers : ndarray of int64, shape (n_tracks,)
        True and predicted genre, as column index.
    folds, groups : ndarray of int64, shape (n_tracks,)
        Fold in which the track was tested; artist numbers, -1 where not known.
    tracks : str
        Digest of ids, folds and labels. The tracks stand in the order of fold and id, so that two runs with one digest can be
        compared row by row.
    """

    scores: Mapping[str, float]
    losses: NDArray[np.float64]
    labels: NDArray[np.int64]
    answers: NDArray[np.int64]
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    tracks: str


def score(predictions: Predictions) -> Scored:
    """Score the predictions of a run.

    Raises
    ------
    ValueError
        If they can't be scored; see `genrebench.evaluation.metrics.validate`.
    """
    labels, probabilities = metrics.validate(predictions.labels, predictions.probabilities)
    groups = np.full(len(labels), -1) if predictions.groups is None else predictions.groups
    order = np.lexsort((np.array(predictions.ids), predictions.folds))
    folds = predictions.folds[order].astype(np.int64)
    keys = [
        [predictions.ids[i], fold, predictions.genres[predictions.labels[i]]]
        for i, fold in zip(order, folds.tolist(), strict=True)
    ]
    return Scored(
        scores=metrics.evaluate(labels, probabilities),
        losses=metrics.track_log_losses(labels, probabilities)[order],
        labels=labels[order],
        answers=probabilities.argmax(axis=1).astype(np.int64)[order],
        folds=folds,
        groups=groups[order].astype(np.int64),
        tracks=hashlib.sha256(json.dumps(keys).encode("ascii")).hexdigest()[:16],
    )


def encode(scored: Scored, sha256: str, stamp: list[int]) -> bytes:
    """The content of the cache file."""
    head = {
        "sha256": sha256,
        "stamp": stamp,
        "metrics": metrics.VERSION,
        "tracks": scored.tracks,
        "scores": dict(scored.scores),
    }
    integers = np.stack([scored.labels, scored.answers, scored.folds, scored.groups]).astype("<i4")
    return json.dumps(head).encode() + b"\n" + scored.losses.astype("<f8").tobytes() + integers.tobytes()


def decode(data: bytes, sha256: str) -> tuple[Scored, list[int]] | None:
    """Read the content of the cache file.

    Returns
    -------
    (Scored, stamp) or None
        None unless it was made of the predictions with this checksum by this version of the metrics.
    """
    head, _, body = data.partition(b"\n")
    try:
        known: dict[str, Any] = json.loads(head)
        if known["sha256"] != sha256 or known["metrics"] != metrics.VERSION:
            return None
        n = len(body) // 24
        losses = np.frombuffer(body, "<f8", n)
        integers = np.frombuffer(body, "<i4", 4 * n, offset=8 * n).reshape(4, n).astype(np.int64)
        labels, answers, folds, groups = integers
        return Scored(known["scores"], losses, labels, answers, folds, groups, known["tracks"]), known["stamp"]
    except (ValueError, KeyError, TypeError):
        return None

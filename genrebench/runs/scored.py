"""The scores of a run and a few numbers per track: all that boards need, in a form that is fast to read.

Both are derived from predictions.csv and kept in the reader's own cache. An entry is one line of JSON (stamp of
predictions.csv, scores), followed by the columns, little-endian.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation import metrics
from genrebench.plugin.metrics import Measured
from genrebench.records import Predictions
from genrebench.runs.record import Run

TOLERANCE = 1e-6
"""Largest difference between a recorded score and one that is computed again."""


@dataclass(frozen=True)
class Scored:
    """Scored predictions.

    Parameters
    ----------
    scores : mapping of str to float
        All built-in metrics, and those of `with_metrics`.
    losses : ndarray of float64, shape (n_tracks,)
        Log loss of each track, in nats.
    brier : ndarray of float64, shape (n_tracks,)
        Brier score of each track.
    labels, predicted : ndarray of int64, shape (n_tracks,)
        True and predicted genre, as column index.
    folds, groups : ndarray of int64, shape (n_tracks,)
        Fold in which the track was tested; artist number, -1 if the artist isn't known.
    values : mapping of str to ndarray of float64, shape (n_tracks,)
        Value of each track by metrics of plugins that are means over tracks; see `with_metrics`.
    tracks : str
        Digest of genres, ids, folds and labels. Tracks are sorted by fold and id, so two runs with the same digest can be
        compared element by element.
    """

    scores: Mapping[str, float]
    losses: NDArray[np.float64]
    brier: NDArray[np.float64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    tracks: str
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def with_metrics(self, measured: Mapping[str, Measured]) -> Scored:
        """The same with scores by further metrics, whose values per track are in the order of the tracks."""
        scores = {name: one.score for name, one in measured.items()}
        values = {name: one.values for name, one in measured.items() if one.values is not None}
        return replace(self, scores={**self.scores, **scores}, values={**self.values, **values})

    def sharing(self, other: Scored) -> Scored:
        """The same with columns of `other` in place of equal ones, so that the runs of a task keep them once."""
        equal = {name: getattr(other, name) for name in ("labels", "folds", "groups")}
        return replace(self, **{name: column for name, column in equal.items() if np.array_equal(column, getattr(self, name))})


def track_order(predictions: Predictions) -> NDArray[np.intp]:
    """Positions of the tracks, sorted by fold and id."""
    return _ordered(predictions.ids, predictions.genres, predictions.folds.tobytes(), predictions.labels.tobytes())[0]


def score(predictions: Predictions) -> Scored:
    """Score the predictions of a run.

    Raises
    ------
    ValueError
        If the predictions can't be scored; see `genrebench.evaluation.metrics.validate`.
    """
    labels, probabilities = metrics.validate(predictions.labels, predictions.probabilities)
    groups = np.full(len(labels), -1) if predictions.groups is None else predictions.groups
    folds = predictions.folds.astype(np.int64)
    order, tracks = _ordered(predictions.ids, predictions.genres, folds.tobytes(), labels.tobytes())
    measured = metrics.measure_all(labels, probabilities)
    of_tracks = {name: one.values[order] for name, one in measured.items() if one.values is not None}
    return Scored(
        scores={name: one.score for name, one in measured.items()},
        losses=of_tracks["log_loss"],
        brier=of_tracks["brier"],
        labels=labels[order],
        predicted=probabilities.argmax(axis=1).astype(np.int64)[order],
        folds=folds[order],
        groups=groups[order].astype(np.int64),
        tracks=tracks,
    )


@functools.lru_cache(maxsize=4)
def _ordered(ids: tuple[str, ...], genres: tuple[str, ...], folds: bytes, labels: bytes) -> tuple[NDArray[np.intp], str]:
    """Positions of the tracks, sorted by fold and id, and the digest `Scored.tracks`; the runs of a task share them."""
    fold, label = np.frombuffer(folds, dtype=np.int64), np.frombuffer(labels, dtype=np.int64).tolist()
    order = np.lexsort((np.array(ids), fold))
    order.setflags(write=False)
    keys: list[Any] = [list(genres)]
    keys += [[ids[i], at, genres[label[i]]] for i, at in zip(order.tolist(), fold[order].tolist(), strict=True)]
    return order, hashlib.sha256(json.dumps(keys).encode("ascii")).hexdigest()[:16]


def contradictions(run: Run, scored: Scored) -> list[str]:
    """One line if a record gives other scores than its predictions; else none.

    Records of all versions of the metrics are compared: until now, a version only added scores.
    """
    recorded = {name: (run.metrics or {}).get(name) for name in metrics.BUILT_IN}  # those of plugins have other versions
    differ = [
        f"{name} {value:.4g} instead of {scored.scores[name]:.4g}"
        for name, value in recorded.items()
        if value is not None and abs(value - scored.scores[name]) > TOLERANCE
    ]
    if not differ:
        return []
    return [f"the record of run {run.id!r} says {', '.join(differ)}; shown is what its predictions give"]


def mean_losses(runs: Sequence[Scored]) -> NDArray[np.float64]:
    """Log loss of each track as the mean over runs on the same tracks, such as one per seed; shape (n_tracks,)."""
    losses: NDArray[np.float64] = np.mean([run.losses for run in runs], axis=0)
    return losses


def mean_brier(runs: Sequence[Scored]) -> NDArray[np.float64]:
    """Brier score of each track as the mean over runs on the same tracks, shape (n_tracks,)."""
    scores: NDArray[np.float64] = np.mean([run.brier for run in runs], axis=0)
    return scores


def mean_hits(runs: Sequence[Scored]) -> NDArray[np.float64]:
    """Share of the runs whose prediction is right, for each track, shape (n_tracks,)."""
    hits: NDArray[np.float64] = np.mean([run.predicted == run.labels for run in runs], axis=0)
    return hits


def encode(scored: Scored, stamp: list[int]) -> bytes:
    """Content of an entry of the cache; `stamp` identifies the file that was scored."""
    head = {"stamp": stamp, "tracks": scored.tracks, "scores": dict(scored.scores)}
    integers = np.stack([scored.labels, scored.predicted, scored.folds, scored.groups]).astype("<i4")
    floats = np.stack([scored.losses, scored.brier]).astype("<f8")
    return json.dumps(head).encode() + b"\n" + floats.tobytes() + integers.tobytes()


def decode(data: bytes) -> tuple[Scored, list[int]] | None:
    """Decode an entry of the cache.

    Returns
    -------
    (Scored, stamp) or None
        None if the entry is damaged.
    """
    head, _, body = data.partition(b"\n")
    try:
        header: dict[str, Any] = json.loads(head)
        n = len(body) // 32
        losses, brier = np.frombuffer(body, "<f8", 2 * n).reshape(2, n).copy()
        integers = np.frombuffer(body, "<i4", 4 * n, offset=16 * n).reshape(4, n)
        labels, predicted, folds, groups = (column.astype(np.int64) for column in integers)
        scores = dict(header["scores"])
        return Scored(scores, losses, brier, labels, predicted, folds, groups, header["tracks"]), header["stamp"]
    except (ValueError, KeyError, TypeError):
        return None

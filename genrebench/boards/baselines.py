"""Baseline rows of a board: probabilities that depend only on the labels, for comparison with the models."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation import metrics
from genrebench.plugin.metrics import MetricSpec
from genrebench.runs.record import TaskRecord
from genrebench.runs.scored import Scored

NAMES = ("uniform", "training-prior")
"""Names of the baselines, which no model can have."""


def baselines(task: TaskRecord, tracks: Scored, more: Iterable[MetricSpec] = ()) -> dict[str, Scored]:
    """Score uniform probabilities and the genre frequencies of the training part.

    Parameters
    ----------
    task : TaskRecord
        Provides the number of training tracks per fold and genre.
    tracks : Scored
        Any run of the task; only its tracks and labels are used.
    more : iterable of MetricSpec
        Metrics of plugins; one that fails is left out.

    Returns
    -------
    dict
        "uniform", and "training-prior" if the training counts are known. A genre without training tracks has prior
        probability 0, which the log loss clips. If several genres have the highest probability, the first is predicted.
    """
    n_folds, n_genres = int(tracks.folds.max()) + 1, len(task.genres)
    probabilities = {"uniform": np.full((n_folds, n_genres), 1 / n_genres)}
    frequencies = task.training_frequencies
    if frequencies is not None and len(frequencies) == n_folds:
        probabilities["training-prior"] = np.array(frequencies)
    return {name: _score(tracks, by_fold, more) for name, by_fold in probabilities.items()}


def _score(tracks: Scored, by_fold: NDArray[np.float64], more: Iterable[MetricSpec]) -> Scored:
    probabilities = by_fold[tracks.folds]
    measured, _ = metrics.measure_more(tracks.labels, probabilities, more)
    scored = Scored(
        scores=metrics.evaluate(tracks.labels, probabilities),
        losses=metrics.track_log_losses(tracks.labels, probabilities),
        brier=metrics.track_brier(tracks.labels, probabilities),
        labels=tracks.labels,
        predicted=by_fold.argmax(axis=1).astype(np.int64)[tracks.folds],
        folds=tracks.folds,
        groups=tracks.groups,
        tracks=tracks.tracks,
    )
    return scored.with_metrics({name: one for name, one in measured.items() if one is not None})

"""The rows that follow from the labels alone, against which every model stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation import metrics
from genrebench.runs.record import TaskRecord
from genrebench.runs.scored import Scored


def baselines(task: TaskRecord, tracks: Scored) -> dict[str, Scored]:
    """What uniform probabilities and the genre frequencies of the training part score.

    Parameters
    ----------
    task : TaskRecord
        With the number of training tracks per fold and genre.
    tracks : Scored
        Any run of the task, for its tracks.

    Returns
    -------
    dict
        "uniform", and "training-prior" where the training counts are known. A genre without training tracks has prior
        probability 0, which the log loss clips. Among equal probabilities the first genre is the answer.
    """
    n_folds, n_genres = int(tracks.folds.max()) + 1, len(task.genres)
    answers = {"uniform": np.full((n_folds, n_genres), 1 / n_genres)}
    counts = np.array(task.training_counts, dtype=np.float64)
    if counts.shape == (n_folds, n_genres) and counts.sum(axis=1).all():
        answers["training-prior"] = counts / counts.sum(axis=1, keepdims=True)
    return {name: _scored(tracks, by_fold) for name, by_fold in answers.items()}


def _scored(tracks: Scored, by_fold: NDArray[np.float64]) -> Scored:
    probabilities = by_fold[tracks.folds]
    return Scored(
        scores=metrics.evaluate(tracks.labels, probabilities),
        losses=metrics.track_log_losses(tracks.labels, probabilities),
        labels=tracks.labels,
        answers=by_fold.argmax(axis=1).astype(np.int64)[tracks.folds],
        folds=tracks.folds,
        groups=tracks.groups,
        tracks=tracks.tracks,
    )

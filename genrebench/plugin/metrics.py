"""The contract between genrebench and metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESERVED = frozenset(
    (
        "row", "rank", "model", "plugin", "version", "options", "changed", "runs", "seed", "seeds", "spread", "tied_with",
        "rank_interval", "rank_low", "rank_high", "may_be_best", "population", "baseline", "calibrated", "feature_source",
        "origin", "trained_on", "test_seen", "device", "parameters", "timings", "peak_rss_mb", "task",
        "metrics", "facts", "error", "status", "dataset", "split", "run", "run_id", "started", "environment", "inputs_s",
        "fit_s", "predict_s",
    )
)  # fmt: skip
"""Keys of a row or a run in JSON, and columns of their frames, that aren't metrics, so a metric can't have these names."""


@dataclass(frozen=True)
class MetricSpec:
    """A metric of predicted probabilities.

    Parameters
    ----------
    name : str
        ``[a-z0-9_]+``, unique among the installed plugins; not one of `RESERVED`, and not ending in "_interval".
    summary : str
        One line.
    compute : callable
        ``compute(labels, probabilities)`` returns the score; labels are integers of shape (n_tracks,), probabilities have
        shape (n_tracks, n_genres).
    """

    name: str
    summary: str
    compute: Callable[[NDArray[np.int64], NDArray[np.float64]], float]

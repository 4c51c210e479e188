"""What authors of metrics need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESERVED = frozenset(
    (
        "row", "rank", "model", "plugin", "version", "options", "changed", "runs", "seed", "seeds", "spread", "tied_with",
        "baseline", "calibrated", "feature_source", "origin", "device", "parameters", "timings", "peak_rss_mb", "task",
        "metrics", "facts", "error", "status",
    )
)  # fmt: skip
"""Names that the JSON of a board's row uses for something else, so that no metric can have them."""


@dataclass(frozen=True)
class MetricSpec:
    """A score of predictions.

    Parameters
    ----------
    name : str
        ``[a-z0-9_]+``, unique among the installed plugins; not one of `RESERVED`, and without the ending "_interval".
    summary : str
        One line.
    compute : callable
        ``compute(labels, probabilities)`` with labels of shape (n_tracks,), int, and probabilities of shape
        (n_tracks, n_genres).
    """

    name: str
    summary: str
    compute: Callable[[NDArray[np.int64], NDArray[np.float64]], float]

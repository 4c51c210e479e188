"""The contract between genrebench and metrics, and the checked use of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import PluginError
from genrebench.plugin.blame import blaming

RESERVED = frozenset(
    (
        "row", "rank", "model", "plugin", "version", "options", "changed", "runs", "seed", "seeds", "spread", "tied_with",
        "rank_interval", "rank_low", "rank_high", "may_be_best", "population", "baseline", "calibrated", "feature_source",
        "origin", "lab", "trained_on", "test_seen", "device", "parameters", "timings", "peak_rss_mb", "task",
        "metrics", "by_metric", "facts", "error", "status", "dataset", "split", "run", "run_id", "started", "environment",
        "inputs_s", "fit_s", "predict_s",
    )
)  # fmt: skip
"""Keys of a row or a run in JSON, and columns of their frames, that aren't metrics, so a metric can't have these names."""

Direction = Literal["lower", "higher"]
"""Which scores are better."""


@dataclass(frozen=True)
class MetricSpec:
    """A metric of predicted probabilities.

    Parameters
    ----------
    name : str
        ``[a-z0-9_]+``, unique among the installed plugins; not one of `RESERVED`, and not ending in "_interval", "_low",
        "_high" or "_spread".
    summary : str
        One line.
    compute : callable
        ``compute(labels, probabilities)``; labels are integers of shape (n_tracks,), probabilities have shape (n_tracks,
        n_genres) and rows that sum to 1. It returns the score, or with `per_track` one value per track.
    per_track : bool
        Whether `compute` returns an array of shape (n_tracks,) whose mean is the score. Such a metric gets intervals, rank
        intervals, ties and tests like the log loss. A value depends on the label and the probabilities of its own track only.
    direction : {"lower", "higher"}, optional
        Which scores are better. Without it, no row is marked as the best one.
    range : (float, float)
        Smallest and largest possible score; a score outside is an error of the plugin, and intervals end there.

    Raises
    ------
    ValueError
        If the direction or the range is invalid.

    Examples
    --------
    >>> def in_top_2(labels, probabilities):
    ...     best = np.argsort(-probabilities, axis=1)[:, :2]
    ...     return (best == labels[:, None]).any(axis=1)
    >>> spec = MetricSpec("top_2", "true genre among the two likeliest", in_top_2, True, "higher", (0, 1))
    >>> measure(spec, np.array([0, 1]), np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]])).score
    0.5
    """

    name: str
    summary: str
    compute: Callable[[NDArray[np.int64], NDArray[np.float64]], Any]
    per_track: bool = False
    direction: Direction | None = None
    range: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        if self.direction is not None and self.direction not in get_args(Direction):
            raise ValueError(f"the direction of {self.name!r} is {self.direction!r}, not 'lower' or 'higher'")
        numbers = isinstance(self.range, tuple | list) and all(isinstance(end, int | float) for end in self.range)
        if not numbers or len(self.range) != 2 or not self.range[0] < self.range[1]:
            raise ValueError(f"the range of {self.name!r} is {self.range!r}, not a pair of a smaller and a larger number")


@dataclass(frozen=True)
class Measured:
    """A score; with `MetricSpec.per_track` also the value of each track, shape (n_tracks,), whose mean it is."""

    score: float
    values: NDArray[np.float64] | None = None


SLACK = 1e-9
"""How far outside its range rounding may take a score."""


def measure(spec: MetricSpec, labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Measured:
    """Compute a metric and check what it returns.

    Parameters
    ----------
    spec : MetricSpec
    labels : ndarray of int, shape (n_tracks,)
    probabilities : ndarray of float, shape (n_tracks, n_genres)
        Both are copied, so that the metric can't change them.

    Raises
    ------
    PluginError
        If the metric raises, returns something else than a number or with `per_track` an array of one number per track, or
        one that isn't finite or outside its range.
    """
    label = f"the metric {spec.name!r}"
    with blaming(label, "compute"):
        returned = spec.compute(labels.copy(), probabilities.copy())
    try:
        values = np.asarray(returned, dtype=np.float64)
    except (TypeError, ValueError):
        raise PluginError(f"{label} returned {type(returned).__name__}, which isn't numeric") from None
    expected = (len(labels),) if spec.per_track else ()
    if values.shape != expected:
        what = f"one value per track, shape {expected}" if spec.per_track else "a single number"
        raise PluginError(f"{label} returned the shape {values.shape}, expected {what}")
    low, high = spec.range
    bad = values[~(np.isfinite(values) & (values >= low - SLACK) & (values <= high + SLACK))]
    if bad.size:
        within = f" and within its range, {low:g} to {high:g}" if np.isfinite(bad).all() else ""
        raise PluginError(f"{label} returned {bad.flat[0]:g}; scores have to be finite{within}")
    return Measured(float(values.mean()), values if spec.per_track else None)

"""Does temporal order matter? Score a fitted model on its test tracks in order, shuffled, reversed and shortened.

Conventions: frames are shuffled one by one, waveforms in segments of 50 ms; deltas are recomputed from the changed frames. The
model isn't retrained, so a condition shows what the fitted model uses; and since changed tracks differ from the training data,
the difference is an upper bound of the value of temporal order. Each condition is compared with the tracks in order, track by
track; intervals are those of the mean difference, as in `genrebench.evaluation.differences`, for this one trained model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import UsageError
from genrebench.evaluation import metrics
from genrebench.evaluation.clusters import Clusters
from genrebench.evaluation.differences import mean_difference
from genrebench.evaluation.intervals import Units, sampling_units
from genrebench.experiments.ablation.changes import Change, ChangedInputs, keep, reverse, shuffle, with_new_deltas
from genrebench.experiments.ablation.conditions import IN_ORDER, Reference, Row, condition_of
from genrebench.experiments.ablation.outcome import Ablation
from genrebench.plugin.contract import Frames
from genrebench.plugin.lazy import LazyInputs
from genrebench.plugin.registry import Registry, installed_plugins
from genrebench.runs.record import Run

SEGMENT_MS = 50
"""Length of the segments of waveforms, and of other entries that are closer, that are shuffled."""

SECONDS = (1.0, 3.0, 10.0)
"""Lengths to which tracks are shortened."""


@dataclass(frozen=True)
class Part:
    """A fitted model and its test tracks; a run with k folds has k parts.

    Parameters
    ----------
    predict : callable
        ``predict(inputs)`` returns checked probabilities of shape (n_tracks, n_genres).
    inputs : LazyInputs
    labels : ndarray of int, shape (n_tracks,)
    groups : ndarray of int, shape (n_tracks,)
        Artist numbers, -1 if the artist isn't known.
    """

    predict: Callable[[LazyInputs], NDArray[np.float64]]
    inputs: LazyInputs
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]


PredictAll = Callable[[Sequence[tuple[int, LazyInputs]]], Sequence[NDArray[np.float64]]]


@dataclass(frozen=True)
class TimeAxis:
    """The time axis of a model's input, which is its first axis.

    Parameters
    ----------
    rate : float
        Entries per second.
    segment : int
        Number of consecutive entries that are shuffled as one.
    name : str
        Name of what is shuffled, for display.
    n_values : int or None
        Number of values per frame without deltas; None if the input has no deltas.
    """

    rate: float
    segment: int
    name: str
    n_values: int | None = None


def time_axis(requested: Any, registry: Registry | None = None) -> TimeAxis:
    """Return the time axis of a model's input.

    Parameters
    ----------
    requested : Frames, Waveforms or another registered input with a frame rate
    registry : Registry, optional
        The kinds of input; by default those that are installed.

    Raises
    ------
    UsageError
        If the input has no time axis, or its rate differs from track to track.
    """
    spec = (registry or installed_plugins()).input(requested)
    if spec.frame_rate is None:
        raise UsageError(f"{spec.name} has no temporal order that can be changed; choose a model with Frames or Waveforms")
    rate = spec.frame_rate(requested)
    if rate is None:
        raise UsageError("the model sees each file at its own rate; an ablation needs one rate for all, so let it resample")
    if isinstance(requested, Frames):
        return TimeAxis(rate, 1, f"frames {1000 / rate:.0f} ms apart", requested.n_coefficients if requested.deltas else None)
    segment = max(1, round(rate * SEGMENT_MS / 1000))
    return TimeAxis(
        float(rate), segment, f"segments of {SEGMENT_MS} ms" if segment > 1 else f"entries {1000 / rate:.3g} ms apart"
    )


def check_lengths(seconds: Sequence[float]) -> None:
    """Check the lengths to which tracks are to be shortened.

    Raises
    ------
    UsageError
        If a length isn't a finite number above 0.
    """
    invalid = next((s for s in seconds if not 0 < s < math.inf), None)
    if invalid is not None:
        raise UsageError(f"can't shorten tracks to {invalid:g} s; use lengths above 0, such as 1,3,10")


def ablate(
    parts: Sequence[Part],
    requested: Any,
    *,
    seconds: Sequence[float] = SECONDS,
    seed: int = 0,
    references: Sequence[Reference] = (),
    run: Run | None = None,
    registry: Registry | None = None,
    predict_all: PredictAll | None = None,
) -> Ablation:
    """Score a fitted model on its test tracks in order, shuffled, reversed and shortened.

    Parameters
    ----------
    parts : sequence of Part
        One per fold.
    requested, registry
        The model's input, as for `time_axis`.
    seconds : sequence of float
        Lengths to which tracks are shortened; lengths that no track exceeds are left out.
    seed : int
        Seed for shuffling.
    references : sequence of Reference
        Scores of baselines, shown with the result.
    run : Run, optional
        The run whose models are evaluated.
    predict_all : callable, optional
        ``predict_all(calls)`` returns the probabilities for each pair of a part's number and inputs; by default the parts
        predict one after the other.

    Returns
    -------
    Ablation

    Raises
    ------
    UsageError
        If the input has no temporal order, there is no test track, or a length isn't above 0.
    """
    axis = time_axis(requested, registry)
    check_lengths(seconds)
    if not sum(len(part.labels) for part in parts):
        raise UsageError("there are no test tracks; choose a run on a split with a test part")
    longest = max(int(part.inputs.lengths.max(initial=0)) for part in parts)
    lengths = {s: max(1, round(min(s * axis.rate, longest))) for s in sorted(set(seconds))}
    changes: dict[str, tuple[Change, int | None]] = {
        "shuffled": (partial(shuffle, segment=axis.segment, seed=seed), None),
        "reversed": (reverse, None),
        **{condition_of(s): (keep, length) for s, length in lengths.items() if length < longest},
    }
    labels = np.concatenate([part.labels for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    units = sampling_units(groups)
    calls = list(enumerate(part.inputs for part in parts))
    for change, length in changes.values():
        if axis.n_values is not None:
            change = partial(with_new_deltas, change=change, n_values=axis.n_values)
        calls += enumerate(ChangedInputs(part.inputs, change, length) for part in parts)
    predicted = list(predict_all(calls)) if predict_all else [parts[number].predict(inputs) for number, inputs in calls]
    in_order, *others = (np.concatenate(predicted[i : i + len(parts)]) for i in range(0, len(predicted), len(parts)))
    rows = [_row(IN_ORDER, labels, in_order, in_order, units)]
    rows += [_row(name, labels, probabilities, in_order, units) for name, probabilities in zip(changes, others, strict=True)]
    return Ablation(
        run=run,
        shuffled=axis.name,
        n_tracks=len(labels),
        unit=units.name,
        n_units=len(units),
        rows=tuple(rows),
        references=tuple(references),
        left_out=tuple(s for s, length in lengths.items() if length >= longest),
    )


def _row(
    name: str,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    in_order: NDArray[np.float64],
    units: Units,
) -> Row:
    losses = metrics.track_log_losses(labels, probabilities) - metrics.track_log_losses(labels, in_order)
    hits = (probabilities.argmax(axis=1) == labels).astype(np.float64) - (in_order.argmax(axis=1) == labels)
    differences = np.stack([losses, hits], axis=1)
    errors = np.sqrt(Clusters.of(differences, np.ones_like(differences), units).variance)
    of_losses, of_hits = (mean_difference(column, units).interval for column in differences.T)
    return Row(
        name,
        metrics.log_loss(labels, probabilities),
        metrics.f1_micro(labels, probabilities),
        metrics.f1_macro(labels, probabilities),
        float(losses.mean()),
        float(errors[0]),
        of_losses,
        float(hits.mean()),
        float(errors[1]),
        of_hits,
    )

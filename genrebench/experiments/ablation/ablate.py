"""Does order in time matter? A fitted model answers for its test tracks as they are, shuffled, reversed, and cut short.

Conventions: what is shuffled are frames, or segments of a waveform of 50 ms, which keep their own inner order; differences of
frames in time are computed anew. The model isn't fitted anew, so a condition shows what the fitted model uses, and a changed
track is unlike those that it was trained on: what it loses is an upper bound of what order is worth. Each condition is
compared with the tracks in order, track by track; standard errors are those of the mean difference over artists where artists
are known, else over tracks.
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
from genrebench.evaluation import intervals, metrics
from genrebench.experiments.ablation.changes import Change, Changed, keep, reverse, shuffle, with_new_deltas
from genrebench.experiments.ablation.conditions import IN_ORDER, Reference, Row, condition_of
from genrebench.experiments.ablation.outcome import Ablation
from genrebench.plugin.contract import Frames, Waveforms
from genrebench.plugin.lazy import LazyInputs
from genrebench.runs.record import Run

SEGMENT_MS = 50
"""Length of the segments of a waveform that are shuffled."""

SECONDS = (1.0, 3.0, 10.0)
"""Lengths that tracks are cut to."""


@dataclass(frozen=True)
class Part:
    """A fitted model and the tracks that it is tested on; a run of k folds has k of them.

    Parameters
    ----------
    predict : callable
        ``predict(inputs)`` gives checked probabilities, shape (n_tracks, n_genres).
    inputs : LazyInputs
    labels : ndarray of int, shape (n_tracks,)
    groups : ndarray of int, shape (n_tracks,)
        Artist numbers, -1 where the artist isn't known.
    """

    predict: Callable[[LazyInputs], NDArray[np.float64]]
    inputs: LazyInputs
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """What a model's input has in order.

    Parameters
    ----------
    rate : float
        Entries of the first axis a second.
    segment : int
        Entries that stay together when they are shuffled.
    name : str
        Of what is shuffled, for people.
    n_values : int or None
        Values of a frame before the differences in time that follow from them; None where there are none of these.
    """

    rate: float
    segment: int
    name: str
    n_values: int | None = None


def order_of(requested: Any) -> Order:
    """Return what a model's input has in order.

    Raises
    ------
    UsageError
        If that isn't known.
    """
    if isinstance(requested, Frames):
        rate = requested.sample_rate / requested.hop_length
        return Order(rate, 1, f"frames {1000 / rate:.0f} ms apart", requested.n_coefficients if requested.deltas else None)
    if isinstance(requested, Waveforms):
        segment = max(1, round(requested.sample_rate * SEGMENT_MS / 1000))
        return Order(float(requested.sample_rate), segment, f"segments of {SEGMENT_MS} ms")
    raise UsageError(
        f"{type(requested).__name__} has no order in time that can be changed; ablate a model of Frames or Waveforms"
    )


def check_lengths(seconds: Sequence[float]) -> None:
    """Refuse lengths that nothing can be cut to.

    Raises
    ------
    UsageError
        If one isn't a finite number above 0.
    """
    wrong = next((s for s in seconds if not 0 < s < math.inf), None)
    if wrong is not None:
        raise UsageError(f"can't cut tracks to {wrong:g} s; give lengths above 0, such as 1,3,10")


def ablate(
    parts: Sequence[Part],
    requested: Any,
    *,
    seconds: Sequence[float] = SECONDS,
    seed: int = 0,
    references: Sequence[Reference] = (),
    run: Run | None = None,
) -> Ablation:
    """Score a fitted model with its test tracks in order, shuffled, reversed and cut short.

    Parameters
    ----------
    parts : sequence of Part
        One a fold.
    requested : Frames or Waveforms
        What the model sees.
    seconds : sequence of float
        Lengths to cut to; those that no track exceeds are left out.
    seed : int
        Order of the shuffled tracks.
    references : sequence of Reference
        To stand beside the scores.
    run : Run, optional
        The run whose models are ablated.

    Returns
    -------
    Ablation

    Raises
    ------
    UsageError
        If the model sees no sequence, there is no test track, or a length isn't above 0.
    """
    order = order_of(requested)
    check_lengths(seconds)
    if not sum(len(part.labels) for part in parts):
        raise UsageError("there is no test track; ablate a run on a split that tests")
    longest = max(int(part.inputs.lengths.max(initial=0)) for part in parts)
    lengths = {s: max(1, round(min(s * order.rate, longest))) for s in sorted(set(seconds))}
    changes: dict[str, tuple[Change, int | None]] = {
        "shuffled": (partial(shuffle, segment=order.segment, seed=seed), None),
        "reversed": (reverse, None),
        **{condition_of(s): (keep, length) for s, length in lengths.items() if length < longest},
    }
    labels = np.concatenate([part.labels for part in parts])
    groups = np.concatenate([part.groups for part in parts])
    units = intervals.sampling_units(groups)
    in_order = np.concatenate([part.predict(part.inputs) for part in parts])
    rows = [_row(IN_ORDER, labels, in_order, in_order, units)]
    for name, (change, length) in changes.items():
        if order.n_values is not None:
            change = partial(with_new_deltas, change=change, n_values=order.n_values)
        answer = np.concatenate([part.predict(Changed(part.inputs, change, length)) for part in parts])
        rows.append(_row(name, labels, answer, in_order, units))
    return Ablation(
        run=run,
        shuffled=order.name,
        n_tracks=len(labels),
        unit="artist" if (groups >= 0).any() else "track",
        n_units=len(units),
        rows=tuple(rows),
        references=tuple(references),
        left_out=tuple(s for s, length in lengths.items() if length >= longest),
    )


def _row(
    name: str,
    labels: NDArray[np.int64],
    answer: NDArray[np.float64],
    in_order: NDArray[np.float64],
    units: intervals.Units,
) -> Row:
    losses = metrics.track_log_losses(labels, answer) - metrics.track_log_losses(labels, in_order)
    hits = (answer.argmax(axis=1) == labels).astype(np.float64) - (in_order.argmax(axis=1) == labels)
    differences = np.stack([losses, hits], axis=1)
    errors = intervals.mean_error(differences, units)
    return Row(
        name,
        metrics.log_loss(labels, answer),
        metrics.f1_micro(labels, answer),
        metrics.f1_macro(labels, answer),
        float(losses.mean()),
        float(errors[0]),
        float(hits.mean()),
        float(errors[1]),
    )

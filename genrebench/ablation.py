"""Does order in time matter? A fitted model answers for its test tracks as they are, shuffled, reversed, and cut short.

Conventions: what is shuffled are frames, or segments of a waveform of 50 ms, which keep their own inner order. Nothing is
fitted anew, so a condition shows what the fitted model uses. Each condition is compared with the tracks in order, track by
track; standard errors are those of the mean difference over artists where artists are known, else over tracks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench import metrics, statistics
from genrebench.contract import Frames, LazyInputs, Waveforms
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEGMENT_SECONDS = 0.05
"""Length of the segments of a waveform that are shuffled."""

SECONDS = (1.0, 3.0, 10.0)
"""Lengths that tracks are cut to."""

IN_ORDER = "in order"

Array = NDArray[np.float32]


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
class Row:
    """How a model scores under one condition.

    Parameters
    ----------
    condition : str
        "in order", "shuffled", "reversed", or "first 3 s".
    log_loss, f1_micro, f1_macro : float
    log_loss_difference, log_loss_error : float
        Mean over the tracks of the log loss here minus that in order, and its standard error.
    f1_micro_difference, f1_micro_error : float
        The same of the share of right answers.
    """

    condition: str
    log_loss: float
    f1_micro: float
    f1_macro: float
    log_loss_difference: float
    log_loss_error: float
    f1_micro_difference: float
    f1_micro_error: float


@dataclass(frozen=True)
class Ablation:
    """All conditions, the first of them in order.

    Parameters
    ----------
    shuffled : str
        What was shuffled: "frames of 23 ms", "segments of 50 ms".
    n_tracks : int
    rows : tuple of Row
    """

    shuffled: str
    n_tracks: int
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the same in JSON types."""
        return {"shuffled": self.shuffled, "n_tracks": self.n_tracks, "rows": [asdict(row) for row in self.rows]}


def ablate(parts: Sequence[Part], wanted: Any, *, seconds: Sequence[float] = SECONDS, seed: int = 0) -> Ablation:
    """Score a fitted model with its test tracks in order, shuffled, reversed and cut short.

    Parameters
    ----------
    parts : sequence of Part
        One a fold.
    wanted : Frames or Waveforms
        What the model sees.
    seconds : sequence of float
        Lengths to cut to; those that no track exceeds are left out.
    seed : int
        Order of the shuffled tracks.

    Returns
    -------
    Ablation

    Raises
    ------
    UsageError
        If the model sees no sequence, there is no test track, or a length isn't positive.
    """
    rate, segment = _rate_and_segment(wanted)
    if not sum(len(part.labels) for part in parts):
        raise UsageError("there is no test track; ablate a run on a split that tests")
    wrong = next((s for s in seconds if not s > 0), None)
    if wrong is not None:
        raise UsageError(f"can't cut tracks to {wrong:g} s; give a length above 0")
    longest = max(int(part.inputs.lengths.max(initial=0)) for part in parts)
    changes: dict[str, Callable[[LazyInputs], LazyInputs]] = {
        IN_ORDER: lambda inputs: inputs,
        "shuffled": lambda inputs: Shuffled(inputs, segment, seed),
        "reversed": Reversed,
    }
    for s in sorted(set(seconds)):
        length = max(1, round(s * rate))
        if length < longest:
            changes[f"first {s:g} s"] = lambda inputs, length=length: First(inputs, length)  # type: ignore[misc]
    labels = np.concatenate([part.labels for part in parts])
    of = statistics.units(np.concatenate([part.groups for part in parts]))
    answers = {name: np.concatenate([p.predict(change(p.inputs)) for p in parts]) for name, change in changes.items()}
    unit = f"frames of {1000 * segment / rate:.0f} ms" if isinstance(wanted, Frames) else f"segments of {SEGMENT_SECONDS:g} s"
    rows = tuple(_row(name, labels, answer, answers[IN_ORDER], of) for name, answer in answers.items())
    return Ablation(unit, len(labels), rows)


def _rate_and_segment(wanted: Any) -> tuple[float, int]:
    """Entries of the first axis a second, and how many of them stay together when they are shuffled."""
    if isinstance(wanted, Frames):
        return wanted.sample_rate / wanted.hop_length, 1
    if isinstance(wanted, Waveforms):
        return float(wanted.sample_rate), max(1, round(SEGMENT_SECONDS * wanted.sample_rate))
    raise UsageError(f"a model of {type(wanted).__name__} sees no order in time; ablate a model of Frames or Waveforms")


def _row(
    name: str,
    labels: NDArray[np.int64],
    answer: NDArray[np.float64],
    in_order: NDArray[np.float64],
    of: statistics.Units,
) -> Row:
    losses = metrics.track_log_losses(labels, answer) - metrics.track_log_losses(labels, in_order)
    hits = (answer.argmax(axis=1) == labels).astype(np.float64) - (in_order.argmax(axis=1) == labels)
    differences = np.stack([losses, hits], axis=1)
    errors = statistics.mean_error(differences, of)
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


def figure(found: Ablation) -> Figure:
    """Log loss under each condition, the bars' whiskers one standard error of the difference from "in order"."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(6.4, 0.5 * len(found.rows) + 1.2), layout="constrained")
    axes = drawn.subplots()
    names = [row.condition for row in found.rows]
    errors = [row.log_loss_error for row in found.rows]
    colours = ["tab:blue"] + ["tab:orange"] * (len(names) - 1)
    axes.barh(names, [row.log_loss for row in found.rows], xerr=errors, color=colours, height=0.6)
    axes.axvline(found.rows[0].log_loss, color="tab:blue", linewidth=0.8, linestyle="--")
    axes.invert_yaxis()
    axes.set(xlabel="log loss, lower is better", title=f"{found.n_tracks} test tracks; shuffled: {found.shuffled}")
    return drawn


# ------------------------------------------------------------------ changed inputs


class _Changed(LazyInputs):
    """Inputs that are changed as they are read."""

    def __init__(self, inputs: LazyInputs) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis."""
        return self.inputs.lengths

    def _bounds(self, index: int, start: int, stop: int | None) -> tuple[int, int]:
        first, last, _ = slice(start, stop).indices(int(self.lengths[index]))
        return first, max(first, last)


class Reversed(_Changed):
    """Each track from its end to its start."""

    def read(self, index: int, start: int = 0, stop: int | None = None) -> Array:
        """Part of a reversed track."""
        first, last = self._bounds(index, start, stop)
        length = int(self.lengths[index])
        return self.inputs.read(index, length - last, length - first)[::-1].copy()

    def subset(self, indices: Iterable[int]) -> Reversed:
        """Some of the tracks."""
        return Reversed(self.inputs.subset(indices))


class First(_Changed):
    """The beginning of each track.

    Parameters
    ----------
    inputs : LazyInputs
    length : int
        Entries of the first axis to keep.
    """

    def __init__(self, inputs: LazyInputs, length: int) -> None:
        super().__init__(inputs)
        self.length = length

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis."""
        return np.minimum(self.inputs.lengths, self.length)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> Array:
        """Part of a track's beginning."""
        return self.inputs.read(index, *self._bounds(index, start, stop))

    def subset(self, indices: Iterable[int]) -> First:
        """Some of the tracks."""
        return First(self.inputs.subset(indices), self.length)


class Shuffled(_Changed):
    """Each track's segments in an order of chance.

    Parameters
    ----------
    inputs : LazyInputs
    segment : int
        Entries of the first axis that stay together and in order.
    seed : int
    numbers : sequence of int, optional
        What each track's order follows from beside the seed; its position if nothing is given.
    """

    def __init__(self, inputs: LazyInputs, segment: int, seed: int, numbers: Sequence[int] | None = None) -> None:
        super().__init__(inputs)
        self.segment, self.seed = segment, seed
        self.numbers = range(len(inputs)) if numbers is None else numbers
        self._last: tuple[int, Array] | None = None  # models read a track in several pieces

    def read(self, index: int, start: int = 0, stop: int | None = None) -> Array:
        """Part of a shuffled track; the whole track is read for it."""
        first, last = self._bounds(index, start, stop)
        held = self._last
        if held is None or held[0] != index:
            held = self._last = (index, self._shuffle(index))
        return held[1][first:last].copy()

    def _shuffle(self, index: int) -> Array:
        whole = self.inputs[index]
        starts = np.arange(0, len(whole), self.segment)
        order = np.random.default_rng([self.seed, self.numbers[index]]).permutation(len(starts))
        pieces = [whole[start : start + self.segment] for start in starts[order]]
        return np.concatenate(pieces) if pieces else whole

    def subset(self, indices: Iterable[int]) -> Shuffled:
        """Some of the tracks, each in the same order as here."""
        chosen = list(indices)
        return Shuffled(self.inputs.subset(chosen), self.segment, self.seed, [self.numbers[i] for i in chosen])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": None}

"""The result of a leakage measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.boards.comparison import p_text
from genrebench.evaluation.intervals import CONFIDENCE
from genrebench.jsontypes import plain
from genrebench.runs.record import Run
from genrebench.tables import Shown, Table, frame, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SCORES = ("log_loss", "f1_micro")


@dataclass(frozen=True)
class Draw:
    """One draw of test artists: runs without and with other tracks of theirs in training.

    Parameters
    ----------
    split_seed : int
        Decides which artists are tested.
    without, with_ : tuple of Run
        One per seed.
    test : tuple of str
        Ids of the test tracks, sorted.
    n_training, n_replaced : int
        Number of training tracks, and of those in "with" that are by test artists.
    loss_gaps, hit_gaps : ndarray of float, shape (n_seeds, n_test)
        Without minus with, per seed and test track: log loss; 1 for a right answer.
    """

    split_seed: int
    without: tuple[Run, ...]
    with_: tuple[Run, ...]
    test: tuple[str, ...]
    n_training: int
    n_replaced: int
    loss_gaps: NDArray[np.float64]
    hit_gaps: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """The draw in JSON types."""
        return {
            "split_seed": self.split_seed,
            "n_test": len(self.test),
            "n_training": self.n_training,
            "n_replaced": self.n_replaced,
            "log_loss_gap": float(self.loss_gaps.mean()),
            "f1_micro_gap": float(self.hit_gaps.mean()),
        }


@dataclass(frozen=True, repr=False)
class Leakage(Shown):
    """Scores of a model trained without and with other tracks of the test artists, averaged over draws of artists and seeds.

    Parameters
    ----------
    draws : tuple of Draw
    n_artists : int
        Number of different test artists over all draws.
    log_loss_gap, f1_micro_gap : float
        Score without minus score with; a positive log loss gap is the error that leakage hides.
    log_loss_interval, f1_micro_interval : (float, float)
        Paired 95 % interval over artists and, with several draws or seeds, over trainings.
    p_value : float
        p-value of the log loss gap; see `genrebench.evaluation.differences`.
    """

    draws: tuple[Draw, ...]
    n_artists: int
    log_loss_gap: float
    log_loss_interval: tuple[float, float]
    f1_micro_gap: float
    f1_micro_interval: tuple[float, float]
    p_value: float

    @property
    def without(self) -> tuple[Run, ...]:
        """The runs without test artists in training, of all draws."""
        return tuple(run for draw in self.draws for run in draw.without)

    @property
    def with_(self) -> tuple[Run, ...]:
        """The runs with test artists in training, of all draws."""
        return tuple(run for draw in self.draws for run in draw.with_)

    @property
    def n_test(self) -> int:
        """Test tracks of a draw, on average."""
        return round(float(np.mean([len(draw.test) for draw in self.draws])))

    @property
    def n_training(self) -> int:
        """Training tracks of a draw, on average."""
        return round(float(np.mean([draw.n_training for draw in self.draws])))

    @property
    def n_replaced(self) -> int:
        """Training tracks in "with" that are by test artists, on average over the draws."""
        return round(float(np.mean([draw.n_replaced for draw in self.draws])))

    @property
    def sentence(self) -> str:
        """The result in one sentence, for quoting."""
        model, low, high = self.without[0].model.name, *self.log_loss_interval
        if high == math.inf:
            return f"Whether {model} gains from shared artists can't be said: {self.n_artists} test artists are too few."
        repeated = len(self.without) > 1
        name = model if repeated else f"this run of {model}"
        result = "has a lower log loss" if self.log_loss_gap > 0 else "has a higher log loss"
        if self.p_value > 1 - CONFIDENCE:
            result = "doesn't differ noticeably in log loss"
        note = (
            f"{len(self.draws)} draws of artists, {len(self.draws[0].without)} seeds each: other trainings accounted for"
            if repeated
            else "another training isn't accounted for: repeat it with --draws 3"
        )
        return (
            f"With other tracks of the test artists in training, {name} {result} (gap {self.log_loss_gap:+.3f}, 95 % interval "
            f"{low:+.3f} to {high:+.3f}, {p_text(self.p_value)}; {note})."
        )

    def to_json(self) -> dict[str, Any]:
        """The result in JSON types."""
        values: dict[str, Any] = plain(
            {
                "n_test": self.n_test,
                "n_training": self.n_training,
                "n_replaced": self.n_replaced,
                "n_artists": self.n_artists,
                "log_loss_gap": self.log_loss_gap,
                "log_loss_interval": self.log_loss_interval,
                "f1_micro_gap": self.f1_micro_gap,
                "f1_micro_interval": self.f1_micro_interval,
                "p_value": self.p_value,
                "sentence": self.sentence,
                "draws": [draw.to_json() for draw in self.draws],
                **{
                    name: {"runs": [run.id for run in runs], **{score: _mean(runs, score) for score in SCORES}}
                    for name, runs in self._sides.items()
                },
            }
        )
        return values

    def to_frame(self) -> pd.DataFrame:
        """The scores of each run as a pandas DataFrame."""
        rows = [
            {
                "training": name,
                "split_seed": draw.split_seed,
                "seed": run.seed,
                "run": run.id,
                **{score: (run.metrics or {}).get(score) for score in SCORES},
            }
            for draw in self.draws
            for name, runs in (("without", draw.without), ("with", draw.with_))
            for run in runs
        ]
        return frame(rows)

    def tables(self) -> list[Table]:
        """Scores with both training sets, and the gap with its interval."""
        rows = [
            (f"{name} test artists", *(number(_mean(runs, score)) for score in SCORES)) for name, runs in self._sides.items()
        ]
        rows.append(("gap", number(self.log_loss_gap), number(self.f1_micro_gap)))
        rows.append(("95 %", _interval(self.log_loss_interval), _interval(self.f1_micro_interval)))
        task, model = self.without[0].task, self.without[0].model.name
        draws = f"{len(self.draws)} draws of artists, each about " if len(self.draws) > 1 else ""
        title = (
            f"{model} on {task.dataset_title}: {draws}{self.n_test} test tracks, "
            f"{self.n_training} training tracks, {self.n_replaced} of them by test artists in 'with'"
        )
        return [Table.of(("training", "log loss", "F1 micro"), rows, title, ("log loss", "F1 micro"))]

    def notes(self) -> list[str]:
        """The result in one sentence."""
        return [self.sentence]

    def figure(self) -> Figure:
        """Draw the log loss of each run, without and with test artists in training."""
        from genrebench.figures.picture import Picture

        figure = Picture(figsize=(6, 2.2), layout="constrained")
        axes = figure.add_subplot()
        for position, runs in enumerate(self._sides.values()):
            losses = [(run.metrics or {}).get("log_loss") or math.nan for run in runs]
            axes.plot(losses, [position] * len(runs), "o", color=f"C{position}")
        axes.set_yticks([0, 1], [f"{name} test artists" for name in self._sides])
        axes.set_ylim(1.5, -0.5)
        axes.set_xlabel("log loss in nats, one point per seed and draw of artists")
        return figure

    @property
    def _sides(self) -> dict[str, tuple[Run, ...]]:
        return {"without": self.without, "with": self.with_}


def _mean(runs: tuple[Run, ...], score: str) -> float:
    return float(np.mean([(run.metrics or {})[score] or 0.0 for run in runs]))


def _interval(pair: tuple[float, float]) -> str:
    return "too few artists" if pair[1] == math.inf else f"{number(pair[0])} .. {number(pair[1])}"

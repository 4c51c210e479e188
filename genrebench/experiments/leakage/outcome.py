"""The result of a leakage measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genrebench.jsontypes import plain
from genrebench.runs.record import Run
from genrebench.tables import Shown, Table, frame, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SCORES = ("log_loss", "f1_micro")


@dataclass(frozen=True, repr=False)
class Leakage(Shown):
    """Scores of a model trained without and with other tracks of the test artists, averaged over the seeds.

    Parameters
    ----------
    without, with_ : tuple of Run
        One per seed.
    n_test, n_training, n_replaced : int
        Number of test tracks, of training tracks, and of training tracks in "with" that are by test artists.
    log_loss_gap, f1_micro_gap : float
        Score without minus score with; a positive log loss gap is the error that leakage hides.
    log_loss_interval, f1_micro_interval : (float, float)
        Paired 95 % interval over artists.
    p_value : float
        p-value of the paired permutation test of the log loss, by artist.
    """

    without: tuple[Run, ...]
    with_: tuple[Run, ...]
    n_test: int
    n_training: int
    n_replaced: int
    log_loss_gap: float
    log_loss_interval: tuple[float, float]
    f1_micro_gap: float
    f1_micro_interval: tuple[float, float]
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """The result in JSON types."""
        values: dict[str, Any] = plain(
            {
                "n_test": self.n_test,
                "n_training": self.n_training,
                "n_replaced": self.n_replaced,
                "log_loss_gap": self.log_loss_gap,
                "log_loss_interval": self.log_loss_interval,
                "f1_micro_gap": self.f1_micro_gap,
                "f1_micro_interval": self.f1_micro_interval,
                "p_value": self.p_value,
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
            {"training": name, "seed": run.seed, "run": run.id, **{score: (run.metrics or {}).get(score) for score in SCORES}}
            for name, runs in self._sides.items()
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
        title = (
            f"{model} on {task.dataset_title}: {self.n_test} test tracks, "
            f"{self.n_training} training tracks, {self.n_replaced} of them by test artists in 'with'"
        )
        return [Table.of(("training", "log loss", "F1 micro"), rows, title, ("log loss", "F1 micro"))]

    def notes(self) -> list[str]:
        """The significance of the log loss gap."""
        return [f"Paired permutation test of the log loss, by artist: p = {self.p_value:.2g}"]

    def figure(self) -> Figure:
        """Draw the log loss of each run, without and with test artists in training."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 2.2), layout="constrained")
        axes = figure.add_subplot()
        for position, runs in enumerate(self._sides.values()):
            losses = [(run.metrics or {}).get("log_loss") or math.nan for run in runs]
            axes.plot(losses, [position] * len(runs), "o", color=f"C{position}")
        axes.set_yticks([0, 1], [f"{name} test artists" for name in self._sides])
        axes.set_ylim(1.5, -0.5)
        axes.set_xlabel("log loss in nats, one point per seed")
        return figure

    @property
    def _sides(self) -> dict[str, tuple[Run, ...]]:
        return {"without": self.without, "with": self.with_}


def _mean(runs: tuple[Run, ...], score: str) -> float:
    return float(np.mean([(run.metrics or {})[score] or 0.0 for run in runs]))


def _interval(pair: tuple[float, float]) -> str:
    return "too few artists" if pair[1] == math.inf else f"{number(pair[0])} .. {number(pair[1])}"

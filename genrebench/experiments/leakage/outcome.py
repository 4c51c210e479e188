"""The outcome of a leakage measurement."""

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


@dataclass(frozen=True)
class Leakage(Shown):
    """Scores of a model trained without and with other tracks of the test's artists, averaged over the seeds.

    Parameters
    ----------
    without, with_ : tuple of Run
        One per seed.
    n_test, n_training, n_replaced : int
        Tracks in the test, in each training set, and of the latter the test artists' own in "with".
    log_loss_gap, f1_micro_gap : float
        Without minus with; a positive log loss gap is what the leak hides.
    log_loss_interval, f1_micro_interval : (float, float)
        95 %, paired, over artists.
    p_value : float
        Paired permutation test of the log loss, by artist.
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
        """The outcome in JSON types."""
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
        """The scores of each run as a pandas frame."""
        rows = [
            {"training": name, "seed": run.seed, "run": run.id, **{score: (run.metrics or {}).get(score) for score in SCORES}}
            for name, runs in self._sides.items()
            for run in runs
        ]
        return frame(rows)

    def tables(self) -> list[Table]:
        """Scores of both trainings, and the gap with its interval."""
        rows = [
            (f"{name} the test's artists", *(number(_mean(runs, score)) for score in SCORES))
            for name, runs in self._sides.items()
        ]
        rows.append(("gap", number(self.log_loss_gap), number(self.f1_micro_gap)))
        rows.append(("95 %", _interval(self.log_loss_interval), _interval(self.f1_micro_interval)))
        task, model = self.without[0].task, self.without[0].model.name
        title = (
            f"{model} on {task.dataset}{' (synthetic music)' if task.synthetic else ''}: {self.n_test} test tracks, "
            f"{self.n_training} training tracks, {self.n_replaced} of them by the test's artists in 'with'"
        )
        return [Table.of(("training", "log loss", "F1 micro"), rows, title, ("log loss", "F1 micro"))]

    def notes(self) -> list[str]:
        """The test of the log loss."""
        return [f"Paired permutation test of the log loss, by artist: p = {self.p_value:.2g}"]

    def figure(self) -> Figure:
        """Draw the log loss of each run, without and with the test's artists in training."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 2.2), layout="constrained")
        axes = figure.add_subplot()
        for place, runs in enumerate(self._sides.values()):
            losses = [(run.metrics or {}).get("log_loss") or math.nan for run in runs]
            axes.plot(losses, [place] * len(runs), "o", color=f"C{place}")
        axes.set_yticks([0, 1], [f"{name} the test's artists" for name in self._sides])
        axes.set_ylim(1.5, -0.5)
        axes.set_xlabel("log loss in nats, one point per seed")
        return figure

    @property
    def _sides(self) -> dict[str, tuple[Run, ...]]:
        return {"without": self.without, "with": self.with_}


def _mean(runs: tuple[Run, ...], score: str) -> float:
    return float(np.mean([(run.metrics or {})[score] or 0.0 for run in runs]))


def _interval(pair: tuple[float, float]) -> str:
    return "too few artists to say" if pair[1] == math.inf else f"{number(pair[0])} .. {number(pair[1])}"

"""The result of an ablation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from genrebench.evaluation.intervals import MIN_UNITS
from genrebench.experiments.ablation.conditions import IN_ORDER, Reference, Row, condition_of
from genrebench.jsontypes import plain
from genrebench.runs.record import Run
from genrebench.tables import Shown, Table, frame, number, printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Ablation(Shown):
    """Scores under all conditions; the first condition is "in order".

    Parameters
    ----------
    run : Run or None
        The run that was evaluated.
    shuffled : str
        What was shuffled: "frames 23 ms apart", "segments of 50 ms".
    n_tracks : int
    unit : {"artist", "track"}
        Unit of the intervals.
    n_units : int
        Number of units.
    rows : tuple of Row
    references : tuple of Reference
        Scores of the baselines.
    left_out : tuple of float
        Lengths in seconds that were left out because no track exceeds them.
    """

    run: Run | None
    shuffled: str
    n_tracks: int
    unit: str
    n_units: int
    rows: tuple[Row, ...]
    references: tuple[Reference, ...] = ()
    left_out: tuple[float, ...] = ()

    @property
    def error(self) -> str:
        """What the numbers after ± are, for display."""
        return f"95 % interval of the difference from {IN_ORDER}, over {self.n_units} {self.unit}s, for this trained model"

    @property
    def title(self) -> tuple[str, str]:
        """The model and its task, and how it was evaluated."""
        details = f"{self.n_tracks} test tracks; shuffled: {self.shuffled}"
        if self.run is None:
            return "a fitted model", details
        task = self.run.task
        return (
            f"{self.run.model.name} on {task.dataset_title}, split {task.split_title}",
            f"run {self.run.id}, seed {self.run.seed}: {details}",
        )

    def tables(self) -> list[Table]:
        """Scores under each condition with the difference from "in order", and the baselines."""
        first, *others = self.rows
        rows = [
            (first.condition, number(first.log_loss), "", number(first.f1_micro), ""),
            *(
                (
                    row.condition,
                    number(row.log_loss),
                    _with_interval(row.log_loss_difference, row.log_loss_interval),
                    number(row.f1_micro),
                    _with_interval(row.f1_micro_difference, row.f1_micro_interval),
                )
                for row in others
            ),
            *((one.name, number(one.log_loss), "", number(one.f1_micro), "") for one in self.references),
        ]
        columns = ("tracks", "log loss", "difference", "F1 micro", "F1 difference")
        return [Table.of(columns, rows, ", ".join(self.title), columns[1:])]

    def notes(self) -> list[str]:
        """What ± means, followed by `remarks`."""
        few = f"{self.n_units} {self.unit}s are too few for intervals of the differences."
        return [f"±: {self.error}." if self.n_units >= MIN_UNITS else few, *self.remarks()]

    def remarks(self) -> list[str]:
        """Caveats for interpreting the scores, one per line."""
        lines = []
        best = min(self.references, key=lambda reference: reference.log_loss, default=None)
        worse = [row.condition for row in self.rows[1:] if best and row.log_loss > best.log_loss]
        if best and worse:
            lines.append(
                f"Worse than {best.name}, which ignores the audio: {', '.join(worse)}. Such tracks differ from the training "
                "data, so the difference is only an upper bound of the value of temporal order or length."
            )
        if self.left_out:
            lines.append(f"Left out because no track is longer: {', '.join(map(condition_of, self.left_out))}.")
        return lines

    def to_json(self) -> dict[str, Any]:
        """The result in JSON types."""
        known = {key: value for key, value in asdict(self).items() if key != "run"}
        values: dict[str, Any] = plain(known | {"notes": self.remarks()})
        if self.run is None:
            return values
        run = {"run_id": self.run.id, "task": self.run.task.summary(), "model": plain(self.run.model), "seed": self.run.seed}
        return run | values

    def to_frame(self) -> pd.DataFrame:
        """The conditions as a pandas DataFrame."""
        return frame([asdict(row) for row in self.rows], index="condition")

    def figure(self) -> Figure:
        """Draw log loss and F1 under each condition."""
        from genrebench.experiments.ablation.figure import draw

        title = "\n".join(map(printable, self.title))
        return draw(self.rows, self.references, title, error=self.error, remarks=self.remarks())


def _with_interval(difference: float, interval: tuple[float, float]) -> str:
    """A difference and how far the farther end of its interval is from it; alone where it has no interval."""
    half = max(interval[1] - difference, difference - interval[0])
    return f"{difference:+.3f}" + (f" ± {half:.3f}" if math.isfinite(half) else "")

"""Boards and their rows: what `genrebench leaderboard` shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from genrebench.evaluation import metrics
from genrebench.jsontypes import plain
from genrebench.plugin.datasets import Reference
from genrebench.runs.record import Origin, TaskRecord
from genrebench.tables import Shown, ShownSequence, Table, frame, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WITH_INTERVAL = ("log_loss", "f1_micro", "f1_macro", "f1_weighted")
SCORES = tuple(metric.name for metric in metrics.METRICS)
COLUMNS = ("rank", "model", "options", "seeds", "log loss", "95 %", "± seeds", "F1 micro", "F1 macro", "features", "note")
FACTS = ("changed", "calibrated", "feature_source", "origin", "device", "parameters", "timings", "peak_rss_mb")
NUMBERS = ("rank", "log loss", "± seeds", "F1 micro", "F1 macro")


@dataclass(frozen=True)
class Row:
    """One model on a board.

    Parameters
    ----------
    row : str
        Short identifier, the same wherever this model, version and options meet this task.
    rank : int
        From 1, by log loss.
    model, plugin, version : str
    options : mapping
    runs : tuple of str
        Run ids, one per seed.
    seeds : tuple of int
    scores : mapping of str to float
        Mean over the seeds of each metric.
    spread : mapping of str to (float or None)
        Standard deviation over the seeds (n - 1); None with one seed.
    intervals : mapping of str to (float, float)
        95 % interval over the test tracks, by artist where artists are known, of log_loss and the F1 scores; empty with fewer
        than six artists or tracks.
    tied_with : tuple of str
        Rows whose log loss this test set can't tell from this one's.
    baseline : bool
        True for the rows that follow from the labels alone.
    changed : mapping
        The options that differ from their defaults.
    calibrated : bool
    feature_source : str or None
        Where the inputs came from.
    origin : {"plugin", "imported", "object"} or None
        Where the model came from; None for a baseline.
    device : str or None
    parameters : int or None
        Number of the model's parameters, where it records it.
    timings : mapping of str to float
        Seconds, mean over the seeds.
    peak_rss_mb : float or None
        In 10^6 bytes, the largest over the seeds.
    """

    row: str
    rank: int
    model: str
    plugin: str
    version: str
    options: Mapping[str, Any]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: Mapping[str, float]
    spread: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tied_with: tuple[str, ...] = ()
    baseline: bool = False
    changed: Mapping[str, Any] = field(default_factory=dict)
    calibrated: bool = False
    feature_source: str | None = None
    origin: Origin | None = None
    device: str | None = None
    parameters: int | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    peak_rss_mb: float | None = None

    @property
    def label(self) -> str:
        """The model with the options that aren't the defaults, to tell rows of a board apart."""
        options = ", ".join(f"{key}={value}" for key, value in self.changed.items())
        return f"{self.model} ({options})" if options else self.model

    def to_json(self) -> dict[str, Any]:
        """The row in JSON types, its scores on the top level."""
        return {
            "row": self.row,
            "rank": self.rank,
            "model": self.model,
            "plugin": self.plugin,
            "version": self.version,
            "options": dict(self.options),
            "runs": list(self.runs),
            "seeds": list(self.seeds),
            **self.scores,
            **{f"{metric}_interval": self._interval(metric) for metric in WITH_INTERVAL},
            "spread": dict(self.spread),
            "tied_with": list(self.tied_with),
            "baseline": self.baseline,
            **{name: plain(getattr(self, name)) for name in FACTS},
        }

    def _interval(self, metric: str) -> list[float] | None:
        return list(self.intervals[metric]) if metric in self.intervals else None

    def cells(self, ranks: Mapping[str, int]) -> tuple[str, ...]:
        """The row under `COLUMNS`; `ranks` gives those of the rows that it is tied with."""
        ends = self.intervals.get("log_loss")
        spread = self.spread.get("log_loss")
        return (
            str(self.rank),
            self.model,
            " ".join(f"{key}={value}" for key, value in self.changed.items()),
            ",".join(map(str, self.seeds)),
            number(self.scores["log_loss"]),
            "" if ends is None else f"{ends[0]:.3f} .. {ends[1]:.3f}",
            "" if spread is None else number(spread),
            number(self.scores["f1_micro"]),
            number(self.scores["f1_macro"]),
            self.feature_source or "",
            self._note(ranks),
        )

    def _note(self, ranks: Mapping[str, int]) -> str:
        notes = ["baseline (ignores the audio)"] if self.baseline else []
        if self.origin == "imported":
            notes.append("predicted elsewhere")
        if self.calibrated:
            notes.append("calibrated on validation")
        if self.tied_with:
            notes.append("tied with rank " + ", ".join(str(ranks[other]) for other in self.tied_with if other in ranks))
        return "; ".join(notes)


@dataclass(frozen=True)
class Board(Shown):
    """The rows of one task.

    Parameters
    ----------
    task : TaskRecord
        That of its newest run.
    rows : tuple of Row
        By rank.
    smallest_difference : float or None
        Difference in log loss between two rows that these test tracks would show four times out of five.
    unit : {"artist", "track"}
        What intervals and tests draw.
    n_units : int
        How many of them.
    apart : tuple of str
        Why boards of the same dataset and split names are other boards.
    references : tuple of Reference
        Published scores on the dataset, none of which compares.
    """

    task: TaskRecord
    rows: tuple[Row, ...]
    smallest_difference: float | None = None
    unit: str = "track"
    n_units: int = 0
    apart: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def title(self) -> str:
        """Dataset, split and size, in one line."""
        made = " · synthetic music" if self.task.synthetic else ""
        return (
            f"{self.task.dataset}{made} · split {self.task.split_title} · {self.task.n_test} test tracks · "
            f"{len(self.task.genres)} genres · task {self.task.fingerprint}"
        )

    def to_json(self) -> dict[str, Any]:
        """The board in JSON types."""
        return {
            "task": self.task.summary(),
            "rows": [row.to_json() for row in self.rows],
            "smallest_difference": self.smallest_difference,
            "unit": self.unit,
            "n_units": self.n_units,
            "apart": list(self.apart),
            "references": [reference.to_json() for reference in self.references],
        }

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pandas frame, one per row, by rank; an interval is two columns, such as log_loss_low and _high."""
        return frame([_flat(row) for row in self.rows], index="rank")

    def cells(self) -> list[tuple[str, ...]]:
        """The rows as a person reads them, under `COLUMNS`."""
        ranks = {row.row: row.rank for row in self.rows}
        return [row.cells(ranks) for row in self.rows]

    def tables(self) -> list[Table]:
        """The board."""
        return [Table.of(COLUMNS, self.cells(), self.title, NUMBERS)]

    def notes(self) -> list[str]:
        """What a reader of the board has to know beside its rows."""
        lines = []
        if self.smallest_difference is not None:
            lines.append(
                f"Intervals are 95 %, over {self.n_units} test {self.unit}s. The smallest difference in log loss that this "
                f"test set would show four times out of five: {self.smallest_difference:.3f}."
            )
        return [*lines, *(f"Apart: {reason}" for reason in self.apart)]

    def figure(self) -> Figure:
        """Draw the rows' log loss with its 95 % intervals, the best at the top; baselines are grey."""
        from genrebench.boards.figures import Line, draw_forest

        lines = [
            Line(row.label, row.scores["log_loss"], row.intervals.get("log_loss"), muted=row.baseline) for row in self.rows
        ]
        title = f"{self.task.dataset}, split {self.task.split_title}"
        return draw_forest(lines, title, "log loss in nats, with 95 % interval")


class Boards(ShownSequence[Board]):
    """The boards of some folders of runs, by dataset, split and fingerprint.

    Parameters
    ----------
    boards : iterable of Board
    problems : sequence of str
        One line for each run that should be on a board and isn't, because its record or predictions are damaged.
    """

    def __init__(self, boards: Iterable[Board], problems: Sequence[str] = ()) -> None:
        self._items = tuple(boards)
        self.problems = tuple(problems)

    def with_references(self, references: Sequence[Reference]) -> Boards:
        """The same boards, each with these published scores beside it."""
        return Boards([replace(board, references=tuple(references)) for board in self], self.problems)

    def to_json(self) -> list[dict[str, Any]]:
        """The boards in JSON types."""
        return [board.to_json() for board in self]

    def to_frame(self) -> pd.DataFrame:
        """The rows of all boards as one pandas frame, each with the board's dataset, split and task fingerprint."""
        return frame(
            [
                {"dataset": board.task.dataset, "split": board.task.split, "task": board.task.fingerprint, **_flat(row)}
                for board in self
                for row in board.rows
            ]
        )

    def to_table(self) -> Table:
        """The rows of all boards as one table, for programs."""
        task = ("dataset", "split", "fingerprint", "extra training")
        rows = [
            (
                *(board.task.dataset, board.task.split, board.task.fingerprint),
                "" if board.task.extra_training is None else board.task.extra_training.text(),
                *cells,
            )
            for board in self
            for cells in board.cells()
        ]
        return Table.of((*task, *COLUMNS), rows)

    def tables(self) -> list[Table]:
        """One table per board."""
        return [table for board in self for table in board.tables()]

    def _repr_html_(self) -> str:
        """HTML for notebooks, one board after the other."""
        return "".join(board._repr_html_() for board in self)


def reference_table(references: Sequence[Reference]) -> Table:
    """Published scores, for scale."""
    columns = ("published figure", "test set", "log loss", "F1 micro", "note")
    rows = [(r.name, r.test_set, number(r.log_loss), number(r.f1_micro, 4), r.note) for r in references]
    title = "References: measured on other data, so not comparable with any row above"
    return Table.of(columns, rows, title, columns[2:4])


def _flat(row: Row) -> dict[str, Any]:
    """A row with one value per column."""
    ends = {
        f"{metric}_{end}": value
        for metric, interval in row.intervals.items()
        for end, value in zip(("low", "high"), interval, strict=True)
    }
    told = {"rank", "model", "plugin", "version", *row.scores}
    flat = {key: value for key, value in row.to_json().items() if key in told}
    return (
        flat
        | ends
        | {
            "seeds": len(row.seeds),
            "log_loss_spread": row.spread.get("log_loss"),
            "options": dict(row.changed),
            "baseline": row.baseline,
            "tied_with": list(row.tied_with),
            "runs": list(row.runs),
            "row": row.row,
        }
    )

"""Boards, which `genrebench leaderboard` shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from genrebench.boards import columns as board_columns
from genrebench.boards.board_metrics import BoardMetrics
from genrebench.boards.row import Row, missing_text, units_text
from genrebench.errors import UsageError
from genrebench.layout import paragraph
from genrebench.plugin.datasets import Reference
from genrebench.runs.record import TaskRecord
from genrebench.tables import Shown, ShownSequence, Table, frame, number, paragraphs_html, printable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Board(Shown):
    """The rows of one task.

    Parameters
    ----------
    task : TaskRecord
        As recorded by the newest run.
    rows : tuple of Row
        In order of rank.
    smallest_difference : float or None
        Smallest difference in log loss between two models that `compare` would detect on this test set with 80 % power.
    unit : {"artist", "track"}
        Sampling unit of intervals and tests.
    n_units : int
        Number of sampling units.
    effective_units : float
        How many artists of equal size would say as much, if an artist's tracks were all alike.
    apart : tuple of str
        Boards with the same dataset and split names that aren't comparable with this one, and why.
    references : tuple of Reference
        Published scores on the dataset; none of them is comparable with the rows.
    warnings : tuple of str
        Which intervals are missing, and why.
    metrics : BoardMetrics
        Which metrics have columns.
    columns : tuple of str
        The columns of its table; see `genrebench.boards.columns`.
    """

    task: TaskRecord
    rows: tuple[Row, ...]
    smallest_difference: float | None = None
    unit: str = "track"
    n_units: int = 0
    effective_units: float = 0.0
    apart: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    warnings: tuple[str, ...] = ()
    metrics: BoardMetrics = field(default_factory=BoardMetrics)
    columns: tuple[str, ...] = board_columns.DEFAULT

    @property
    def title(self) -> str:
        """Dataset, split and size, in one line."""
        synthetic = " · synthetic music" if self.task.synthetic else ""
        return (
            f"{self.task.dataset}{synthetic} · split {self.task.split_title} · {self.task.n_test} test tracks · "
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
            "effective_units": self.effective_units,
            "apart": list(self.apart),
            "references": [reference.to_json() for reference in self.references],
            "warnings": list(self.warnings),
        }

    def to_frame(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame indexed by rank; an interval has two columns: log_loss_low, log_loss_high, ..."""
        return frame([row.flat() for row in self.rows], index="rank")

    def to_latex(self) -> str:
        """The board as a LaTeX table with intervals, for a paper; see `genrebench.boards.latex`."""
        from genrebench.boards.latex import latex

        return latex(self.task, self.rows, self.metrics, self.unit)

    def tables(self) -> list[Table]:
        """The board as one table, of the chosen columns."""
        ranks = {row.row: row.rank for row in self.rows}
        shown = [board_columns.column(name) for name in self.columns]
        rows = [[column.text(row, ranks) for column in shown] for row in self.rows]
        titles = [column.title for column in shown]
        return [Table.of(titles, rows, self.title, **board_columns.layout(self.columns))]

    def notes(self) -> list[str]:
        """What the intervals and ranks speak of, and which boards aren't comparable with this one."""
        task = (f"Warning: {text}." for text in self.task.warnings)
        return [*self.notes_on_uncertainty(), *self.warnings, *task, *self.apart]

    def notes_on_uncertainty(self) -> list[str]:
        """What the intervals and ranks speak of; none with fewer than six units."""
        if not any(row.intervals for row in self.rows):
            return []
        units = units_text(self.n_units, self.unit, self.effective_units)
        lines = [
            f"Intervals and ranks hold with 95 % confidence for other tracks like these ({units}); ranks for all "
            "rows together. The best row is one of those that may be first with 95 % confidence. "
            f"{missing_text(self.n_units, self.unit)}"
        ]
        alone = [row.label for row in self.rows if row.population == "trained model"]
        if alone:
            others = (
                "; those of rows with more seeds speak of the method"
                if len(alone) < sum(bool(r.runs) for r in self.rows)
                else ""
            )
            lines.append(
                f"Those of {', '.join(alone)} speak of one trained model: another seed isn't accounted for (add some with "
                f"--seeds 0,1,2){others}."
            )
        elif any(row.runs for row in self.rows):
            lines.append("They speak of the methods: the variance between seeds is part of them.")
        if self.smallest_difference is not None:
            lines.append(
                f"Between two models by themselves, a difference in log loss of {self.smallest_difference:.3f} would be "
                "detected with 80 % power."
            )
        return lines

    @property
    def groups(self) -> list[tuple[int, int]]:
        """Groups of at least two rows in order of rank of which no two can be told apart, as first and last position.

        A group isn't part of a larger one.
        """
        tied = [{row.row, *row.tied_with} for row in self.rows]
        names = [row.row for row in self.rows]
        found: list[tuple[int, int]] = []
        for first in range(len(names)):
            last = first
            while last + 1 < len(names) and all(names[last + 1] in tied[i] for i in range(first, last + 1)):
                last += 1
            if last > first and (not found or last > found[-1][1]):
                found.append((first, last))
        return found

    def figure(self, kind: Literal["scores", "cost"] = "scores") -> Figure:
        """Draw the board.

        Parameters
        ----------
        kind : {"scores", "cost"}
            The log loss of each row with its 95 % interval, the best at the top; baselines are grey, bars at the right join
            rows that can't be told apart, as a critical-difference diagram does, and beside them are the ranks that each row
            may have. Or the log loss against the seconds to fit and predict.

        Raises
        ------
        UsageError
            If the cost of fewer than two rows is known.
        """
        from genrebench.figures import Line, Point, draw_cost, draw_forest

        if kind not in ("scores", "cost"):
            raise UsageError(f"there is no figure {kind!r} of a board; choose scores or cost")
        title = f"{self.task.dataset}, split {self.task.split_title}"
        if kind == "cost":
            points = [
                Point(row.rank, row.label, seconds, row.scores["log_loss"]) for row in self.rows if (seconds := row.seconds) > 0
            ]
            if len(points) < 2:
                raise UsageError("the cost of fewer than two rows is known; run another model")
            return draw_cost(points, title)
        lines = [
            Line(
                f"{row.rank} {row.label}",
                row.scores["log_loss"],
                row.intervals.get("log_loss"),
                row.baseline,
                row.rank_interval,
            )
            for row in self.rows
        ]
        return draw_forest(lines, title, "log loss in nats, with 95 % interval", groups=self.groups)


class Boards(ShownSequence[Board]):
    """The boards of one or several folders of runs, sorted by dataset, split and fingerprint.

    Parameters
    ----------
    boards : iterable of Board
    problems : sequence of str
        One line per run that is left out because its record or predictions are damaged.
    """

    def __init__(self, boards: Iterable[Board], problems: Sequence[str] = ()) -> None:
        self._items = tuple(boards)
        self.problems = tuple(problems)

    def __repr__(self) -> str:
        return f"Boards({', '.join(board.title for board in self)})"

    def with_references(self, references: Sequence[Reference]) -> Boards:
        """The same boards, each with these published scores."""
        return Boards([replace(board, references=tuple(references)) for board in self], self.problems)

    def with_columns(self, columns: str | Sequence[str] | None) -> Boards:
        """The same boards with these columns; see `genrebench.boards.columns.chosen`."""
        names = board_columns.chosen(columns, [row for board in self for row in board.rows])
        return Boards([replace(board, columns=names) for board in self], self.problems)

    def to_json(self) -> list[dict[str, Any]]:
        """The boards in JSON types."""
        return [board.to_json() for board in self]

    def to_frame(self) -> pd.DataFrame:
        """The rows of all boards as one pandas DataFrame, with the dataset, split and task fingerprint of their boards."""
        return frame(
            [
                {"dataset": board.task.dataset, "split": board.task.split, "task": board.task.fingerprint, **row.flat()}
                for board in self
                for row in board.rows
            ]
        )

    def to_table(self) -> Table:
        """The rows of all boards as one table for programs: one value per cell, all metrics, ends of intervals as columns."""
        rows = [
            {
                "dataset": board.task.dataset,
                "split": board.task.split,
                "split_seed": board.task.split_seed,
                "fingerprint": board.task.fingerprint,
                "extra training": "" if board.task.extra_training is None else board.task.extra_training.text(),
                "n_test": board.task.n_test,
                **row.machine(),
            }
            for board in self
            for row in board.rows
        ]
        return Table.of_records(rows, ("dataset", "split", "split_seed", "fingerprint", "extra training", "n_test", "rank"))

    def tables(self) -> list[Table]:
        """One table per board."""
        return [table for board in self for table in board.tables()]

    def reference_table(self) -> Table | None:
        """The published scores of all boards, each once; None if there are none."""
        references = dict.fromkeys(reference for board in self for reference in board.references)
        columns = ("published score", "test set", "log loss", "F1 micro", "note")
        rows = [(r.name, r.test_set, number(r.log_loss), number(r.f1_micro, 4), r.note) for r in references]
        title = "References: measured on other test sets, so not comparable with the rows above"
        return Table.of(columns, rows, title, columns[2:4], text=("test set", "note")) if rows else None

    def notes(self) -> list[str]:
        """The damaged runs; that there is no board."""
        return [*self.problems, *([] if self else ["There are no finished runs."])]

    def to_text(self, width: int | None = None) -> str:
        """The boards as text, each with its notes; lines have at most `width` characters."""
        notes = ["\n".join(paragraph(printable(note), width)) for note in self.notes()]
        return "\n\n".join([*(board.to_text(width) for board in self), *notes])

    def _repr_html_(self) -> str:
        """HTML for notebooks, one table per board, each with its notes."""
        return "".join(board._repr_html_() for board in self) + paragraphs_html(self.notes())

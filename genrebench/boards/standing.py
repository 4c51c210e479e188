"""Where a run stands: its score beside guessing, its rank, and the genres that it fails on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genrebench.boards.baselines import baselines
from genrebench.boards.board import boards
from genrebench.boards.f1_intervals import Intervals
from genrebench.boards.row import Row, rank_range
from genrebench.boards.uncertainty import row_intervals
from genrebench.errors import StoreError
from genrebench.progress import Progress, no_progress
from genrebench.runs.pages import worst_genres
from genrebench.runs.result import RunResult
from genrebench.tables import Shown, Table, counted, number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Standing(Shown):
    """A run, with what its score means.

    Parameters
    ----------
    run : RunResult
    intervals : mapping of str to (float, float)
        95 % intervals of its scores, on other tracks like these; empty with fewer than six artists or tracks.
    guessing : mapping of str to float
        Log loss of the baselines: "uniform", and "training-prior" where the training counts are known.
    row : Row or None
        Its row of the board; None if the rank wasn't asked for, or another run of the same seed is newer.
    rows : tuple of Row
        All rows of the board, in order of rank.
    """

    run: RunResult
    intervals: Intervals
    guessing: Mapping[str, float]
    row: Row | None = None
    rows: tuple[Row, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The record of the run, and `standing`: intervals, guessing, rank, rank_interval, rows and tied_with."""
        row = self.row
        standing = {
            "intervals": {metric: list(ends) for metric, ends in self.intervals.items()},
            "guessing": dict(self.guessing),
            "rank": None if row is None else row.rank,
            "rank_interval": None if row is None else list(row.rank_interval),
            "rows": len(self.rows),
            "tied_with": [] if row is None else list(row.tied_with),
        }
        return self.run.to_json() | {"standing": standing}

    def to_frame(self) -> pd.DataFrame:
        """The scores by genre, as `RunResult.genres`."""
        return self.run.genres()

    def heading(self) -> list[str]:
        """The score and its interval, guessing, the rank, and the genres that fail."""
        return [*self.scores(), *self._rank(), *self._genres()]

    def scores(self) -> list[str]:
        """The score and its interval beside guessing; what happened to a run without scores."""
        task = self.run.record.task
        where = f" on {task.dataset_title}, split {task.split_title}"
        return [self.score(where), *self._guesses()]

    def score(self, where: str = "") -> str:
        """The score and its interval in one line; what happened to a run without scores."""
        record, loss = self.run.record, self.run.metrics.get("log_loss")
        if loss is None:
            why = "; ".join(filter(None, [record.error, *self.run.problems]))
            return f"{record.model.name}{where}: {record.status}, without scores{f': {why}' if why else ''}"
        score = f"log loss {loss:.3f}{self._interval('log_loss')}"
        accuracy = self.run.metrics.get("f1_micro")
        if accuracy is not None:
            score += f", accuracy {accuracy:.3f}{self._interval('f1_micro')}"
        return f"{record.model.name}{where}: {score}."

    def tables(self) -> list[Table]:
        """The tables of the run."""
        return self.run.tables()

    def notes(self) -> list[str]:
        """What to do next."""
        return self.run.notes()

    def _guesses(self) -> list[str]:
        """What guessing would give, and whether the run is clearly better."""
        loss = self.run.metrics.get("log_loss")
        if not self.guessing or loss is None:
            return []
        better = self.intervals.get("log_loss", (loss, loss))[1] < min(self.guessing.values())
        return [f"{guessing_text(self.guessing)}{'' if better else ' The run is not clearly better than that.'}"]

    def _interval(self, metric: str) -> str:
        ends = self.intervals.get(metric)
        return "" if ends is None else f" (95 %: {ends[0]:.3f} .. {ends[1]:.3f})"

    def _rank(self) -> list[str]:
        row = self.row
        if row is None:
            return []
        # a row that shares its name with this run is told from it by its options
        labels = {
            other.row: f"{other.label} with default options" if other.label == row.model and row.changed else other.label
            for other in self.rows
        }
        seeds = (
            f" as one of {counted(len(row.seeds), 'seed')} (mean {row.scores['log_loss']:.3f})" if len(row.seeds) > 1 else ""
        )
        low, high = row.rank_interval
        ranks = "" if low == high == row.rank else f", with 95 % confidence {rank_range(row.rank_interval)}"
        tied = [labels[other.row] for other in self.rows if other.row in row.tied_with]
        text = f"Rank {row.rank} of {len(self.rows)}{seeds}{ranks}"
        return [f"{text}; can't be told from {', '.join(tied)}." if tied else f"{text}."]

    def _genres(self) -> list[str]:
        worst = worst_genres(self.run.genre_scores())
        return [f"Lowest F1: {', '.join(f'{genre} {f1:.2f}' for genre, f1 in worst)}."] if worst else []


class Standings(Shown):
    """Runs of one task, as `genrebench run` ends with them: scores beside guessing, and F1 by genre.

    Parameters
    ----------
    standings : sequence of Standing
        In the order of the runs; those of unfinished runs are left out.
    """

    def __init__(self, standings: Sequence[Standing]) -> None:
        self.standings = tuple(one for one in standings if one.guessing)

    def to_json(self) -> list[dict[str, Any]]:
        """The standings in JSON types."""
        return [one.to_json() for one in self.standings]

    def heading(self) -> list[str]:
        """The score of each run, and what guessing would give."""
        if len(self.standings) == 1:
            return self.standings[0].scores()
        lines = [one.score(f", seed {one.run.record.seed}") for one in self.standings]
        return [*lines, *(guessing_text(one.guessing) for one in self.standings[:1])]

    def tables(self) -> list[Table]:
        """The genres of the run; for several runs, the F1 of each genre, one column per run."""
        if len(self.standings) == 1:
            run = self.standings[0].run
            return run.genre_tables()
        by_run = [{row["genre"]: row["f1"] for row in one.run.genre_scores()} for one in self.standings]
        genres = list(dict.fromkeys(genre for scores in by_run for genre in scores))
        columns = [f"{one.run.record.model.name} {one.run.record.seed}" for one in self.standings]
        rows = [(genre, *(number(scores.get(genre), 2) for scores in by_run)) for genre in genres]
        title = "F1 by genre; a column is a model and its seed"
        return [Table.of(("genre", *columns), rows, title, columns, matrix=True)] if rows else []


def guessing_text(guessing: Mapping[str, float]) -> str:
    """What guessing would give, in a sentence."""
    guesses = " and ".join(f"{value:.3f} ({name})" for name, value in guessing.items())
    return f"Guessing would give a log loss of {guesses}."


def standing(run: RunResult, *, rank: bool = True, progress: Progress = no_progress) -> Standing:
    """Find where a run stands.

    Parameters
    ----------
    run : RunResult
    rank : bool
        Also find its rank among the finished runs of its folder, for which their predictions are read.
    progress : callable, optional
        As in `boards`.
    """
    record = run.record
    if not record.has_scores:
        return Standing(run, {}, {})
    try:
        scored = run.store.scored(record)
    except StoreError:  # the run's problems say so
        return Standing(run, {}, {})
    intervals = row_intervals([[scored]], len(record.task.genres), record.task.split)[0]
    guessing = {name: guess.scores["log_loss"] for name, guess in baselines(record.task, scored).items()}
    rows: Sequence[Row] = ()
    if rank:
        found, _ = boards(run.store, record.task.dataset, record.task.split, progress=progress)
        rows = next((board.rows for board in found if board.task.fingerprint == record.task.fingerprint), ())
    row = next((row for row in rows if run.id in row.runs), None)
    return Standing(run, intervals, guessing, row, tuple(rows) if row is not None else ())

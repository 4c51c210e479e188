"""The content of each page; the templates define its appearance."""

from __future__ import annotations

import importlib.metadata
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench.boards.board_metrics import title
from genrebench.boards.compare import Side, compare_sides, runs_by_id
from genrebench.boards.row import Row, between, rank_range
from genrebench.boards.rows import Board
from genrebench.boards.uncertainty import row_intervals
from genrebench.environment import without_home
from genrebench.errors import StoreError
from genrebench.evaluation import calibration, error_analysis, metrics
from genrebench.jsontypes import plain
from genrebench.records import Predictions
from genrebench.report.clips import Clips
from genrebench.report.figures import cost_plot, curves_plot, pareto, reliability_plot
from genrebench.runs.record import Run
from genrebench.runs.reproduce import command_line
from genrebench.runs.store import RunStore
from genrebench.tables import printable

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_ROWS_ALL_PAIRS = 10
"""Boards with more rows have comparisons only with the best row and between neighbouring ranks, not of all pairs."""


@dataclass(frozen=True)
class Site:
    """Data shared by all pages.

    Parameters
    ----------
    stores : sequence of RunStore
    boards : sequence of Board
    clips : Clips
    """

    stores: Sequence[RunStore]
    boards: Sequence[Board]
    clips: Clips

    @cached_property
    def runs(self) -> dict[str, tuple[RunStore, Run]]:
        """All readable runs by id; see `runs_by_id`."""
        return runs_by_id(self.stores)

    @cached_property
    def templates(self) -> Environment:
        """The templates; all inserted values are escaped."""
        from jinja2 import ChainableUndefined, Environment, FileSystemLoader

        loader = FileSystemLoader(Path(__file__).parent / "templates")
        environment = Environment(  # imported records may lack fields
            loader=loader,
            autoescape=True,
            undefined=ChainableUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_without_control_characters,
        )
        environment.filters |= {
            "number": _number,
            "percent": _percent,
            "compute_seconds": _compute_seconds,
            "seconds": _seconds,
            "percent_range": _percent_range,
            "rank_range": rank_range,
            "between": between,
            "metric_title": title,
            "position": _position,
            "text": _text,
        }
        environment.globals |= {"version": importlib.metadata.version("genrebench")}
        return environment

    def render(self, template: str, **values: Any) -> str:
        """Render a template."""
        return self.templates.get_template(template).render(**values)


# ------------------------------------------------------------------ boards


def board_page(site: Site, problems: Sequence[str]) -> str:
    """The start page, with all boards."""
    on_boards = {run_id for board in site.boards for row in board.rows for run_id in row.runs}
    others = [run for _, run in site.runs.values() if run.id not in on_boards]
    return site.render(
        "index.html",
        root="",
        boards=[_board(board, i) for i, board in enumerate(site.boards)],
        others=others,
        published=list(dict.fromkeys(reference for board in site.boards for reference in board.references)),
        problems=[without_home(problem) for problem in problems],
    )


def _board(board: Board, number: int) -> dict[str, Any]:
    by_id = {row.row: row for row in board.rows}
    bounds = [bound for row in board.rows for bound in row.intervals.get("log_loss", ())]
    return {
        "id": f"board-{number + 1}",
        "board": board,
        "rows": board.rows,
        "ties": {row.row: [by_id[other] for other in row.tied_with] for row in board.rows},
        "pairs": pairs_of(board),
        "scale": (min(bounds, default=0.0), max(bounds, default=1.0)),
        "cost": _cost_plot(board, number),
    }


def _cost_plot(board: Board, number: int) -> str | None:
    rows = [row for row in board.rows if _compute_seconds(row)]
    if len(rows) < 2:
        return None
    seconds = [_compute_seconds(row) or 0.0 for row in rows]
    losses = [row.scores["log_loss"] for row in rows]
    best = pareto(list(zip(seconds, losses, strict=True)))
    points = [
        {"label": row.label, "seconds": s, "log_loss": x, "best": b}
        for row, s, x, b in zip(rows, seconds, losses, best, strict=True)
    ]
    return cost_plot(points, f"cost-{number}")


def _compute_seconds(row: Row) -> float | None:
    """Seconds to fit and predict; the time for the inputs isn't counted, since only the first run computes them."""
    recorded = [row.timings[key] for key in ("fit_s", "predict_s") if key in row.timings]
    return sum(recorded) if recorded else None


def pairs_of(board: Board) -> list[tuple[Row, Row]]:
    """The pairs of rows that have a comparison page."""
    rows = [row for row in board.rows if row.runs]
    if len(rows) <= MAX_ROWS_ALL_PAIRS:
        return list(itertools.combinations(rows, 2))
    return [*((rows[0], row) for row in rows[1:]), *itertools.pairwise(rows[1:])]


# ------------------------------------------------------------------ runs


def run_page(site: Site, board: Board, row: Row, run_id: str, problems: list[str]) -> str:
    """The page of a run: scores, errors by genre, calibration, cost, and the command that reproduces it.

    Curves and figures that can't be shown are left out, with a line each in `problems`.
    """
    store, run = site.runs[run_id]
    predictions = store.predictions(run)
    labels, p, genres = predictions.labels, predictions.probabilities, predictions.genres
    scored, _ = store.measured(run, board.metrics.measured)
    counts = metrics.confusion(labels, p)
    bins = calibration.reliability(labels, p)
    curves: Sequence[Mapping[str, Any]] = ()
    try:
        curves = store.curves(run)
    except StoreError as error:
        problems.append(str(error))
    figures, damaged = site.clips.figures(store.folder(run.id), run.id)
    problems += damaged
    dataset = run.task.dataset
    mistakes = [m | {"clip": site.clips.clip(dataset, m["track"])} for m in error_analysis.confident_mistakes(predictions)]
    return site.render(
        "run.html",
        root="../",
        run=run,
        row=row,
        board=board,
        label=row.label,
        scores=scored.scores,
        intervals=row_intervals([[scored]], len(genres), run.task.split)[0],
        genres=genres,
        genre_rows=error_analysis.genre_table(labels, p, genres, predictions.groups),
        pair_rows=error_analysis.pair_losses(labels, p, genres),
        counts=counts,
        by_true=error_analysis.normalised_confusion(counts, "true"),
        by_predicted=error_analysis.normalised_confusion(counts, "predicted"),
        mistakes=mistakes,
        reliability=reliability_plot(bins, "reliability"),
        bins=bins,
        scaling=_scaling(run, predictions),
        curves=curves_plot(curves, "curves") if curves else None,
        figures=figures,
        command=command_line(run) if run.model.origin in ("plugin", "file") else None,
        others=[(a, b) for a, b in pairs_of(board) if row.row in (a.row, b.row)],
        facts={
            key: value
            for key, value in run.facts.items()
            if key not in ("temperature_scaling", "device", "parameters", "experiment")
        },
    )


def _scaling(run: Run, predictions: Predictions) -> Mapping[str, Any]:
    """The gain from temperature scaling, measured on validation tracks if recorded, else on halves of the test tracks."""
    if recorded := run.temperature_scaling:
        return {**plain(recorded), "by": "validation", "applied": run.model.calibrated}
    gain = calibration.temperature_gain(predictions)
    return {**gain, "temperatures": [gain["temperature"]], "by": "halves", "applied": False} if gain else {}


# ------------------------------------------------------------------ comparisons


def compare_page(site: Site, board: Board, a: Row, b: Row) -> str:
    """The page that compares two rows of a board."""
    sides = [Side(row.label, tuple(site.runs[run_id] for run_id in row.runs)) for row in (a, b)]
    comparison = compare_sides(sides[0], sides[1], board.metrics)
    dataset = board.task.dataset
    return site.render(
        "compare.html",
        root="../",
        comparison=comparison,
        board=board,
        rows=(a, b),
        labels=(a.label, b.label),
        tracks=[{**track, "clip": site.clips.clip(dataset, track["track"])} for track in comparison.tracks],
    )


# ------------------------------------------------------------------ template filters


def _without_control_characters(value: Any) -> Any:
    """Every value that a template inserts, but for drawings, which are made without them."""
    return printable(value) if type(value) is str else value


def _number(value: Any, digits: int = 3) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def _percent(value: Any) -> str:
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else "–"


def _percent_range(interval: Any) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %" if interval else ""


def _position(value: float, scale: tuple[float, float]) -> str:
    """Position of `value` on a scale from 0 to 100 %, for CSS."""
    low, high = scale
    return f"{100 * (value - low) / (high - low) if high > low else 50:.2f}%"


def _text(value: Any) -> str:
    """Text for display of any value in a record."""
    if isinstance(value, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')} {_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _seconds(value: Any) -> str:
    if not isinstance(value, int | float):
        return "–"
    if value >= 90:
        return f"{value / 60:.1f} min" if value < 5400 else f"{value / 3600:.1f} h"
    return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"

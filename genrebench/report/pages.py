"""What stands on each page; how it looks is the templates' matter."""

from __future__ import annotations

import importlib.metadata
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench.boards.compare import Side, compare_sides
from genrebench.boards.rows import Board, Row
from genrebench.boards.uncertainty import row_intervals
from genrebench.environment import without_home
from genrebench.evaluation import calibration, error_analysis, metrics
from genrebench.records import Predictions
from genrebench.report.clips import Clips
from genrebench.report.figures import cost_plot, curves_plot, pareto, reliability_plot
from genrebench.runs.record import Run
from genrebench.runs.reproduce import command_line
from genrebench.runs.store import RunStore

if TYPE_CHECKING:
    from jinja2 import Environment

ALL_PAIRS = 10
"""Up to this many rows a board has a comparison of every two; of more, those with the best and with the next."""


@dataclass(frozen=True)
class Site:
    """What all pages share.

    Parameters
    ----------
    stores : sequence of RunStore
    boards : sequence of Board
    folder : Path
        Where the report is made.
    clips : Clips
    """

    stores: Sequence[RunStore]
    boards: Sequence[Board]
    folder: Path
    clips: Clips

    @cached_property
    def runs(self) -> dict[str, tuple[RunStore, Run]]:
        """All readable runs by their id; the first store wins."""
        found: dict[str, tuple[RunStore, Run]] = {}
        for store in self.stores:
            for run in store.runs():
                found.setdefault(run.id, (store, run))
        return found

    @cached_property
    def templates(self) -> Environment:
        """The templates; whatever they insert is escaped."""
        from jinja2 import ChainableUndefined, Environment, FileSystemLoader

        loader = FileSystemLoader(Path(__file__).parent / "templates")
        # records made elsewhere may lack what ours have
        made = Environment(loader=loader, autoescape=True, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True)
        made.filters |= {
            "number": _number,
            "percent": _percent,
            "work": _work,
            "seconds": _seconds,
            "between": _between,
            "place": _place,
            "told": _told,
        }
        made.globals |= {"version": importlib.metadata.version("genrebench")}
        return made

    def render(self, template: str, **values: Any) -> str:
        """Fill a template."""
        return self.templates.get_template(template).render(**values)


# ------------------------------------------------------------------ boards


def board_page(site: Site, problems: Sequence[str]) -> str:
    """The first page: every board."""
    shown = {run_id for board in site.boards for row in board.rows for run_id in row.runs}
    others = [run for _, run in site.runs.values() if run.id not in shown]
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
    ends = [end for row in board.rows for end in row.intervals.get("log_loss", ())]
    return {
        "id": f"board-{number + 1}",
        "board": board,
        "rows": board.rows,
        "ties": {row.row: [by_id[other] for other in row.tied_with] for row in board.rows},
        "pairs": pairs_of(board),
        "scale": (min(ends, default=0.0), max(ends, default=1.0)),
        "cost": _cost(board, number),
    }


def _cost(board: Board, number: int) -> str | None:
    rows = [row for row in board.rows if _work(row)]
    if len(rows) < 2:
        return None
    seconds = [_work(row) or 0.0 for row in rows]
    losses = [row.scores["log_loss"] for row in rows]
    best = pareto(list(zip(seconds, losses, strict=True)))
    points = [
        {"label": row.label, "seconds": s, "log_loss": x, "best": b}
        for row, s, x, b in zip(rows, seconds, losses, best, strict=True)
    ]
    return cost_plot(points, f"cost-{number}")


def _work(row: Row) -> float | None:
    """Seconds to fit and predict; inputs are prepared once, whoever comes first."""
    known = [row.timings[key] for key in ("fit_s", "predict_s") if key in row.timings]
    return sum(known) if known else None


def pairs_of(board: Board) -> list[tuple[Row, Row]]:
    """The rows of a board that get a page of their comparison."""
    rows = [row for row in board.rows if row.runs]
    if len(rows) <= ALL_PAIRS:
        return list(itertools.combinations(rows, 2))
    return [*((rows[0], row) for row in rows[1:]), *itertools.pairwise(rows[1:])]


# ------------------------------------------------------------------ a run


def run_page(site: Site, board: Board, row: Row, run_id: str) -> str:
    """One run: scores, errors by genre, calibration, cost, how to repeat it."""
    store, run = site.runs[run_id]
    predictions = store.predictions(run)
    labels, p, genres = predictions.labels, predictions.probabilities, predictions.genres
    scored = store.scored(run)
    counts = metrics.confusion(labels, p)
    bins = calibration.reliability(labels, p)
    curves = store.curves(run)
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
        genre_rows=error_analysis.genre_table(labels, p, genres),
        pair_rows=error_analysis.pair_losses(labels, p, genres),
        counts=counts,
        by_true=error_analysis.normalised_confusion(counts, "true"),
        by_predicted=error_analysis.normalised_confusion(counts, "predicted"),
        mistakes=mistakes,
        reliability=reliability_plot(bins, "reliability"),
        bins=bins,
        scaling=_scaling(run, predictions),
        curves=curves_plot(curves, "curves") if curves else None,
        figures=site.clips.figures(store.folder(run.id), run.id),
        command=command_line(run) if run.model.origin == "plugin" else None,
        others=[(a, b) for a, b in pairs_of(board) if row.row in (a.row, b.row)],
        facts={key: value for key, value in run.facts.items() if key not in ("temperature_scaling", "device", "parameters")},
    )


def _scaling(run: Run, predictions: Predictions) -> Mapping[str, Any]:
    """What temperature scaling gains: by validation where the run tried it, else by halves of the test tracks."""
    if found := run.facts.get("temperature_scaling"):
        return {**found, "by": "validation", "applied": run.model.calibrated}
    gain = calibration.temperature_gain(predictions)
    return {**gain, "temperatures": [gain["temperature"]], "by": "halves", "applied": False} if gain else {}


# ------------------------------------------------------------------ two rows


def compare_page(site: Site, board: Board, a: Row, b: Row) -> str:
    """Two rows of a board side by side."""
    found = compare_sides(*(Side(row.label, tuple(site.runs[run_id] for run_id in row.runs)) for row in (a, b)))
    dataset = board.task.dataset
    return site.render(
        "compare.html",
        root="../",
        found=found,
        board=board,
        rows=(a, b),
        labels=(a.label, b.label),
        tracks=[{**track, "clip": site.clips.clip(dataset, track["track"])} for track in found.tracks],
    )


# ------------------------------------------------------------------ numbers


def _number(value: Any, digits: int = 3) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def _percent(value: Any) -> str:
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else "–"


def _between(ends: Any) -> str:
    return f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %" if ends else ""


def _place(value: float, scale: tuple[float, float]) -> str:
    """Where `value` stands on a strip, as CSS has it."""
    low, high = scale
    return f"{100 * (value - low) / (high - low) if high > low else 50:.2f}%"


def _told(value: Any) -> str:
    """Whatever a record may hold, for people."""
    if isinstance(value, Mapping):
        return "; ".join(f"{str(key).replace('_', ' ')} {_told(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_told, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _seconds(value: Any) -> str:
    if not isinstance(value, int | float):
        return "–"
    if value >= 90:
        return f"{value / 60:.1f} min" if value < 5400 else f"{value / 3600:.1f} h"
    return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"

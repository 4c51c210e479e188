"""The first page, and one page per board."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genrebench.boards import columns as board_columns
from genrebench.boards.row import Row
from genrebench.boards.rows import Board, Boards
from genrebench.environment import without_home
from genrebench.figures import Point, as_svg, draw_cost
from genrebench.report import drawings, files
from genrebench.report.pairs import page_of, pairs_of
from genrebench.report.site import between, render
from genrebench.report.strips import Strips
from genrebench.runs.record import Run
from genrebench.tables import counted

MAX_OTHERS = 200
"""Runs that aren't on a board and are listed on the first page."""

MAX_DRAWN = 60
"""Rows of a board that its figures show: the best ones."""

STRIPS = ("rank", "ranks", "model", "options", "log_loss", "log_loss_interval", "spread", "seeds", "features", "note")
"""What the first columns of a page show in any case."""

COST = ("fit_s", "predict_s", "memory")
"""What a page shows beside the columns of `genrebench leaderboard`."""


@dataclass(frozen=True)
class Cell:
    """A cell of a board: its text, smaller text below it, and the number that it is sorted by."""

    text: str
    small: str = ""
    value: float | None = None


def index_page(boards: Sequence[Board], others: Sequence[Run], problems: Sequence[str]) -> str:
    """The first page: every board in a line, with links."""
    return render(
        "index.html",
        root="",
        boards=[{"board": board, "page": page_name(board), "best": _best(board)} for board in boards],
        others=others[:MAX_OTHERS],
        n_others=len(others),
        problems=[without_home(problem) for problem in problems],
    )


def page_name(board: Board) -> str:
    """Name of a board's page; records come from anywhere, so it has plain letters only, and a digest of the task."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{board.task.dataset}-{board.task.split}".lower()).strip("-")[:60]
    digest = hashlib.sha256(board.task.fingerprint.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"boards/{words or 'board'}-{digest}.html"


def board_page(board: Board, folder: Path, *, with_cost: bool) -> str:
    """The page of a board; its files to download are written into `folder`.

    Parameters
    ----------
    board : Board
    folder : Path
        Of the report.
    with_cost : bool
        Show `COST` beside the board's own columns.
    """
    stem = page_name(board).removesuffix(".html")
    names = [name for name in board.columns if name not in STRIPS]
    if with_cost:
        names += [name for name in COST if name not in names]
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    table = Boards([board]).to_table()
    (folder / f"{stem}.csv").write_bytes(files.as_csv(table.columns, table.rows))
    uniform = math.log(max(2, len(board.task.genres)))
    losses = Strips.of(
        [value for row in board.rows for value in (*row.intervals.get("log_loss", ()), row.scores["log_loss"])], 1.6 * uniform
    )
    ranks = Strips.of_ranks(len(board.rows))
    labels = {row.row: row for row in board.rows}
    drawn = replace(board, rows=board.rows[:MAX_DRAWN])
    drawings.write_files(drawn.figure(), None, folder / f"{stem}-forest")
    return render(
        "board.html",
        root="../",
        board=board,
        best=_best(board),
        n_drawn=len(drawn.rows),
        columns=[board_columns.column(name) for name in names],
        losses=losses,
        ranks=ranks,
        rows=[(row, [_cell(name, row, board) for name in names], _notes(row, labels)) for row in board.rows],
        pairs=[(a, b, page_of(a, b)) for a, b in pairs_of(board)],
        n_models=sum(bool(row.runs) for row in board.rows),
        cost=_cost(drawn, folder / f"{stem}-cost"),
        stem=Path(stem).name,
        inputs_s=[row.timings["inputs_s"] for row in board.rows if row.timings.get("inputs_s")],
    )


def _best(board: Board) -> dict[str, Any]:
    models = [row for row in board.rows if row.runs]
    baselines = {row.model: row.scores["log_loss"] for row in board.rows if row.baseline}
    return {
        "row": models[0] if models else None,
        "interval": between(models[0].intervals.get("log_loss")) if models else "",
        "may": [row for row in models if row.may_be_best],
        "guessing": baselines,
    }


def _cell(name: str, row: Row, board: Board) -> Cell:
    column = board_columns.column(name)
    shown = column.text(row, {other.row: other.rank for other in board.rows})
    small = ""
    if f"{name}_interval" not in board.columns:
        small = between(row.interval(name))
    try:
        value = float(shown) if column.is_number and shown else None
    except ValueError:
        value = None
    return Cell(shown, small, value)


def _notes(row: Row, rows: Mapping[str, Row]) -> str:
    """What stands below the name of a row: what else there is to know about it."""
    if row.baseline:
        return "baseline: ignores the audio"
    note = board_columns.COLUMNS["note"].text(replace(row, tied_with=()), {})
    ties = sum(name in rows for name in row.tied_with)
    tied = f"tied with {counted(ties, 'row')}" if ties else ""
    features = f"features {row.feature_source}" if row.feature_source else ""
    return "; ".join(filter(None, (note, tied, features)))


def _cost(board: Board, stem: Path) -> Any:
    """Score against cost, as an element of the page; None for fewer than two rows whose time is known."""
    points = [
        Point(row.rank, row.label, seconds, row.scores["log_loss"])
        for row in board.rows
        if (seconds := sum(row.timings.get(name, 0.0) for name in ("fit_s", "predict_s"))) > 0
    ]
    if len(points) < 2:
        return None
    figure = draw_cost(points)
    element, _ = drawings.inline(figure, "cost", f"Log loss against time to fit and predict of {len(points)} models")
    titled = draw_cost(points, f"{board.task.dataset}, split {board.task.split_title}")
    drawings.write_files(titled, as_svg(titled), stem)
    return element

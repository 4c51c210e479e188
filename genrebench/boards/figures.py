"""Figures of boards and comparisons, drawn with matplotlib and free of its global state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from genrebench.tables import printable

if TYPE_CHECKING:
    from genrebench.boards.comparison import Comparison
    from genrebench.boards.rows import Board

_MODEL, _BASELINE = "C0", "0.6"


def draw_board(board: Board) -> Figure:
    """Draw the log loss of each row with its 95 % interval, the best at the top; baselines are grey."""
    rows = list(board.rows)
    figure = _canvas(len(rows), f"{board.task.dataset}, split {board.task.split_title}")
    axes = figure.axes[0]
    for place, row in enumerate(rows):
        colour = _BASELINE if row.baseline else _MODEL
        low, high = row.intervals.get("log_loss", (row.scores["log_loss"],) * 2)
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.plot(row.scores["log_loss"], place, "o", color=colour)
    axes.set_yticks(range(len(rows)), [_safe(row.label) for row in rows])
    axes.set_xlabel("log loss in nats, with 95 % interval")
    return figure


def draw_comparison(comparison: Comparison) -> Figure:
    """Draw the difference in log loss of each genre, and that of all tracks with its 95 % interval at the top."""
    names = ["all tracks", *(g["genre"] for g in comparison.genres)]
    values = [comparison.difference, *(g["difference"] for g in comparison.genres)]
    figure = _canvas(len(names), f"{comparison.a['name']} minus {comparison.b['name']}")
    axes = figure.axes[0]
    axes.axvline(0, color="0.6", linewidth=1)
    if np.isfinite(comparison.interval).all():
        axes.plot(comparison.interval, [0, 0], color=_MODEL, linewidth=2)
    axes.plot(values[0], 0, "o", color=_MODEL)
    axes.plot(values[1:], range(1, len(values)), "o", color=_BASELINE)
    axes.set_yticks(range(len(names)), [_safe(name) for name in names])
    axes.set_xlabel("difference in log loss in nats; below 0 the first is better")
    return figure


def _canvas(n_rows: int, title: str) -> Figure:
    figure = Figure(figsize=(7, 1.2 + 0.3 * n_rows), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(_safe(title), loc="left", fontsize="medium")
    axes.set_ylim(n_rows - 0.5, -0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    return figure


def _safe(text: str) -> str:
    """Text that matplotlib doesn't take for mathematics."""
    return printable(text).replace("$", r"\$")

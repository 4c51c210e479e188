"""Forest plots of boards and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genrebench.figures.picture import Picture
from genrebench.figures.style import ACCENT, INK, MUTED, placed_axes, room_for, short, styled

_VALUES, _RANKS = 4.2, 1.6
"""Widths of the two parts in inches."""

_PLACE = 0.4
"""How far the bar of a rank extends to each side, so that one rank alone is seen."""


@dataclass(frozen=True)
class Line:
    """One line of a forest plot.

    Parameters
    ----------
    label : str
    value : float
    interval : (float, float) or None
    muted : bool
        Drawn in grey.
    ranks : (int, int) or None
        The ranks that it may have.
    """

    label: str
    value: float
    interval: tuple[float, float] | None = None
    muted: bool = False
    ranks: tuple[int, int] | None = None


def draw_forest(
    lines: Sequence[Line], title: str, xlabel: str, origin: float | None = None, groups: Sequence[tuple[int, int]] = ()
) -> Figure:
    """Draw values with their intervals on one axis, the first at the top; at the right their ranks, if they have any.

    Parameters
    ----------
    lines : sequence of Line
    title, xlabel : str
    origin : float, optional
        Position of a vertical reference line.
    groups : sequence of (int, int)
        First and last line of each group, joined by a bar at the right.
    """
    ranked = any(line.ranks is not None for line in lines)
    with styled():
        left, bars = room_for(short(line.label) for line in lines), 0.25 + 0.1 * len(groups)
        figure = Picture(figsize=(left + _VALUES + bars + (_RANKS if ranked else 0), 1.1 + 0.3 * len(lines)))
        right = bars + (_RANKS if ranked else 0)
        values = placed_axes(figure, left, right, 0.65, 0.4)
        _draw_values(values, lines, origin, groups)
        values.set_title(short(title, 90))
        values.set_xlabel(xlabel)
        if ranked:
            _draw_ranks(placed_axes(figure, left + _VALUES + bars, 0.15, 0.65, 0.4), lines)
    return figure


def _draw_values(axes: Axes, lines: Sequence[Line], origin: float | None, groups: Sequence[tuple[int, int]]) -> None:
    if origin is not None:
        axes.axvline(origin, color=MUTED, linewidth=1)
    for position, line in enumerate(lines):
        colour = MUTED if line.muted else ACCENT
        if line.interval is not None:
            axes.plot(line.interval, [position, position], color=colour, linewidth=2)
        axes.plot(line.value, position, "o", color=colour)
    for column, (first, last) in enumerate(groups):
        x = 1.02 + 0.02 * column  # in parts of the width
        axes.plot(
            [x, x], [first - 0.2, last + 0.2], color=INK, linewidth=3, transform=axes.get_yaxis_transform(), clip_on=False
        )
    axes.set_yticks(range(len(lines)), [short(line.label) for line in lines], color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")


def _draw_ranks(axes: Axes, lines: Sequence[Line]) -> None:
    for position, line in enumerate(lines):
        if line.ranks is not None:
            first, last = line.ranks
            ends = (first - _PLACE, last + _PLACE)
            axes.plot(ends, [position, position], color=MUTED if line.muted else ACCENT, linewidth=6, solid_capstyle="butt")
    axes.set_xlim(0.5, len(lines) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.set_xlabel("ranks, 95 %")
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_yticks(())
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")

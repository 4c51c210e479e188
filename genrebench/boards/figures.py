"""Forest plots of boards and comparisons, drawn with matplotlib without its global state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from genrebench.tables import plot_text

_COLOUR, _MUTED = "C0", "0.6"


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
    """

    label: str
    value: float
    interval: tuple[float, float] | None = None
    muted: bool = False


def draw_forest(
    lines: Sequence[Line], title: str, xlabel: str, origin: float | None = None, groups: Sequence[tuple[int, int]] = ()
) -> Figure:
    """Draw values with their intervals on one axis, the first at the top.

    Parameters
    ----------
    lines : sequence of Line
    title, xlabel : str
    origin : float, optional
        Position of a vertical reference line.
    groups : sequence of (int, int)
        First and last line of each group, joined by a bar at the right.
    """
    figure = Figure(figsize=(7, 1.2 + 0.3 * len(lines)), layout="constrained")
    axes = figure.add_subplot()
    if origin is not None:
        axes.axvline(origin, color=_MUTED, linewidth=1)
    for position, line in enumerate(lines):
        colour = _MUTED if line.muted else _COLOUR
        if line.interval is not None:
            axes.plot(line.interval, [position, position], color=colour, linewidth=2)
        axes.plot(line.value, position, "o", color=colour)
    for column, (first, last) in enumerate(groups):
        x = 1.02 + 0.02 * column  # in parts of the width
        axes.plot(
            [x, x], [first - 0.2, last + 0.2], color="0.3", linewidth=3, transform=axes.get_yaxis_transform(), clip_on=False
        )
    axes.set_yticks(range(len(lines)), [plot_text(line.label) for line in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_title(plot_text(title), loc="left", fontsize="medium")
    axes.set_xlabel(xlabel)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    return figure

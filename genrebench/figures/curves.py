"""Training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genrebench.figures.picture import Picture
from genrebench.figures.style import ACCENT, INK, MUTED, STYLES, placed_axes, short, styled

MAX_PLOTTED = 1e100
"""Larger values, of a training that diverged, are left out."""

MAX_POINTS = 2000
MAX_LINES = 100
MAX_NAMES = 4
"""Limits of what one panel draws."""

_PANEL = 2.6
"""Height of a panel in inches."""

Series = dict[str, list[list[tuple[int, float]]]]
"""For each name the lines, one per run and fold: (epoch, value)."""


@dataclass(frozen=True)
class Curves:
    """The training curves of a run.

    Parameters
    ----------
    points : sequence of mapping
        fold, epoch, and values by name.
    muted : bool
        Drawn in grey, for comparison.
    """

    points: Sequence[Mapping[str, Any]]
    muted: bool = False


def draw_curves(runs: Sequence[Curves], title: str = "") -> Figure:
    """Draw values over the epochs, all runs and folds in one plot: losses above, other values below.

    A name has one style of line; the runs that are muted, such as those of other seeds, are grey.
    """
    names = sorted({name for run in runs for point in run.points for name in point} - {"fold", "epoch"})
    losses = [name for name in names if "loss" in name]
    panels = [panel[:MAX_NAMES] for panel in (losses, [name for name in names if name not in losses]) if panel]
    shown, muted = (_series([run for run in runs if run.muted == grey]) for grey in (False, True))
    with styled():
        margins = 0.75, 0.15
        figure = Picture(figsize=(4.6, max(1, len(panels)) * _PANEL + (0.3 if title else 0)))
        height = float(figure.get_size_inches()[1])
        for i, panel in enumerate(panels):
            bottom = (len(panels) - 1 - i) * _PANEL + 0.55
            axes = placed_axes(figure, *margins, bottom, height - bottom - _PANEL + 0.95)
            _draw_panel(axes, panel, shown, muted)
        if title:
            figure.text(0.02, 1 - 0.2 / height, short(title, 56), color=INK)
    return figure


def _series(runs: Sequence[Curves]) -> Series:
    lines: dict[str, dict[tuple[int, int], list[tuple[int, float]]]] = {}
    for number, run in enumerate(runs):
        for point in run.points:
            for name, value in point.items():
                fits = name not in ("fold", "epoch") and value is not None and abs(value) < MAX_PLOTTED
                if fits and abs(point["epoch"]) < MAX_PLOTTED:
                    lines.setdefault(name, {}).setdefault((number, point["fold"]), []).append((point["epoch"], value))
    return {name: [sorted(line) for _, line in sorted(of_name.items())] for name, of_name in lines.items()}


def _draw_panel(axes: Axes, names: Sequence[str], shown: Series, muted: Series) -> None:
    for series, colour, width in ((muted, MUTED, 0.8), (shown, ACCENT, 1.4)):
        for name, style in zip(names, STYLES, strict=False):
            for i, line in enumerate(series.get(name, [])[:MAX_LINES]):
                few = line[:: 1 + len(line) // MAX_POINTS]
                label = short(name, 24).replace("_", " ").strip() if series is shown and i == 0 else None
                marker = "o" if len(few) == 1 else None
                axes.plot(*zip(*few, strict=True), color=colour, linewidth=width, linestyle=style, label=label, marker=marker)
    axes.set(xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if any(shown.get(name) for name in names):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, handlelength=2.2, columnspacing=1.2)

"""Calibration: accuracy against confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, PercentFormatter

from genrebench.figures.picture import Picture
from genrebench.figures.style import ACCENT, MUTED, placed_axes, short, styled


def draw_calibration(bins: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Draw the accuracy of each bin, with its interval and number of tracks, against its mean confidence.

    Parameters
    ----------
    bins : sequence of mapping
        tracks, confidence, accuracy and interval of each, as `genrebench.evaluation.calibration.equal_bins` returns.
    title : str
    """
    with styled():
        figure = Picture(figsize=(4.6, 4.4 if title else 4.1))
        axes = placed_axes(figure, 0.75, 0.3, 0.6, 0.4 if title else 0.15)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        points = [(b["confidence"], b["accuracy"]) for b in bins]
        for (x, _), b in zip(points, bins, strict=True):
            if b["interval"] is not None:
                axes.plot([x, x], b["interval"], color=ACCENT, linewidth=1.5, alpha=0.55)
        axes.plot(*zip(*points, strict=True) if points else ((), ()), "o-", color=ACCENT, linewidth=0.8, markersize=5)
        counts = sorted({b["tracks"] for b in bins})
        of_bins = f"; bins of {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} tracks" if counts else ""
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set(xlabel=f"mean confidence{of_bins}", ylabel="accuracy, with 95 % interval")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
            axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        if title:
            axes.set_title(short(title, 50))
    return figure

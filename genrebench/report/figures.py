"""SVG plots for the report, drawn by matplotlib; their text colour follows the theme of the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genrebench.tables import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
"""Placeholder for the page's text colour, which depends on the reader's theme."""

MAX_PLOTTED = 1e100
"""Larger values, of a training that diverged, are left out of plots."""

MAX_POINTS = 2000
MAX_LINES = 100
MAX_NAME = 60
"""Limits of what a plot of curves draws."""

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "genrebench",
    "text.parse_math": False,
    "font.size": 11,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


def reliability_plot(bins: Sequence[Mapping[str, Any]], name: str) -> str:
    """Plot accuracy against confidence; the size of a dot shows the number of tracks in its bin."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--", alpha=0.6)
        total = sum(b["tracks"] for b in bins)
        sizes = [20 + 400 * b["tracks"] / total for b in bins]
        confidence, accuracy = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
        axes.plot(confidence, accuracy, color=COLOURS[0], linewidth=1)
        axes.scatter(confidence, accuracy, s=sizes, color=COLOURS[0], alpha=0.6)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", aspect="equal")

    return _svg(draw, name, "Reliability curve: accuracy of the predictions against their confidence", (4.2, 4.2))


def curves_plot(curves: Sequence[Mapping[str, Any]], name: str) -> str:
    """Plot values over the epochs, with one panel for losses and one for other values; folds share a colour."""
    from matplotlib.ticker import MaxNLocator

    keys = sorted({key for point in curves for key in point} - {"fold", "epoch"})
    losses = [key for key in keys if "loss" in key]
    panels = [panel for panel in (losses, [key for key in keys if key not in losses]) if panel]
    lines: dict[str, dict[int, list[tuple[int, float]]]] = {key: {} for key in keys}
    for point in curves:
        for key in keys:
            value = point.get(key)
            if value is not None and abs(value) < MAX_PLOTTED and abs(point["epoch"]) < MAX_PLOTTED:
                lines[key].setdefault(point["fold"], []).append((point["epoch"], value))

    def draw_panel(axes: Axes, panel: Sequence[str]) -> None:
        for key, colour in zip(panel, COLOURS * len(panel), strict=False):
            for i, (_, points) in enumerate(sorted(lines[key].items())[:MAX_LINES]):
                label = printable(key[:MAX_NAME]).replace("_", " ").strip() if i == 0 else None
                marker = "o" if len(points) == 1 else None
                shown = sorted(points)[:: 1 + len(points) // MAX_POINTS]
                axes.plot(*zip(*shown, strict=True), color=colour, label=label, marker=marker)
        axes.set(xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if axes.lines:
            axes.legend(frameon=False)

    text = "Curves over the epochs: " + ", ".join(printable(key[:MAX_NAME]) for key in keys)
    return "".join(
        _svg(lambda axes, panel=panel: draw_panel(axes, panel), f"{name}-{i}", text, (5.2, 3.4))
        for i, panel in enumerate(panels)
    )


def cost_plot(points: Sequence[Mapping[str, Any]], name: str) -> str:
    """Plot log loss against seconds and mark the Pareto front.

    Parameters
    ----------
    points : sequence of mapping
        label, seconds, log_loss, best (True on the front).
    name : str
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    def draw(axes: Axes) -> None:
        front = sorted((p["seconds"], p["log_loss"]) for p in points if p["best"])
        axes.step(*zip(*front, strict=True), where="post", color=COLOURS[1], linewidth=1, label="Pareto front")
        for best, colour, marker in ((True, COLOURS[1], "D"), (False, COLOURS[0], "o")):
            selected = [p for p in points if p["best"] == best]
            seconds, losses = [p["seconds"] for p in selected], [p["log_loss"] for p in selected]
            axes.scatter(seconds, losses, color=colour, marker=marker, s=36)
        # labels alternate above and below their points, so that labels of close points don't overlap
        for i, p in enumerate(sorted(points, key=lambda p: p["seconds"])):
            position = (p["seconds"], p["log_loss"])
            axes.annotate(printable(p["label"]), position, xytext=(6, (5, -13)[i % 2]), textcoords="offset points", fontsize=9)
        axes.set(xscale="log", xlabel="seconds to fit and predict", ylabel="log loss")
        axes.margins(0.18)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")  # the default writes powers of ten in TeX
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False)

    front = ", ".join(p["label"] for p in points if p["best"])
    return _svg(draw, name, f"Log loss against seconds. On the Pareto front: {front}", (5.0, 3.3))


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether each point (cost, loss) is on the Pareto front: no other point is at least as good in both and better in one."""
    return [not any(c <= cost and x <= loss and (c, x) != (cost, loss) for c, x in points) for cost, loss in points]


def _svg(draw: Any, name: str, text: str, size: tuple[float, float]) -> str:
    """Draw an <svg> element for use in a page.

    Ids are prefixed with `name`, since a page has several plots; `text` is the description for screen readers.
    """
    import matplotlib as mpl
    from markupsafe import escape
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the page's font draws it
        figure: Figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(INK, "currentColor")
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="([\d.]+)pt"', rf'\1 style="max-width: {size[0] * 6:.1f}rem"', svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(printable(text))}" ', 1)

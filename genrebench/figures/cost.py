"""Score against cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from genrebench.figures.labels import place_labels
from genrebench.figures.picture import Picture
from genrebench.figures.style import ACCENT, MUTED, placed_axes, short, styled

_ROUND = (
    *((1e-3, "1 ms"), (1e-2, "10 ms"), (0.1, "0.1 s"), (0.2, "0.2 s"), (0.5, "0.5 s"), (1, "1 s"), (2, "2 s"), (5, "5 s")),
    *((10, "10 s"), (30, "30 s"), (60, "1 min"), (120, "2 min"), (300, "5 min"), (600, "10 min"), (1800, "30 min")),
    *((3600, "1 h"), (7200, "2 h"), (18000, "5 h"), (36000, "10 h"), (86400, "1 d"), (432000, "5 d"), (2592000, "30 d")),
)
"""Durations that may be marked on the axis."""

_MAX_TICKS = 5


@dataclass(frozen=True)
class Point:
    """A model's cost and score.

    Parameters
    ----------
    rank : int
    label : str
    seconds, log_loss : float
    """

    rank: int
    label: str
    seconds: float
    log_loss: float


def draw_cost(points: Sequence[Point], title: str = "") -> Figure:
    """Draw log loss against seconds, with the Pareto front: the points that none is both better and faster than.

    A label is the rank and the name; where there is no room for the name, the rank.
    """
    seconds = [max(point.seconds, 1e-3) for point in points]
    losses = [point.log_loss for point in points]
    best = pareto(list(zip(seconds, losses, strict=True)))
    with styled():
        figure = Picture(figsize=(5.4, 4.1 if title else 3.8))
        axes = placed_axes(figure, 0.75, 0.15, 0.6, 0.65 if title else 0.35)
        front = sorted((s, x) for s, x, b in zip(seconds, losses, best, strict=True) if b)
        steps = [corner for (s, x), (t, y) in pairwise(front) for corner in ((s, x), (t, x), (t, y))] or front
        (line,) = axes.plot(*zip(*steps, strict=True), color=ACCENT, linewidth=1)
        for on_front, colour in ((True, ACCENT), (False, MUTED)):
            chosen = [(s, x) for s, x, b in zip(seconds, losses, best, strict=True) if b == on_front]
            axes.plot(*zip(*chosen, strict=True) if chosen else ((), ()), "D" if on_front else "o", color=colour, markersize=6)
        axes.set_xscale("log")
        axes.set_xlim(min(seconds) / 1.6, max(seconds) * 1.6)
        room = 0.12 * (max(losses) - min(losses)) or 0.1
        axes.set_ylim(min(losses) - room, max(losses) + room)
        ticks = _ticks(*axes.get_xlim())
        axes.xaxis.set_major_locator(FixedLocator([second for second, _ in ticks]))
        axes.xaxis.set_major_formatter(FixedFormatter([text for _, text in ticks]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(axis="x", pad=8)  # below the half of a label at the lower end of the other axis
        axes.set(xlabel="time to fit and predict", ylabel="log loss, nats")
        axes.legend([line], ["Pareto front: none is both better and faster"], loc="lower left", bbox_to_anchor=(0, 1.02))
        if title:
            axes.set_title(short(title, 70), pad=24)
        names = [(f"{point.rank} {short(point.label, 30)}", str(point.rank)) for point in points]
        place_labels(axes, list(zip(seconds, losses, strict=True)), names, list(pairwise(steps)))
    return figure


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Whether each point (cost, loss) is on the Pareto front: no other point is at least as good in both and better in one."""
    return [not any(c <= cost and x <= loss and (c, x) != (cost, loss) for c, x in points) for cost, loss in points]


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Round durations in a range, few enough for their labels to fit."""
    inside = [tick for tick in _ROUND if low <= tick[0] <= high]
    return inside[:: -(-len(inside) // _MAX_TICKS)] if inside else [((low * high) ** 0.5, f"{(low * high) ** 0.5:.3g} s")]

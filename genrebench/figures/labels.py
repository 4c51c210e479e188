"""Labels of points that don't overlap, however long their names are."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from genrebench.figures.style import SOFT

_GAP = 6
"""Points between a point and its label."""

_PLACES = (
    (1.0, 0.0, "left", "center"),
    (-1.0, 0.0, "right", "center"),
    (0.0, 1.2, "center", "bottom"),
    (0.0, -1.2, "center", "top"),
    (0.8, 0.8, "left", "bottom"),
    (0.8, -0.8, "left", "top"),
    (-0.8, 0.8, "right", "bottom"),
    (-0.8, -0.8, "right", "top"),
)
"""Where a label may stand beside its point: direction and alignment, the preferred first."""


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[Sequence[str]],
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]] = (),
) -> None:
    """Label points, the first ones first, where there is room.

    Parameters
    ----------
    axes : Axes
        With its final size and limits.
    points : sequence of (float, float)
    texts : sequence of sequence of str
        For each point its texts, the preferred first; where none has room, the point stays without a label.
    lines : sequence of pairs of points
        Horizontal and vertical lines that labels keep off.
    """
    renderer = FigureCanvasAgg(axes.get_figure(root=True)).get_renderer()  # type: ignore[no-untyped-call]
    inside = axes.get_window_extent(renderer)
    centres = axes.transData.transform(points)
    gap = _GAP * axes.figure.dpi / 72
    taken = [Bbox.from_bounds(x - gap * 0.7, y - gap * 0.7, 1.4 * gap, 1.4 * gap) for x, y in centres]
    for line in lines:
        (x0, y0), (x1, y1) = axes.transData.transform(line)
        taken.append(Bbox.from_extents(min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1) + 1, max(y0, y1) + 1))
    for i, (point, options) in enumerate(zip(points, texts, strict=True)):
        others = [box for j, box in enumerate(taken) if j != i]
        for text, (dx, dy, horizontal, vertical) in ((text, place) for text in options for place in _PLACES):
            label = axes.annotate(
                text,
                point,
                xytext=(dx * _GAP, dy * _GAP),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=9,
                color=SOFT,
                annotation_clip=False,
            )
            box = label.get_window_extent(renderer)
            fits = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
            if fits and not any(box.overlaps(other) for other in others):
                taken.append(box)
                break
            label.remove()

"""Figures of results, drawn with matplotlib without its global state: what reports, notebooks and ``--figure`` show.

Each function takes plain data and returns a new figure; `as_svg` and `as_pdf` turn one into a file's content.
"""

from genrebench.figures.calibration import draw_calibration
from genrebench.figures.confusion import draw_confusion
from genrebench.figures.cost import Point, draw_cost, pareto
from genrebench.figures.curves import Curves, draw_curves
from genrebench.figures.forest import Line, draw_forest
from genrebench.figures.style import as_pdf, as_svg

__all__ = [
    "Curves",
    "Line",
    "Point",
    "as_pdf",
    "as_svg",
    "draw_calibration",
    "draw_confusion",
    "draw_cost",
    "draw_curves",
    "draw_forest",
    "pareto",
]

"""What all figures have in common: colours, sizes, and how they are written to files."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genrebench.tables import plot_text

INK, SOFT, LINE, ACCENT, MUTED = "#1b1f24", "#545b64", "#c9ced6", "#0b57b0", "#8a929c"
"""Text; labels; grid; what is shown; what it is compared with. Pages replace them by the colours of the reader's theme."""

STYLES = ("-", "--", ":", "-.")

LONGEST_NAME = 44
"""Characters of a name in a figure; pages and tables have all of it."""

_RC: Any = {
    "svg.fonttype": "none",  # keeps text searchable, and in the page's font
    "svg.hashsalt": "genrebench",  # the same figure gives the same file
    "text.parse_math": False,
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "legend.frameon": False,
    "legend.borderaxespad": 0.0,
    "legend.fontsize": 9,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw, or write, in the style of the project."""
    with mpl.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a page's font draws it
        yield


def placed_axes(figure: Figure, left: float, right: float, bottom: float, top: float) -> Axes:
    """Axes with margins in inches; unlike a layout that is computed, this takes no time."""
    width, height = figure.get_size_inches()
    return figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height))


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """A name for a figure; from a long one the middle is left out, since its end tells options apart."""
    text = plot_text(name).replace(r"\$", "$")  # no text is read as mathematics
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[1 - longest // 2 :]}"


def room_for(names: Iterable[str], size: float = 10) -> float:
    """Inches that the longest of some names takes, roughly; measuring them would take longer than drawing the figure."""
    return 0.25 + 0.0086 * size * max(map(len, names), default=0)


def as_svg(figure: Figure) -> bytes:
    """A figure as an SVG file."""
    return _saved(figure, "svg", {"Date": None, "Creator": None})


def as_pdf(figure: Figure) -> bytes:
    """A figure as a PDF file."""
    return _saved(figure, "pdf", {"CreationDate": None, "Creator": None, "Producer": None})


def _saved(figure: Figure, form: str, metadata: Any) -> bytes:
    out = io.BytesIO()
    with styled():
        figure.savefig(out, format=form, metadata=metadata, transparent=True)
    return out.getvalue()

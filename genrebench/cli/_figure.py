"""The option --figure: refused before any work where it can't be written, and written at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench import files
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")

FigureOption = Annotated[Path | None, typer.Option("--figure", help="Write a figure: .png, .svg or .pdf.")]


def require_writable(out: Path | None) -> None:
    """Refuse a figure of a kind that isn't drawn, or in a folder that isn't there."""
    if out is None:
        return
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--figure {str(out)!r} has none of the endings {', '.join(SUFFIXES)}")
    files.require_place(out)


def save(figure: Figure, out: Path) -> None:
    """Write a figure."""
    import matplotlib as mpl

    try:
        with mpl.rc_context({"svg.fonttype": "none"}):  # text that can be searched and edited
            figure.savefig(out, dpi=120)
    except OSError as error:
        raise UsageError(f"can't write the figure {str(out)!r}: {error.strerror or error}") from None

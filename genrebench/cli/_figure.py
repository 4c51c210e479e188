"""The option --figure: its path is checked before any work starts, and the figure is written at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench import files
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")

FigureOption = Annotated[Path | None, typer.Option("--figure", help="Write a figure to this .png, .svg or .pdf file.")]


def require_writable(out: Path | None) -> None:
    """Check the path of a figure.

    Raises
    ------
    UsageError
        If the file type isn't supported or the folder doesn't exist.
    """
    if out is None:
        return
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--figure {str(out)!r} has none of the extensions {', '.join(SUFFIXES)}")
    files.require_place(out)


def save(figure: Figure, out: Path) -> None:
    """Write a figure."""
    import matplotlib as mpl

    try:
        with mpl.rc_context({"svg.fonttype": "none"}):  # keeps text searchable and editable
            figure.savefig(out, dpi=120)
    except OSError as error:
        raise UsageError(f"can't write the figure {str(out)!r}: {error.strerror or error}") from None

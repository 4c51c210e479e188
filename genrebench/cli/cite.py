"""`genrebench cite`: what to cite, as BibTeX."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, echo, print_json, say


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Datasets, models, or ids of runs. [default: genrebench alone]"),
    ] = None,
    runs: _task.RunsOption = Path("runs"),
    form: FormatOption = Format.table,
) -> None:
    """Print the BibTeX of genrebench, and of datasets, models and those of runs.

    Example: genrebench cite fma-medium svm-baseline > references.bib
    """
    import genrebench as gb

    citations = gb.cite(names or (), runs=runs)
    if form is Format.json:
        print_json(citations.to_json())
        return
    echo(str(citations))
    for note in citations.notes():
        say(note)

"""`genrebench runs`: list, show and remove runs, and pass them on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _complete, _task
from genrebench.cli._group import Group
from genrebench.cli._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    print_json,
    print_list,
    print_result,
    say,
    warn_all,
)

app = typer.Typer(cls=Group, no_args_is_help=True, help="List, show and remove runs, and pass them on.")
IdArgument = Annotated[str, typer.Argument(metavar="ID", autocompletion=_complete.runs, help=_task.RUN_HELP)]


@app.command("list")
def list_(runs: _task.RunsOption = Path("runs"), form: ListFormatOption = ListFormat.table) -> None:
    """List the runs, newest first."""
    import genrebench as gb

    results = gb.list_runs(runs=runs)
    warn_all(results.problems)
    if form is ListFormat.json:
        print_json(results.to_json())
    elif not results and form is ListFormat.table:
        say(f"there are no runs in {str(runs)!r}; start with: genrebench run svm-baseline")
    else:
        print_list(form, results.to_table() if form is ListFormat.csv else results.overview())


@app.command()
def show(id_: IdArgument, runs: _task.RunsOption = Path("runs"), form: FormatOption = Format.table) -> None:
    """Show a run: its score and rank, the genres that it fails on, what it was, and all details of its record."""
    import genrebench as gb
    from genrebench.progress import late_progress

    if form is Format.json:
        result = gb.load_run(id_, runs=runs)
        print_json(result.to_json() | {"curves": list(result.curves), "genres": result.genre_scores()})
    else:
        print_result(gb.standing(id_, runs=runs, progress=late_progress))


@app.command()
def rm(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...", autocompletion=_complete.runs, help="Runs to remove, named as in 'genrebench runs show'."
        ),
    ],
    runs: _task.RunsOption = Path("runs"),
) -> None:
    """Remove runs permanently."""
    import genrebench as gb

    gb.remove_runs(ids, runs=runs, each=lambda id_: say(f"removed {id_}"))


@app.command()
def export(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Finished runs to export.")],
    out: Annotated[Path, typer.Option("--out", help="The .zip file to write.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Whose runs they are, shown on the boards of others.")] = "",
    model: Annotated[bool, typer.Option("--model", help="Include the fitted models.")] = False,
    runs: _task.RunsOption = Path("runs"),
) -> None:
    """Write runs into one zip file: records, predictions, curves and, with --model, the models."""
    import genrebench as gb

    written = gb.export_runs(ids, out, by=by, model=model, runs=runs, say=say)
    say(f"wrote {written}; import it elsewhere with: genrebench runs import {written.name}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="A file of 'genrebench runs export'.")],
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Whose runs they are. [default: as the file says, else its name]")
    ] = None,
    runs: _task.RunsOption = Path("runs"),
    form: FormatOption = Format.table,
) -> None:
    """Import runs of others: scored again from their predictions, refused if these were changed, and marked on boards."""
    import genrebench as gb

    print_result(gb.import_runs(file, by=by, runs=runs), form)

"""`genrebench plugins`: installed plugins, the options of their models, and tools for plugin authors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
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
)

app = typer.Typer(cls=Group, no_args_is_help=True, help="List, describe, check and create plugins.")


@app.command("list")
def list_(form: ListFormatOption = ListFormat.table) -> None:
    """List the installed plugins and what they provide; broken plugins are listed with their error."""
    import genrebench as gb

    plugins = gb.list_plugins()
    if form is ListFormat.json:
        print_json(plugins.to_json())
    else:
        print_list(form, *plugins.tables())
    for note in plugins.notes():
        say(note)


@app.command()
def show(name: _task.ModelArgument, form: FormatOption = Format.table) -> None:
    """Describe a model: its input and its options."""
    import genrebench as gb

    print_result(gb.describe_model(name), form)


@app.command()
def check(
    name: _task.ModelArgument,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set an option.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Check that a model satisfies the contract, on a tiny task; exit code 1 if it doesn't."""
    import genrebench as gb

    result = gb.check_model(name, _task.parse_settings([name], settings)[name])
    print_result(result, form)
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model: a-z, 0-9 and '-'.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to create. [default: genrebench-NAME]")] = None,
) -> None:
    """Create a plugin: a package with one model, its options and a test, ready for pip install -e."""
    import genrebench as gb

    folder = gb.new_plugin(name, out)
    say(f"created {folder}; next: pip install -e {folder} && genrebench plugins check {name} && genrebench run {name}")

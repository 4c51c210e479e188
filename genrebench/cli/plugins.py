"""`genrebench plugins`: what is installed, what a model's options are, and tools for authors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    echo,
    print_json,
    print_list,
    print_result,
    say,
)

app = typer.Typer(no_args_is_help=True, help="List, explain, check and start plugins.")
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A model.")]


@app.command("list")
def list_(form: ListFormatOption = ListFormat.table) -> None:
    """List the installed plugins with what they offer; a broken one stands there with its error."""
    import genrebench as gb
    from genrebench.plugin.registry import how_to_get_models

    plugins = gb.list_plugins()
    if form is ListFormat.json:
        print_json(plugins.to_json())
    else:
        print_list(form, *plugins.tables())
    if not plugins.has_models:
        say(f"no model is installed; {how_to_get_models()}")


@app.command()
def show(name: ModelArgument, form: FormatOption = Format.table) -> None:
    """Explain a model: what it sees and which options it has."""
    import genrebench as gb

    model = gb.describe_model(name)
    if form is Format.json:
        print_json(model.to_json())
        return
    for line in model.heading:
        echo(line)
    print_result(model)


@app.command()
def check(
    name: ModelArgument,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set an option.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Check a model against the contract on a tiny task; exit code 1 if it breaks it."""
    import genrebench as gb

    outcome = gb.check_model(name, _task.parse_settings([name], settings)[name])
    if form is Format.json:
        print_json(outcome.to_json())
    else:
        print_result(outcome)
    if not outcome.passed:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model: a-z, digits, '-'.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to make. [default: genrebench-NAME]")] = None,
) -> None:
    """Start a plugin: a package with one model, its options and its test, ready for pip install -e."""
    import genrebench as gb

    folder = gb.new_plugin(name, out)
    say(f"made {folder}; next: pip install -e {folder} && genrebench plugins check {name} && genrebench run {name}")

"""`genrebench plugins`: installed plugins, the options of their models, and tools for plugin authors."""

from __future__ import annotations

import enum
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
from genrebench.errors import UsageError

app = typer.Typer(cls=Group, no_args_is_help=True, help="List, describe, check and create plugins.")


class NewInput(enum.StrEnum):
    """Inputs of a new model."""

    table = "table"
    waveforms = "waveforms"
    frames = "frames"
    own = "own"


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
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model, dataset, kind of input, metric, split, or a file.")],
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set an option of a model.")] = None,
    time_limit: Annotated[float, typer.Option("--time-limit", min=0.1, help="Seconds that one training may take.")] = 300.0,
    form: FormatOption = Format.table,
) -> None:
    """Check that what a plugin offers satisfies its contract, on made examples; exit code 1 if it doesn't."""
    import genrebench as gb

    result = gb.check_plugin(name, _task.parse_settings([name], settings)[name], time_limit=time_limit)
    print_result(result, form)
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model, dataset or metric.")],
    takes: Annotated[NewInput, typer.Option("--input", help="What the model takes.")] = NewInput.table,
    dataset: Annotated[bool, typer.Option("--dataset", help="Create a dataset instead of a model.")] = False,
    metric: Annotated[bool, typer.Option("--metric", help="Create a metric instead of a model.")] = False,
    estimator: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="ESTIMATOR",
            help="Make the model of a classifier, such as sklearn.ensemble.HistGradientBoostingClassifier.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to create. [default: genrebench-NAME]")] = None,
) -> None:
    """Create a plugin: a package with code, tests, README and CI that works, ready for pip install -e."""
    import genrebench as gb

    if dataset + metric + (estimator is not None or takes is not NewInput.table) > 1:
        raise UsageError("choose one of --dataset, --metric, and a model with --input or --from")
    kind = "dataset" if dataset else "metric" if metric else "model"
    made = gb.new_plugin(name, out, kind=kind, input=takes.value, estimator=estimator)
    if made.warning:
        say(f"warning: {made.warning}")
    use = {"model": f"run {name}", "dataset": f"run svm-baseline --dataset {name}", "metric": f"leaderboard --metrics {name}"}
    say(f"created {made}; next: pip install -e {made} && genrebench plugins check {name} && genrebench {use[kind]}")

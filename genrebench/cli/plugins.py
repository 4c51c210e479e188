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
    print_table,
    say,
)

app = typer.Typer(no_args_is_help=True, help="List, explain, check and start plugins.")


@app.command("list")
def list_(form: ListFormatOption = ListFormat.table) -> None:
    """List the installed plugins with what they offer; a broken one stands there with its error."""
    from genrebench.plugin.registry import how_to_get_models, registry

    found = registry()
    rows = []
    for plugin in found.plugins:
        twice = [] if plugin.error else found.clashes(plugin)
        status = plugin.error or (f"conflict: another plugin offers {', '.join(twice)} too" if twice else "ok")
        rows.append((plugin.distribution, plugin.version, ", ".join(plugin.models), ", ".join(plugin.datasets), status))
    columns = ("plugin", "version", "models", "datasets", "status")

    def as_json() -> list[dict[str, object]]:
        return [
            {
                "plugin": plugin.distribution,
                "version": plugin.version,
                "models": list(plugin.models),
                "datasets": list(plugin.datasets),
                "inputs": list(plugin.inputs),
                "metrics": list(plugin.metrics),
                "status": row[-1],
                "error": plugin.error,
            }
            for plugin, row in zip(found.plugins, rows, strict=True)
        ]

    print_list(form, None, columns, rows, as_json)
    if not found.models:
        say(f"no model is installed; {how_to_get_models()}")


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="MODEL", help="A model.")], form: FormatOption = Format.table) -> None:
    """Explain a model: what it sees and which options it has."""
    from genrebench.plugin.options import describe_options
    from genrebench.plugin.registry import registry
    from genrebench.runs.predictions import blame

    offer = registry().model(name)
    options = describe_options(name, offer.spec.options)
    sees = blame(offer, "inputs", lambda: offer.spec.inputs(offer.spec.options()))
    if form is Format.json:
        print_json(
            {
                "model": name,
                "summary": offer.spec.summary,
                "plugin": offer.plugin.distribution,
                "version": offer.plugin.version,
                "inputs": repr(sees),
                "options": [{"name": o.name, "type": o.type, "default": o.default, "help": o.help} for o in options],
            }
        )
        return
    echo(f"{name} ({offer.plugin.distribution} {offer.plugin.version}): {offer.spec.summary}")
    echo(f"sees {sees!r}")
    if options:
        rows = [(o.name, o.type, "none" if o.default is None else o.default, o.help) for o in options]
        print_table(None, ("option", "type", "default", "meaning"), rows)
        echo(f"Set one with: genrebench run {name} --set {options[0].name}=VALUE")
    else:
        echo("It has no options.")


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model.")],
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set an option.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Check a model against the contract on a tiny task; exit code 1 if it breaks it."""
    from genrebench.plugin.options import parse_options
    from genrebench.plugin.registry import registry
    from genrebench.testing import conformance

    offer = registry().model(name)
    chosen = _task.parse_settings([name], settings or [])[name]
    parse_options(name, offer.spec.options, chosen)  # what can't be set is bad use, not a finding
    checks = list(conformance(offer.spec, **chosen))
    if form is Format.json:
        print_json([{"check": c.name, "passed": c.problem is None, "problem": c.problem} for c in checks])
    else:
        print_table(None, ("check", "outcome"), [(c.name, c.problem or "passed") for c in checks])
    if any(c.problem for c in checks):
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model: a-z, digits, '-'.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to make. [default: genrebench-NAME]")] = None,
) -> None:
    """Start a plugin: a package with one model, its options and its test, ready for pip install -e."""
    from genrebench.plugin.scaffold import write

    folder = write(name, out or Path(f"genrebench-{name}"))
    say(f"made {folder}; next: pip install -e {folder} && genrebench plugins check {name} && genrebench run {name}")

"""`genrebench cache`: computed inputs on disk."""

from __future__ import annotations

import dataclasses

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, print_json, print_table, say

app = typer.Typer(no_args_is_help=True, help="Show or clear the cache of computed inputs.")


@app.command()
def info(form: FormatOption = Format.table) -> None:
    """Show what the cache holds and where it is."""
    from genrebench.inputs import cache

    found = cache.info(_task.home() / "cache")
    if form is Format.json:
        print_json({"folder": str(_task.home() / "cache"), "inputs": [dataclasses.asdict(shelf) for shelf in found]})
        return
    rows = [(shelf.name, shelf.entries, f"{shelf.bytes / 1e6:.1f}") for shelf in found]
    print_table(f"cache in {_task.home() / 'cache'}", ("input", "entries", "MB"), rows, right=("entries", "MB"))


@app.command()
def clear() -> None:
    """Remove all cached inputs; they are computed again when a run needs them."""
    from genrebench.inputs import cache

    freed = cache.clear(_task.home() / "cache")
    say(f"removed {freed / 1e6:.1f} MB")

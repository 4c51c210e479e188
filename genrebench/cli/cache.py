"""`genrebench cache`: computed inputs on disk."""

from __future__ import annotations

import typer

from genrebench.cli._output import Format, FormatOption, print_json, print_result, say

app = typer.Typer(no_args_is_help=True, help="Show or clear the cache of computed inputs.")


@app.command()
def info(form: FormatOption = Format.table) -> None:
    """Show what the cache holds and where it is."""
    import genrebench as gb

    held = gb.cache_info()
    if form is Format.json:
        print_json(held.to_json())
    else:
        print_result(held)


@app.command()
def clear() -> None:
    """Remove all cached inputs; they are computed again when a run needs them."""
    import genrebench as gb

    say(f"removed {gb.clear_cache() / 1e6:.1f} MB")

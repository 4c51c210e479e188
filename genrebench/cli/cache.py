"""`genrebench cache`: the cache of computed inputs."""

from __future__ import annotations

import typer

from genrebench.cli._group import Group
from genrebench.cli._output import Format, FormatOption, print_result, say

app = typer.Typer(cls=Group, no_args_is_help=True, help="Show or clear the cache of computed inputs.")


@app.command()
def info(form: FormatOption = Format.table) -> None:
    """Show the folder and the content of the cache."""
    import genrebench as gb

    cache = gb.cache_info()
    print_result(cache, form)


@app.command()
def clear() -> None:
    """Remove all cached inputs; they are recomputed when a run needs them."""
    import genrebench as gb

    say(f"removed {gb.clear_cache() / 1e6:.1f} MB")

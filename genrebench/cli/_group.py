"""Groups of commands: their help has whole sentences, and other words find the command that was meant."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from genrebench.cli._pages import page_of
from genrebench.errors import UsageError

ROOT = "genrebench"


class Group(TyperGroup):
    """A group of commands; its help wraps the summaries instead of cutting them, and each command's help names its page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = () if self.name in (None, ROOT) else (str(self.name),)
        self.epilog = _more(page_of(*words))
        for name, command in self.commands.items():
            command.epilog = _more(page_of(*words, name))

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature of TyperGroup
        """Write the commands and the first sentence of their help."""
        rows = [(name, command.get_short_help_str(limit=1000)) for name, command in self.commands.items() if not command.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find a command by its name.

        Raises
        ------
        UsageError
            If there is none; the message names the one that was meant.
        """
        if args[0] not in self.commands and not args[0].startswith("-") and not ctx.resilient_parsing:
            from genrebench.cli import _mistakes

            raise UsageError(_mistakes.unknown_command(args[0], self, ctx.command_path))
        return super().resolve_command(ctx, args)


def _more(page: str) -> str:
    return f"More in the docs: {page}"

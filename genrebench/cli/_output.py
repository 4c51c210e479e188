"""Output of the commands: tables for people, pure JSON on stdout for programs, errors as one line on stderr."""

from __future__ import annotations

import contextlib
import csv
import enum
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, TextIO

import typer

from genrebench.jsontypes import plain
from genrebench.tables import Shown, Table, printable, printable_lines, spreadsheet_cell

_results: TextIO | None = None


class Format(enum.StrEnum):
    """Formats of a single result."""

    table = "table"
    json = "json"


class ListFormat(enum.StrEnum):
    """Formats of a list."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"


FormatOption = Annotated[Format, typer.Option("--format", help="Output format.")]
ListFormatOption = Annotated[ListFormat, typer.Option("--format", help="Output format.")]


@contextlib.contextmanager
def reserved_stdout() -> Iterator[None]:
    """Reserve stdout for results: output of plugins, libraries and child processes is redirected to stderr."""
    try:
        real = os.dup(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):  # stdout isn't a file, for example in tests
        yield
        return
    sys.stdout.flush()
    before = sys.stdout
    os.dup2(sys.stderr.fileno(), before.fileno())
    stream = os.fdopen(real, "w", encoding=before.encoding, errors="backslashreplace")
    global _results
    _results = stream
    try:
        yield
        stream.flush()
    finally:
        _results = None
        before.flush()
        os.dup2(real, before.fileno())
        with contextlib.suppress(OSError):
            stream.close()


def results() -> TextIO:
    """Return the stream to which results are printed."""
    return _results or sys.stdout


def echo(text: str = "", end: str = "\n") -> None:
    """Print a line of a result, without control characters."""
    print(printable_lines(text), end=end, file=results())


def fail(message: str, code: int) -> int:
    """Print an error as one line on stderr and return the exit code."""
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


def say(message: str) -> None:
    """Print a message on stderr."""
    print(printable(message), file=sys.stderr)


def say_unescaped(text: str) -> None:
    """Print text on stderr without escaping line breaks."""
    print(printable_lines(text), file=sys.stderr)


def warn(message: str) -> None:
    """Print a warning as one line on stderr."""
    say(f"warning: {message}")


def warn_all(messages: Sequence[str], limit: int = 10) -> None:
    """Print at most `limit` warnings, and the number of the remaining ones."""
    for message in messages[:limit]:
        warn(message)
    if len(messages) > limit:
        warn(f"and {len(messages) - limit} more")


def print_json(value: Any) -> None:
    """Print a value as strict JSON; NaN and infinity become null."""
    echo(json.dumps(plain(value), indent=2))


def print_result(result: Shown, form: Format = Format.table) -> None:
    """Print a result: its tables, then its notes, one per line; or as JSON."""
    if form is Format.json:
        print_json(result.to_json())
        return
    print_tables(result.tables())
    for note in result.notes():
        echo(note)


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables in the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=results())
    if not console.is_terminal:  # files and pipes have no width limit
        console = Console(file=results(), width=200)
    for table in tables:
        table, left_out = table.fitted(console.width)
        title = None if table.title is None else Text(printable(table.title))
        rich_table = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in table.columns:
            rich_table.add_column(Text(printable(name)), justify="right" if name in table.right else "left", overflow="fold")
        for row in table.rows:
            rich_table.add_row(*(Text(printable(cell)) for cell in row))
        console.print(rich_table)
        if left_out:
            echo(f"Left out for want of width: {', '.join(left_out)}.")


def print_list(form: ListFormat, table: Table) -> None:
    """Print a list as a table, CSV or Markdown."""
    if form is ListFormat.table:
        print_tables([table])
    elif form is ListFormat.csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [spreadsheet_cell(cell) for cell in row] for row in (table.columns, *table.rows)
        )
        echo(text.getvalue(), end="")
    else:
        print_markdown(table)


_MARKDOWN = str.maketrans({"|": "\\|", "<": "&lt;", ">": "&gt;", "`": "\\`", "[": "\\[", "]": "\\]", "\\": "\\\\"})
"""Signs of Markdown that text of others could use: cells of a table, HTML, code and links."""


def markdown(text: str) -> str:
    """Return text as one line of Markdown that shows it as it is."""
    return printable(text).translate(_MARKDOWN)


def print_markdown(table: Table) -> None:
    """Print a Markdown table."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(map(markdown, cells)) + " |"

    echo(line(table.columns))
    echo("|" + " --- |" * len(table.columns))
    for row in table.rows:
        echo(line(row))

"""How commands print: tables for people, JSON alone on stdout for programs, errors as one line on stderr."""

from __future__ import annotations

import contextlib
import csv
import enum
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TextIO

import typer

from genrebench.tables import Shown, Table, printable

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


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
ListFormatOption = Annotated[ListFormat, typer.Option("--format", help="How to print the list.")]


@contextlib.contextmanager
def results_alone() -> Iterator[None]:
    """Keep stdout for results: what plugins and their libraries print goes to stderr, as far down as file descriptors go."""
    try:
        real = os.dup(sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):  # stdout is no file, in tests for one
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
    """Return where results are printed."""
    return _results or sys.stdout


def echo(text: str = "", end: str = "\n") -> None:
    """Print a line of the result."""
    print(text, end=end, file=results())


def fail(message: str, code: int) -> int:
    """Print an error as one line on stderr and return the exit code."""
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


def say(message: str) -> None:
    """Tell a person something, on stderr."""
    print(printable(message), file=sys.stderr)


def say_plain(text: str) -> None:
    """Print help as it is, on stderr."""
    print(text, file=sys.stderr)


def warn(message: str) -> None:
    """Print a warning as one line on stderr."""
    say(f"warning: {message}")


def warn_all(messages: Sequence[str], most: int = 10) -> None:
    """Warn of the first `most` things and count the rest."""
    for message in messages[:most]:
        warn(message)
    if len(messages) > most:
        warn(f"and {len(messages) - most} more like these")


def print_json(value: Any) -> None:
    """Print JSON; what is not a number is null, for programs that read strict JSON."""
    echo(json.dumps(_finite(value), indent=2))


def print_result(result: Shown) -> None:
    """Print a result for people: its tables, then its notes, one per line."""
    print_tables(result.tables())
    for note in result.notes():
        echo(note)


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=results())
    if not console.is_terminal:  # a file or a pipe has no width to keep to
        console = Console(file=results(), width=200)
    for table in tables:
        title = None if table.title is None else Text(printable(table.title))
        drawn = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in table.columns:
            drawn.add_column(Text(name), justify="right" if name in table.right else "left", overflow="fold")
        for row in table.rows:
            drawn.add_row(*(Text(printable(cell)) for cell in row))
        console.print(drawn)


def print_list(form: ListFormat, table: Table) -> None:
    """Print a list as a table, as csv or as Markdown."""
    if form is ListFormat.table:
        print_tables([table])
    elif form is ListFormat.csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([table.columns, *table.rows])
        echo(text.getvalue(), end="")
    else:
        print_markdown(table)


def print_markdown(table: Table) -> None:
    """Print a Markdown table."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(printable(cell).replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"

    echo(line(table.columns))
    echo("|" + " --- |" * len(table.columns))
    for row in table.rows:
        echo(line(row))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value

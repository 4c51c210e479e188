"""Output of the commands: tables for people, pure JSON on stdout for programs, errors as one line on stderr.

Tables are imported by the functions that print, so that `genrebench --help` stays fast.
"""

from __future__ import annotations

import contextlib
import csv
import enum
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from genrebench.cli import _streams
from genrebench.jsontypes import plain

WIDTH = 80
"""Characters of a line in files and pipes."""

_PLAIN = str.maketrans({"─": "-", "–": "-", "·": ";", "±": "+-", "…": "...", "█": "#"})
"""What our own signs become where the encoding of the terminal lacks them."""

if TYPE_CHECKING:
    from genrebench.tables import Shown, Table

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
    latex = "latex"


FormatOption = Annotated[Format, typer.Option("--format", help="Output format.")]
ListFormatOption = Annotated[ListFormat, typer.Option("--format", help="Output format.")]


@contextlib.contextmanager
def reserved_stdout() -> Iterator[None]:
    """Reserve stdout for results: output of plugins, libraries and child processes is redirected to stderr."""
    global _results
    before = sys.stdout
    with _streams.checked(before) as stream:
        if stream is None:
            yield
            return
        os.dup2(sys.stderr.fileno(), before.fileno())
        _results = stream
        sys.stdout = _streams.messages(before)
        try:
            yield
        finally:
            _results = None
            sys.stdout = before
            os.dup2(stream.fileno(), before.fileno())


@contextlib.contextmanager
def checked_stdout() -> Iterator[None]:
    """Let all that is printed to stdout be a result, as help is."""
    before = sys.stdout
    with _streams.checked(before) as stream:
        sys.stdout = stream or before
        try:
            yield
        finally:
            sys.stdout = before


def results() -> TextIO:
    """Return the stream to which results are printed."""
    return _results or sys.stdout


def echo(text: str = "", end: str = "\n") -> None:
    """Print a line of a result, without control characters."""
    from genrebench.tables import printable_lines

    text, stream = printable_lines(text), results()
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
    print(text, end=end, file=stream)


def fail(message: str, code: int) -> int:
    """Print an error as one line on stderr and return the exit code."""
    from genrebench.tables import printable

    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


def say(message: str) -> None:
    """Print a message on stderr."""
    from genrebench.tables import printable

    print(printable(message), file=sys.stderr)


def say_unescaped(text: str) -> None:
    """Print text on stderr without escaping line breaks."""
    from genrebench.tables import printable_lines

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


def width() -> int:
    """Characters of a line: COLUMNS, or the width of the terminal, or `WIDTH` in files and pipes."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(results().fileno()).columns or WIDTH
    except (OSError, ValueError, AttributeError):
        return WIDTH


def print_result(result: Shown, form: Format = Format.table) -> None:
    """Print a result: its heading, its tables, its notes; or as JSON."""
    if form is Format.json:
        print_json(result.to_json())
    else:
        echo(result.to_text(width()))


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal."""
    echo(table.to_text(width()))


def print_text(text: str) -> None:
    """Print a sentence of a result, broken at words."""
    from genrebench.layout import paragraph
    from genrebench.tables import printable

    for line in text.split("\n"):
        echo("\n".join(paragraph(printable(line), width())))


def print_list(form: ListFormat, table: Table) -> None:
    """Print a list as a table, CSV, Markdown or LaTeX."""
    from genrebench.tables import spreadsheet_cell

    if form is ListFormat.table:
        print_table(table)
    elif form is ListFormat.csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [spreadsheet_cell(cell) for cell in row] for row in (table.columns, *table.rows)
        )
        echo(text.getvalue(), end="")
    elif form is ListFormat.md:
        print_markdown(table)
    else:
        print_latex(table)


_MARKDOWN = str.maketrans({"|": "\\|", "<": "&lt;", ">": "&gt;", "`": "\\`", "[": "\\[", "]": "\\]", "\\": "\\\\"})
"""Signs of Markdown that text of others could use: cells of a table, HTML, code and links."""


def markdown(text: str) -> str:
    """Return text as one line of Markdown that shows it as it is."""
    from genrebench.tables import printable

    return printable(text).translate(_MARKDOWN)


def print_markdown(table: Table) -> None:
    """Print a Markdown table."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(map(markdown, cells)) + " |"

    echo(line(table.columns))
    echo("|" + " --- |" * len(table.columns))
    for row in table.rows:
        echo(line(row))


def print_latex(table: Table) -> None:
    """Print a LaTeX table, which needs the package booktabs."""
    from genrebench.tables import latex_text

    def line(cells: Iterable[str]) -> str:
        return " & ".join(map(latex_text, cells)) + r" \\"

    echo(r"\begin{tabular}{" + "".join("r" if name in table.right else "l" for name in table.columns) + "}")
    echo(r"\toprule")
    echo(line(table.columns))
    echo(r"\midrule")
    for row in table.rows:
        echo(line(row))
    echo(r"\bottomrule")
    echo(r"\end{tabular}")

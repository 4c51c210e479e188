"""How commands print: tables for people, JSON alone on stdout for programs, errors as one line on stderr."""

from __future__ import annotations

import contextlib
import csv
import enum
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Annotated, Any, TextIO

import typer

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


def clean(value: Any) -> str:
    """Return `value` as text that can't steer a terminal: control characters are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def fail(message: str, code: int) -> int:
    """Print an error as one line on stderr and return the exit code."""
    print(f"error: {clean(' '.join(message.split()))}", file=sys.stderr)
    return code


def say(message: str) -> None:
    """Tell a person something, on stderr."""
    print(clean(message), file=sys.stderr)


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


def number(value: float | None, digits: int = 3) -> str:
    """Return a score as people read it, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def print_table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print a table for people; `right` names the columns that hold numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=None if title is None else Text(clean(title)), title_justify="left", box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(Text(name), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else clean(cell)) for cell in row))
    console = Console(file=results())
    if not console.is_terminal:  # a file or a pipe has no width to keep to
        console = Console(file=results(), width=200)
    console.print(table)


def print_list(
    form: ListFormat,
    title: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    as_json: Callable[[], Any],
    *,
    right: Sequence[str] = (),
) -> None:
    """Print a list in the format that was asked for."""
    if form is ListFormat.json:
        print_json(as_json())
    elif form is ListFormat.table:
        print_table(title, columns, rows, right=right)
    elif form is ListFormat.csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *rows])
        echo(text.getvalue(), end="")
    else:
        print_markdown(columns, rows)


def print_markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a Markdown table."""

    def line(cells: Iterable[Any]) -> str:
        return "| " + " | ".join(clean("" if c is None else c).replace("|", "\\|").replace("<", "&lt;") for c in cells) + " |"

    echo(line(columns))
    echo("|" + " --- |" * len(columns))
    for row in rows:
        echo(line(row))


def show_progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
    """Yield the items and show on stderr how far they are and how long the rest may take."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if total == 0:
        return
    if not sys.stderr.isatty():
        yield from _progress_lines(iterable, description, total)
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(iterable, total=total, description=clean(description))


@contextlib.contextmanager
def byte_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show on stderr how a transfer goes: size, rate and time left; yields ``show(what, done, total)`` in bytes."""
    if not sys.stderr.isatty():
        yield _byte_lines()
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, progress.TaskID] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(clean(what), total=total, completed=done)
            bar.update(tasks[what], completed=done, total=total)

        yield show


def _byte_lines(every: float = 20.0) -> Callable[[str, int, int | None], None]:
    """For a log: a line now and then."""
    began = last = time.monotonic()
    first: dict[str, int] = {}

    def show(what: str, done: int, total: int | None) -> None:
        nonlocal last
        first.setdefault(what, done)
        now = time.monotonic()
        if now - last >= every:
            last = now
            rate = (done - first[what]) / max(now - began, 1e-9)
            left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
            say(f"{what}: {done / 1e6:.0f}{f' of {total / 1e6:.0f}' if total else ''} MB, {rate / 1e6:.1f} MB/s{left}")

    return show


SETTLED = 8
"""Items after which the time left can be told from the time so far: the first ones start the workers."""


def _progress_lines(iterable: Iterable[Any], description: str, total: int | None, every: float = 20.0) -> Iterator[Any]:
    """For a log: a line now and then, none for short work."""
    began = last = time.monotonic()
    for done, item in enumerate(iterable, 1):
        yield item
        now = time.monotonic()
        if now - last >= every:
            last = now
            left = f", {(now - began) / done * (total - done):.0f} s left" if total and done >= SETTLED else ""
            say(f"{description}: {done}{f' of {total}' if total else ''}{left}")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value

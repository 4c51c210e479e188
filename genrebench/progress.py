"""Progress on stderr: a bar in a terminal, or a line every 20 seconds in a log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from genrebench.tables import printable

Progress = Callable[..., Iterable[Any]]
"""Shows the progress of an iterable: ``progress(iterable, description, total)`` returns its items."""

LOG_INTERVAL = 20.0
"""Seconds between two lines in a log; work that takes less time has no lines."""

PATIENCE = 1.0
"""Seconds of work that mostly ends at once before its progress is shown."""

WARM_UP_ITEMS = 8
"""Number of items before the remaining time is estimated, since the first ones include starting the workers."""


def no_progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterable[Any]:  # noqa: ARG001
    """Return the items without showing progress."""
    return iterable


def show_progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
    """Yield the items, and show on stderr how many are done and the estimated remaining time."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if total == 0:
        return
    if not sys.stderr.isatty():
        yield from _lines(iterable, description, total)
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
        yield from bar.track(iterable, total=total, description=printable(description))


def late_progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
    """Yield the items like `show_progress`, but show nothing of work that ends within `PATIENCE` seconds."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    start = time.monotonic()
    items = iter(iterable)
    for done, item in enumerate(items, 1):
        yield item
        if time.monotonic() - start > PATIENCE:
            yield from show_progress(items, description, None if total is None else total - done)
            return


@contextlib.contextmanager
def byte_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show the progress of a download on stderr: size, rate, remaining time; yields ``show(name, done, total)``, in bytes."""
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

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(printable(name), total=total, completed=done)
            bar.update(tasks[name], completed=done, total=total)

        yield show


def _lines(iterable: Iterable[Any], description: str, total: int | None) -> Iterator[Any]:
    start = last = time.monotonic()
    for done, item in enumerate(iterable, 1):
        yield item
        now = time.monotonic()
        if now - last >= LOG_INTERVAL:
            last = now
            left = f", {(now - start) / done * (total - done):.0f} s left" if total and done >= WARM_UP_ITEMS else ""
            _say(f"{description}: {done}{f' of {total}' if total else ''}{left}")


def _byte_lines() -> Callable[[str, int, int | None], None]:
    start = last = time.monotonic()
    first: dict[str, int] = {}

    def show(name: str, done: int, total: int | None) -> None:
        nonlocal last
        first.setdefault(name, done)
        now = time.monotonic()
        if now - last >= LOG_INTERVAL:
            last = now
            rate = (done - first[name]) / max(now - start, 1e-9)
            left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
            _say(f"{name}: {done / 1e6:.0f}{f' of {total / 1e6:.0f}' if total else ''} MB, {rate / 1e6:.1f} MB/s{left}")

    return show


def _say(text: str) -> None:
    sys.stderr.write(printable(text) + "\n")

"""Progress on stderr: a bar with the time left in a terminal or a notebook, a line now and then in a log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from genrebench.tables import printable

EVERY = 20.0
"""Seconds between two lines in a log; short work has none."""

SETTLED = 8
"""Items after which the time left follows from the time so far: the first ones start the workers."""


def no_progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterable[Any]:  # noqa: ARG001
    """Yield the items and show nothing."""
    return iterable


def show_progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
    """Yield the items and show on stderr how many are done and how long the rest may take."""
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


@contextlib.contextmanager
def byte_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show on stderr how a transfer goes: size, rate and time left; yields ``show(name, done, total)``, in bytes."""
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
    began = last = time.monotonic()
    for done, item in enumerate(iterable, 1):
        yield item
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            left = f", {(now - began) / done * (total - done):.0f} s left" if total and done >= SETTLED else ""
            _say(f"{description}: {done}{f' of {total}' if total else ''}{left}")


def _byte_lines() -> Callable[[str, int, int | None], None]:
    began = last = time.monotonic()
    first: dict[str, int] = {}

    def show(name: str, done: int, total: int | None) -> None:
        nonlocal last
        first.setdefault(name, done)
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            rate = (done - first[name]) / max(now - began, 1e-9)
            left = f", {(total - done) / rate:.0f} s left" if total and rate else ""
            _say(f"{name}: {done / 1e6:.0f}{f' of {total / 1e6:.0f}' if total else ''} MB, {rate / 1e6:.1f} MB/s{left}")

    return show


def _say(text: str) -> None:
    sys.stderr.write(printable(text) + "\n")

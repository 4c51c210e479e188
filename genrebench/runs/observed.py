"""The observers of a run: all are told; one that raises is reported once and left out, and stops nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from genrebench.plugin.blame import one_line
from genrebench.plugin.observers import Observer


class Observers:
    """The observers of one run.

    Parameters
    ----------
    say : callable
        Gets a warning of one that raises.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._observers: list[tuple[str, Observer]] = []

    def make(self, makers: Iterable[tuple[str, Callable[[], Observer]]]) -> None:
        """Make the observers of the run, given their names and the functions that make them."""
        for name, make in makers:
            try:
                self._observers.append((name, make()))
            except (Exception, SystemExit) as error:
                self._report(name, error)

    def tell(self, what: str, *arguments: Any) -> None:
        """Call a method of each observer: "started", "epoch", "finished" or "failed"."""
        for one in list(self._observers):
            name, observer = one
            try:
                getattr(observer, what)(*arguments)
            except (Exception, SystemExit) as error:
                self._observers.remove(one)
                self._report(name, error)

    def _report(self, name: str, error: BaseException) -> None:
        self._say(f"warning: the observer {name} failed and doesn't follow this run any further: {one_line(error)}")

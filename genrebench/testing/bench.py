"""What a plugin offers, and what scenarios found out about it, each in a process of its own."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from genrebench.testing.apart import TIME_LIMIT, Outcome, Probe, run_apart
from genrebench.testing.fresh import run_fresh
from genrebench.testing.surroundings import Printed, Surroundings, Writes, left_running


class Bench:
    """Something that a plugin offers, and what scenarios found out about it; to be closed.

    Parameters
    ----------
    spec : ModelSpec, DatasetSpec, InputSpec, MetricSpec or SplitSpec
    settings : mapping
        Options of a model; see `conformance` for the others.
    seconds : float
        Time limit of each process.
    """

    def __init__(self, spec: Any, settings: Mapping[str, Any], seconds: float = TIME_LIMIT) -> None:
        self.spec, self.settings, self.seconds = spec, dict(settings), seconds
        self._folder = tempfile.TemporaryDirectory(prefix="genrebench-check-")
        self.folder = Path(self._folder.name).resolve()
        self._outcomes: dict[str, Outcome] = {}
        self._modules: set[str] = set()

    def close(self) -> None:
        """Remove the files."""
        self._folder.cleanup()

    def outcome(self, name: str, scenario: Callable[[Any, Probe], None], *, fresh: bool = False) -> Outcome:
        """What a scenario found; it is run once, in a new interpreter if it is to be a `fresh` one."""
        if name not in self._outcomes:
            play = partial(scenario, self)
            found = run_fresh(name, play, self.folder / f"{name}, fresh", self.seconds, self._modules) if fresh else None
            self._outcomes[name] = found or run_apart(name, play, self.folder / name, self.seconds)
            modules = self._outcomes[name].notes.get("modules", ())
            self._modules.update(modules)
            _import_here(modules)
        return self._outcomes[name]

    def __getstate__(self) -> dict[str, Any]:
        """What a process that runs a scenario needs."""
        return {"spec": self.spec, "settings": self.settings, "seconds": self.seconds, "folder": self.folder}

    @property
    def own(self) -> str:
        """The first part of the name of the plugin's module; empty if it is genrebench's."""
        return module_of(self.spec).partition(".")[0]


def module_of(spec: Any) -> str:
    """The module of a spec's functions and types that isn't genrebench's own; empty if there is none."""
    names = ("build", "options", "inputs", "check", "load", "compute", "prepare", "make", "type")
    for part in [getattr(spec, name, None) for name in names]:
        closure = [cell.cell_contents for cell in getattr(part, "__closure__", None) or ()]
        for one in (part, *closure):
            module = getattr(one, "__module__", None) or ""
            if module and module.partition(".")[0] not in ("genrebench", "builtins", "functools"):
                return str(module)
    return ""


@contextlib.contextmanager
def watched(bench: Bench, probe: Probe, *allowed: Path) -> Iterator[Writes]:
    """Note what the body changes in the process, prints, writes elsewhere than in `allowed`, and leaves running."""
    stdout = probe.folder.parent / ".stdout"
    printed = Printed(stdout)
    surroundings = Surroundings(bench.own)
    writes = Writes(*allowed, stdout, current=probe.folder)
    threads = {thread.ident for thread in threading.enumerate()}
    heard: list[str] = []
    written: list[str] = []

    def look(step: str) -> None:
        surroundings.compare(step)
        text = printed.new()
        if text and not heard:
            heard.append(f"{step} printed {text[:60]!r}")
        written.extend(writes.outside(step))
        probe.note("changes", surroundings.changes)
        probe.note("printed", heard)
        probe.note("written", written)

    probe.after.append(look)
    with surroundings.forgiving_imports():
        yield writes
    probe.after.remove(look)
    probe.note("running", left_running(threads))


def _import_here(modules: Iterable[str]) -> None:
    """Import what a scenario imported, so that the next processes needn't: torch takes seconds."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)

"""Everything that a run does with a model."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Examples, Inputs, Model, select
from genrebench.plugin.lazy import LazyInputs
from genrebench.testing.apart import Probe
from genrebench.testing.bench import watched
from genrebench.testing.models.bench import ModelBench, TinyTask, Told
from genrebench.testing.models.scenarios.described import described, plain
from genrebench.testing.models.timelines import figure_problem, timeline_difference, timeline_problem
from genrebench.testing.randomness import seeds
from genrebench.testing.surroundings import Writes


def whole_life(bench: ModelBench, probe: Probe) -> None:
    """Build, fit, predict, save, load; what else changed in the process is noted."""
    folder, once_more = bench.folder / "saved", bench.folder / "saved again"
    checkpoints = bench.folder / "checkpoints"
    checkpoints.mkdir()
    told = Told(checkpoints=checkpoints)
    task = bench.task()
    modules = set(sys.modules)
    with watched(bench, probe, folder, once_more, checkpoints) as writes:
        with probe.step("build", final=True):
            model = bench.build(told=told, checkpoints=checkpoints)
        probe.note("address", id(model))
        with probe.step("fit", final=True), unchanged(probe, "fit", task.train, task.validation), seeds() as given:
            model.fit(task.train, task.validation)
        probe.note("seeds", given)
        probe.note("points of fit", len(told.curves))
        with probe.step("predict_proba", final=True), unchanged(probe, "predict_proba", task.inputs):
            answer = model.predict_proba(task.inputs)
        first = described(answer)
        probe.note("answer", first)
        probe.note("modules", _imported(bench, modules))
        _in_batches(model, bench.task(), probe)
        probe.note("overwritten", first["values"] is not None and not _equal(first["values"], described(answer)["values"]))
        odd = bench.odd_inputs()
        for name, inputs in odd.items():
            with probe.step(name):
                probe.note(name, described(model.predict_proba(inputs)))
        with probe.step("predict_timeline"):
            probe.note("timeline", timeline_problem(bench, model, bench.task().inputs, len(task.genres)))
        for name in odd if bench.spec.timeline else ():
            with probe.step(f"timeline of {name}"):
                probe.note(f"timeline of {name}", timeline_problem(bench, model, odd[name], len(task.genres)))
        with probe.step("predict_proba"):
            probe.note("after timeline", _once_more(model, bench.spec.timeline, first, task))
        with probe.step("figures"):
            probe.note("figures", figure_problem(model))
        with probe.step("predict_proba"):
            draws = type(model).figures is not Model.figures
            probe.note("before save", _once_more(model, draws or bench.spec.timeline, first, task))
        _saved(bench, model, bench.task(), folder, writes, probe)
        with probe.step("save again"):
            once_more.mkdir()
            model.save(once_more)
    probe.note("modules", _imported(bench, modules))
    probe.note("curves", [plain(point) for point in told.curves])
    probe.note("facts", [plain(fact) for fact in told.facts])
    probe.note("uses checkpoints", told.files or any(checkpoints.iterdir()))


def _imported(bench: ModelBench, before: set[str]) -> list[str]:
    """Other people's modules that were imported since, which saving needs too."""
    return sorted(name for name in set(sys.modules) - before if name.partition(".")[0] != bench.own)


def _in_batches(model: Model[Any], task: TinyTask, probe: Probe) -> None:
    """The same tracks again; in other orders and numbers."""
    inputs = task.inputs
    n = len(inputs)
    orders: dict[str, list[list[int]]] = {
        "again": [list(range(n))],
        "reversed": [list(range(n))[::-1]],
        "one by one": [[i] for i in range(4)],
        "in other numbers": [list(range(5)), list(range(5, 7)), list(range(7, n))],
    }
    for name, batches in orders.items():
        with probe.step(name):
            answers = [described(model.predict_proba(select(inputs, batch))) for batch in batches]
            probe.note(name, [(batch, answer) for batch, answer in zip(batches, answers, strict=True)])


def _once_more(model: Model[Any], wanted: bool, first: dict[str, Any], task: TinyTask) -> dict[str, Any]:
    """The answer now, if that is wanted, or the first one."""
    return described(model.predict_proba(task.inputs)) if wanted else first


def _equal(one: Any, other: Any) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def _saved(bench: ModelBench, model: Model[Any], task: TinyTask, folder: Path, writes: Writes, probe: Probe) -> None:
    folder.mkdir()
    with probe.step("save"):
        model.save(folder)
        probe.note("saved", True)
    with probe.step("after save"):
        probe.note("after save", described(model.predict_proba(task.inputs)))
    writes.forbid(folder)
    loaded = None
    with probe.step("build without checkpoints"):
        loaded = bench.build()
    if loaded is None:
        return
    with probe.step("load"):
        loaded.load(folder)
        probe.note("loaded", described(loaded.predict_proba(task.inputs)))
    if bench.spec.timeline:
        with probe.step("timeline of the loaded model"):
            probe.note("loaded timeline", timeline_difference(model, loaded, task.inputs))


@contextlib.contextmanager
def unchanged(probe: Probe, step: str, *given: Any) -> Iterator[None]:
    """Note whether the body changes arrays in place."""
    arrays = [array for one in given for array in _arrays(one)]
    before = [array.copy() for _, array in arrays]
    yield
    changed = [
        name for (name, array), old in zip(arrays, before, strict=True) if not np.array_equal(array, old, equal_nan=True)
    ]
    probe.note(f"changed by {step}", sorted(set(changed)))


def _arrays(given: Examples[Any] | Inputs) -> list[tuple[str, NDArray[Any]]]:
    """The arrays that a model could change in place; those of lazy inputs are read anew each time."""
    if not isinstance(given, Examples):
        return [] if isinstance(given, LazyInputs) else [("inputs", given)]
    return [*_arrays(given.inputs), ("labels", given.labels), ("groups", given.groups)]

"""What is done with a model, each time in a new process: the notes that the checks read."""

from __future__ import annotations

import contextlib
import gc
import math
import shutil
import sys
import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.blame import one_line
from genrebench.plugin.contract import Examples, Inputs, Model, select
from genrebench.plugin.lazy import LazyInputs
from genrebench.testing.apart import Probe
from genrebench.testing.bench import watched
from genrebench.testing.examples import GENRES
from genrebench.testing.models.bench import ODD_NAMES, ModelBench, TinyTask, Told, Tracks, nothing, rows
from genrebench.testing.models.timelines import figure_problem, timeline_difference, timeline_problem
from genrebench.testing.randomness import seeds
from genrebench.testing.surroundings import Writes

MISSING = 1
"""The genre that the training part of one scenario lacks, and its validation part has."""


TWO = (2, 9, 16)
"""Genres, training tracks and test tracks per genre of the task with two genres."""


# ------------------------------------------------------------------ everything that a run does


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
    probe.note("curves", [_plain(point) for point in told.curves])
    probe.note("facts", [_plain(fact) for fact in told.facts])
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


# ------------------------------------------------------------------ other trainings


def fitted(bench: ModelBench, probe: Probe, *, seed: int = 0, first: int = 0, address: int | None = None) -> None:
    """Fit on the same task once more, and note the answers, after those for the `first` tracks.

    The model isn't at that address in memory.
    """
    task, checkpoints = bench.task(), _checkpoints(probe)
    with probe.step("build", final=True):
        model = bench.build(seed=seed, checkpoints=checkpoints)
        if id(model) == address:  # while this one lives, another one is somewhere else
            model = bench.build(seed=seed, checkpoints=checkpoints)
    with probe.step("fit", final=True):
        model.fit(task.train, task.validation)
    with probe.step("predict_proba", final=True):
        if first:
            model.predict_proba(select(task.inputs, range(first)))
        probe.note("answer", described(model.predict_proba(task.inputs)))


other_seed = partial(fitted, seed=1)
some_first = partial(fitted, seed=0, first=3)


def no_checkpoints(bench: ModelBench, probe: Probe) -> None:
    """Fit without a folder for checkpoints."""
    task = bench.task()
    with probe.step("fit without checkpoints"):
        bench.build().fit(task.train, task.validation)


def _checkpoints(probe: Probe) -> Path:
    """An empty folder for checkpoints."""
    folder = probe.folder.parent / "checkpoints"
    folder.mkdir()
    return folder


def missing_genre(bench: ModelBench, probe: Probe) -> None:
    """Fit on training tracks of all genres but one; the validation tracks have that one too."""
    task = bench.task()
    model = bench.build(checkpoints=_checkpoints(probe))
    _fit_and_answer(model, rows(task.train, np.flatnonzero(task.train.labels != MISSING)), task.validation, task.inputs, probe)


def two_genres(bench: ModelBench, probe: Probe) -> None:
    """Fit on two genres with labels that have nothing to do with the tracks, in training and in test.

    Here the labels of the test tracks are where a model that looks around in the process would find them. Then fit on the usual
    task in the same process, without checkpoints, and ask for some of its tracks first.
    """
    task = bench.task(*TWO)
    rng = np.random.default_rng(8)
    train, validation, test = (
        Examples(part.inputs, rng.permutation(part.labels), part.groups)
        for part in (task.train, task.validation, bench.test(TWO[0], TWO[2]))
    )
    labels = test.labels
    with probe.step("build", final=True):
        model = bench.build(task.genres, seed=1, checkpoints=_checkpoints(probe))
    with seeds() as given:
        _fit_and_answer(model, train, validation, test.inputs, probe)
    probe.note("labels", labels)
    probe.note("seeds", given)
    folder = bench.folder / "other"
    folder.mkdir()
    with probe.step("save"):
        model.save(folder)
    task = bench.task()
    with probe.step("a second training"):
        second = bench.build()
        second.fit(task.train, task.validation)
        second.predict_proba(select(task.inputs, range(3)))
        probe.note("second", described(second.predict_proba(task.inputs)))


def no_validation(bench: ModelBench, probe: Probe) -> None:
    """Fit without validation tracks."""
    task = bench.task()
    _fit_and_answer(bench.build(checkpoints=_checkpoints(probe)), task.train, nothing(task.validation), task.inputs, probe)


def one_track_genres(bench: ModelBench, probe: Probe) -> None:
    """Fit on three genres, two of which have one track."""
    task = bench.task()
    model = bench.build(checkpoints=_checkpoints(probe))
    _fit_and_answer(model, rows(task.train, _few(task.train, 2)), task.validation, task.inputs, probe)


def sixteen_genres(bench: ModelBench, probe: Probe) -> None:
    """Fit on sixteen genres."""
    task = bench.task(16, 4, 1)
    model = bench.build(task.genres, checkpoints=_checkpoints(probe))
    _fit_and_answer(model, task.train, task.validation, task.inputs, probe)


def odd_training(bench: ModelBench, probe: Probe) -> None:
    """Fit on tracks some of which are silent or one frame long."""
    task, odd = bench.task(), bench.odd_inputs()
    model = bench.build(checkpoints=_checkpoints(probe))
    _fit_and_answer(model, with_odd(task.train, odd), with_odd(task.validation, odd), task.inputs, probe)


def one_artist(bench: ModelBench, probe: Probe) -> None:
    """Fit on tracks of a single artist."""
    task = bench.task()
    model = bench.build(checkpoints=_checkpoints(probe))
    _fit_and_answer(model, of_one_artist(task.train), task.validation, task.inputs, probe)


def odd_names(bench: ModelBench, probe: Probe) -> None:
    """Fit on genres with odd names, save and load."""
    task = bench.task()
    model = bench.build(ODD_NAMES[: len(GENRES)], checkpoints=_checkpoints(probe))
    _fit_and_answer(model, task.train, task.validation, task.inputs, probe)
    _keep(bench, ODD_NAMES[: len(GENRES)], model, probe)


def _keep(bench: ModelBench, genres: tuple[str, ...], model: Model[Any], probe: Probe) -> None:
    folder = probe.folder.parent / "kept"
    folder.mkdir()
    with probe.step("save", final=True):
        model.save(folder)
    with probe.step("load", final=True):
        bench.build(genres).load(folder)


def of_one_artist(examples: Examples[Any]) -> Examples[Any]:
    """The examples with one group."""
    return Examples(examples.inputs, examples.labels, np.zeros_like(examples.groups))


def all_at_once(bench: ModelBench, probe: Probe) -> None:
    """Sixteen genres of odd names, some of one track, odd tracks, one artist, no validation: if this works, each does."""
    task = bench.task(16, 4, 1)
    train = of_one_artist(with_odd(rows(task.train, _few(task.train, 8)), bench.odd_inputs()))
    model = bench.build(task.genres, checkpoints=_checkpoints(probe))
    _fit_and_answer(model, train, nothing(task.validation), task.inputs, probe)
    _keep(bench, task.genres, model, probe)


def _few(examples: Examples[Any], n: int) -> NDArray[np.int64]:
    """Rows of all tracks of all genres but the last `n`, of which there is one each."""
    first = examples.labels.max() + 1 - n
    ones = [int(np.flatnonzero(examples.labels == label)[0]) for label in range(first, first + n)]
    return np.sort(np.array([*np.flatnonzero(examples.labels < first), *ones]))


def with_odd(examples: Examples[Any], odd: Mapping[str, Inputs]) -> Examples[Any]:
    """The examples, with a silent track and one of one frame in place of two of the largest genre."""
    inputs: Any = examples.inputs if isinstance(examples.inputs, Tracks) else np.array(examples.inputs)
    largest = np.bincount(examples.labels).argmax()
    for row, name in zip(np.flatnonzero(examples.labels == largest)[-2:].tolist(), ("silence", "one frame"), strict=False):
        if name not in odd:
            continue
        if isinstance(inputs, Tracks):
            inputs = inputs.replaced(row, odd[name][0])
        else:
            inputs[row] = odd[name][0]
    return Examples(inputs, examples.labels, examples.groups)


def _fit_and_answer(model: Model[Any], train: Examples[Any], validation: Examples[Any], inputs: Inputs, probe: Probe) -> None:
    with probe.step("fit", final=True):
        model.fit(train, validation)
    with probe.step("predict_proba", final=True):
        probe.note("answer", described(model.predict_proba(inputs)))


# ------------------------------------------------------------------ another process, an interruption, many tracks


def fresh_process(bench: ModelBench, probe: Probe) -> None:
    """Load the two saved models, whose folders have moved, in a process that hasn't fitted any."""
    models = []
    moved = {name: bench.folder / f"moved-{name}" for name in ("saved", "other")}
    for name, folder in moved.items():
        if not (bench.folder / name).is_dir():
            continue
        shutil.move(bench.folder / name, folder)
        task = bench.task() if name == "saved" else bench.task(*TWO)
        with probe.step(f"load {name}", final=name == "saved"):
            model = bench.build(task.genres, seed=0 if name == "saved" else 1)
            model.load(folder)
            models.append((name, model, task))
            if name == "saved":
                probe.note("alone", described(model.predict_proba(task.inputs)))
    for name, model, task in models:
        with probe.step(f"predict {name}"):
            probe.note(name, described(model.predict_proba(task.inputs)))


def interrupted(bench: ModelBench, probe: Probe, *, at: int) -> None:
    """Interrupt a training at a point of its curves."""
    folder = bench.folder / "stopped"
    folder.mkdir()
    task = bench.task()
    told = Told(interrupt_at=at)
    model = bench.build(told=told, checkpoints=folder)
    ended = "went on and returned"
    try:
        model.fit(task.train, task.validation)
    except KeyboardInterrupt:
        ended = ""
    except Exception as error:
        if len(told.curves) < at:
            raise
        ended = f"raised {one_line(error)}"
    probe.note("ended", ended)
    probe.note("points", len(told.curves))


def resumed(bench: ModelBench, probe: Probe) -> None:
    """Fit with the checkpoints of the interrupted training."""
    task = bench.task()
    model = bench.build(checkpoints=bench.folder / "stopped")
    _fit_and_answer(model, task.train, task.validation, task.inputs, probe)


class Generated(LazyInputs):
    """Tracks that are made when they are read, so that they need no memory themselves.

    Parameters
    ----------
    array : ndarray
        The tracks are this array with a gain each.
    rate : int or None
        Hz, for waveforms that aren't resampled.
    numbers : list of int
        One number per track.
    """

    def __init__(self, array: Any, rate: int | None, numbers: list[int]) -> None:
        self._array, self._rate, self._numbers = array, rate, numbers

    @property
    def lengths(self) -> NDArray[np.int64]:
        """All of one length."""
        return np.full(len(self), len(self._array))

    @property
    def sample_rates(self) -> NDArray[np.int64] | None:
        """All of one rate."""
        return None if self._rate is None else np.full(len(self), self._rate)

    def __len__(self) -> int:
        return len(self._numbers)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Make part of a track."""
        part: NDArray[np.float32] = self._array[start:stop] * np.float32(1 + self._numbers[index] % 7 / 100)
        return part

    def subset(self, indices: Iterable[int]) -> Generated:
        """The tracks at `indices`."""
        return Generated(self._array, self._rate, [self._numbers[i] for i in indices])


class Memory:
    """Bytes that Python and NumPy hold at their peak; torch's, which it allocates itself, at the end of a step."""

    def __init__(self) -> None:
        tracemalloc.start()

    def peak(self) -> int:
        """The peak in bytes since the last call."""
        peak = tracemalloc.get_traced_memory()[1]
        torch: Any = sys.modules.get("torch")
        if torch is not None:
            gc.collect()
            storages = [item.untyped_storage() for item in gc.get_objects() if type(item) is torch.Tensor]
            peak += sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
        tracemalloc.reset_peak()
        return peak


MIN_BYTES = 24_000
"""Bytes of a track, at least, when the memory is measured."""


def memory(bench: ModelBench, probe: Probe, *, n: int) -> None:
    """Fit on some tracks and predict as many; note the peak of the memory in bytes."""
    made: Any = bench.inputs([0]).inputs
    array = np.concatenate([made[0]] * max(1, math.ceil(MIN_BYTES / made[0].nbytes)))
    rate = None if made.sample_rates is None else int(made.sample_rates[0])
    model = bench.build(checkpoints=_checkpoints(probe))
    held = Memory()
    train, test = (Generated(array, rate, list(range(first, first + n))) for first in (0, n))
    labels = np.arange(n) % 3
    before = held.peak()
    with probe.step("fit", final=True):
        model.fit(Examples(train, labels, np.arange(n)), Examples(train[:3], labels[:3], np.arange(3)))
    probe.note("fit", held.peak() - before)
    with probe.step("predict_proba", final=True):
        model.predict_proba(test)
    probe.note("predict_proba", held.peak() - before)
    probe.note("bytes", array.nbytes)


# ------------------------------------------------------------------ as plain data


def described(answer: Any) -> dict[str, Any]:
    """What `predict_proba` returned, as plain data: its type, dtype, shape and values."""
    array = answer if isinstance(answer, np.ndarray) else None
    values = None
    with contextlib.suppress(TypeError, ValueError):
        values = np.array(answer, dtype=np.float64)
    return {
        "type": type(answer).__name__,
        "dtype": "" if array is None else str(array.dtype),
        "values": values,
    }


def _plain(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """A pair whose parts are plain data, or the text of them in a tuple."""
    return tuple(_plain_value(part) for part in pair)


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key) if isinstance(key, str) else (repr(key),): _plain_value(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | bool | type(None)) else (repr(value)[:80],)

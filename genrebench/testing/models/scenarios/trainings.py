"""Trainings on other tasks, and once more on the usual one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Examples, Inputs, Model, select
from genrebench.testing.apart import Probe
from genrebench.testing.examples import GENRES
from genrebench.testing.models.bench import ODD_NAMES, ModelBench, Tracks, nothing, rows
from genrebench.testing.models.scenarios.described import described
from genrebench.testing.randomness import seeds

MISSING = 1
"""The genre that the training part of one scenario lacks, and its validation part has."""


TWO = (2, 9, 16)
"""Genres, training tracks and test tracks per genre of the task with two genres."""


def fitted(bench: ModelBench, probe: Probe, *, seed: int = 0, first: int = 0, address: int | None = None) -> None:
    """Fit on the same task once more, and note the answers, after those for the `first` tracks.

    The model isn't at that address in memory.
    """
    task, checkpoints = bench.task(), checkpoints_of(probe)
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


def checkpoints_of(probe: Probe) -> Path:
    """An empty folder for checkpoints."""
    folder = probe.folder.parent / "checkpoints"
    folder.mkdir()
    return folder


def missing_genre(bench: ModelBench, probe: Probe) -> None:
    """Fit on training tracks of all genres but one; the validation tracks have that one too."""
    task = bench.task()
    model = bench.build(checkpoints=checkpoints_of(probe))
    fit_and_answer(model, rows(task.train, np.flatnonzero(task.train.labels != MISSING)), task.validation, task.inputs, probe)


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
        model = bench.build(task.genres, seed=1, checkpoints=checkpoints_of(probe))
    with seeds() as given:
        fit_and_answer(model, train, validation, test.inputs, probe)
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
    fit_and_answer(bench.build(checkpoints=checkpoints_of(probe)), task.train, nothing(task.validation), task.inputs, probe)


def one_track_genres(bench: ModelBench, probe: Probe) -> None:
    """Fit on three genres, two of which have one track."""
    task = bench.task()
    model = bench.build(checkpoints=checkpoints_of(probe))
    fit_and_answer(model, rows(task.train, _few(task.train, 2)), task.validation, task.inputs, probe)


def sixteen_genres(bench: ModelBench, probe: Probe) -> None:
    """Fit on sixteen genres."""
    task = bench.task(16, 4, 1)
    model = bench.build(task.genres, checkpoints=checkpoints_of(probe))
    fit_and_answer(model, task.train, task.validation, task.inputs, probe)


def odd_training(bench: ModelBench, probe: Probe) -> None:
    """Fit on tracks some of which are silent or one frame long."""
    task, odd = bench.task(), bench.odd_inputs()
    model = bench.build(checkpoints=checkpoints_of(probe))
    fit_and_answer(model, with_odd(task.train, odd), with_odd(task.validation, odd), task.inputs, probe)


def one_artist(bench: ModelBench, probe: Probe) -> None:
    """Fit on tracks of a single artist."""
    task = bench.task()
    model = bench.build(checkpoints=checkpoints_of(probe))
    fit_and_answer(model, of_one_artist(task.train), task.validation, task.inputs, probe)


def odd_names(bench: ModelBench, probe: Probe) -> None:
    """Fit on genres with odd names, save and load."""
    task = bench.task()
    model = bench.build(ODD_NAMES[: len(GENRES)], checkpoints=checkpoints_of(probe))
    fit_and_answer(model, task.train, task.validation, task.inputs, probe)
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
    model = bench.build(task.genres, checkpoints=checkpoints_of(probe))
    fit_and_answer(model, train, nothing(task.validation), task.inputs, probe)
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


def fit_and_answer(model: Model[Any], train: Examples[Any], validation: Examples[Any], inputs: Inputs, probe: Probe) -> None:
    """Fit a new model and note its answers."""
    with probe.step("fit", final=True):
        model.fit(train, validation)
    with probe.step("predict_proba", final=True):
        probe.note("answer", described(model.predict_proba(inputs)))

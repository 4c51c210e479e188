"""A model on tiny tasks, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Context, Examples, Inputs, Model, select
from genrebench.plugin.inputs import Prepared
from genrebench.plugin.lazy import LazyInputs, ListInputs
from genrebench.plugin.options import parse_options
from genrebench.testing.bench import Bench
from genrebench.testing.examples import GENRES, make_inputs, tiny_examples

SECONDS = 1.5
"""Duration of the tiny tracks, for inputs that have one."""


@dataclass(frozen=True)
class TinyTask:
    """Training and validation tracks, inputs of test tracks without their labels, and the genres."""

    train: Examples[Any]
    validation: Examples[Any]
    inputs: Inputs
    genres: tuple[str, ...] = GENRES


@dataclass
class Told:
    """What a model told its context: points of curves, facts, and how often."""

    curves: list[tuple[Any, Any]] = field(default_factory=list)
    facts: list[tuple[Any, Any]] = field(default_factory=list)
    files: bool = False
    interrupt_at: int = 0
    checkpoints: Path | None = None
    steps: int = 0

    def log(self, epoch: Any, values: Any) -> None:
        """Take a point; the run is interrupted at the point with the number `interrupt_at`."""
        self.curves.append((epoch, dict(values) if isinstance(values, Mapping) else values))
        self._look()
        if len(self.curves) == self.interrupt_at:
            raise KeyboardInterrupt

    def record(self, name: Any, value: Any) -> None:
        """Take a fact."""
        self.facts.append((name, value))

    def progress(self, iterable: Iterable[Any], description: str = "", total: int | None = None) -> Iterator[Any]:  # noqa: ARG002
        """Yield the items."""
        for item in iterable:
            self._look()
            yield item

    def _look(self) -> None:
        if self.checkpoints is not None and not self.files:
            self.files = any(self.checkpoints.iterdir())


class ModelBench(Bench):
    """A model with its options on tiny tasks."""

    @cached_property
    def options(self) -> Any:
        """The options with the settings."""
        return parse_options(self.spec.name, self.spec.options, self.settings)

    @cached_property
    def requested(self) -> Any:
        """The input that the model requests."""
        return self.spec.inputs(self.options)

    @cached_property
    def one(self) -> Prepared:
        """A made track, which tells what kind of inputs these are."""
        return make_inputs(self.requested, np.zeros(1, dtype=np.int64), 0, 0.1)

    @property
    def is_lazy(self) -> bool:
        """Whether tracks are read one by one, and may have a length; otherwise they are rows of a table."""
        return isinstance(self.one.inputs, LazyInputs)

    def build(
        self, genres: tuple[str, ...] = GENRES, *, seed: int = 0, told: Told | None = None, checkpoints: Path | None = None
    ) -> Model[Any]:
        """Build the model."""
        told = told or Told()
        context = Context(genres, seed, "cpu", 1, checkpoints, self.one.columns, told.progress, told.log, told.record)
        self.spec.check(context, self.options)
        model = self.spec.build(context, self.options)
        if not isinstance(model, Model):
            raise TypeError(f"build returned {type(model).__name__}, which isn't a genrebench.api.Model")
        return model

    def task(self, n_genres: int = len(GENRES), n_per_genre: int = 0, n_test: int = 4) -> TinyTask:
        """A task with tracks of several lengths; rows of a table cost nothing, so there are more of them."""
        n_per_genre = n_per_genre or (6 if self.is_lazy else 30)
        genres = GENRES[:n_genres] if n_genres <= len(GENRES) else tuple(f"genre {chr(122 - i)}" for i in range(n_genres))
        train, validation = (
            cropped(tiny_examples(self.requested, n, seconds=SECONDS, seed=seed, n_genres=n_genres))
            for n, seed in ((n_per_genre, 0), (2, 1))
        )
        return TinyTask(train, validation, self.test(n_genres, n_test).inputs, genres)

    def test(self, n_genres: int = len(GENRES), n_test: int = 4) -> Examples[Any]:
        """The test tracks of a task, with their labels."""
        return cropped(tiny_examples(self.requested, n_test, seconds=SECONDS, seed=2, n_genres=n_genres))

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Labels of the test tracks of the task with three genres."""
        return self.test().labels


def rows(examples: Examples[Any], chosen: NDArray[np.int64]) -> Examples[Any]:
    """Some of the examples."""
    inputs = select(examples.inputs, chosen.tolist())
    return Examples(inputs, examples.labels[chosen], examples.groups[chosen])


def nothing(examples: Examples[Any]) -> Examples[Any]:
    """No examples, of the same kind."""
    return rows(examples, np.zeros(0, dtype=np.int64))


def arrays_of(inputs: Inputs) -> list[NDArray[Any]]:
    """The values that a model could change in place."""
    if isinstance(inputs, LazyInputs):
        return list(getattr(inputs, "arrays", []))
    return [inputs]


def cropped(examples: Examples[Any]) -> Examples[Any]:
    """The examples with tracks of several lengths, where they have one: each third is shorter."""
    inputs = examples.inputs
    if not isinstance(inputs, LazyInputs):
        return examples
    lengths = [round(len(array) * (1, 0.9, 0.8)[i % 3]) for i, array in enumerate(inputs)]
    arrays = [array[: max(1, n)] for array, n in zip(inputs, lengths, strict=True)]
    return Examples(ListInputs(arrays, inputs.sample_rates), examples.labels, examples.groups)


def odd_inputs(requested: Any, seconds: float = SECONDS) -> dict[str, Inputs]:
    """Inputs of unusual tracks by name: silent, one frame long, very long, of lengths that weren't trained on.

    Inputs without a time axis are only silent.
    """
    silent, made = (make_inputs(requested, np.array([label]), 5, seconds).inputs for label in (-1, 1))
    odd: dict[str, Inputs] = {"silence": silent}
    if isinstance(made, LazyInputs):
        array, rates = made[0], made.sample_rates
        lengths = {
            "one frame": [array[:1]],
            "very long": [np.concatenate([array] * 40)],
            "lengths": [array[: len(array) // 3], np.concatenate([array] * 2), array[: 7 * len(array) // 9], array[:3]],
        }
        for name, arrays in lengths.items():
            odd[name] = ListInputs(arrays, None if rates is None else np.resize(rates, len(arrays)))
    return odd

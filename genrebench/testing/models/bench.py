"""A model on tiny tasks, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Context, Examples, Inputs, Model, select
from genrebench.plugin.inputs import InputSpec, Prepared
from genrebench.plugin.lazy import LazyInputs
from genrebench.plugin.options import parse_options
from genrebench.plugin.registry import installed_plugins
from genrebench.testing.bench import Bench
from genrebench.testing.examples import GENRES, make_inputs, tiny_groups, tiny_labels

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


ODD_NAMES = (
    "Hip-Hop/Rap", "R&B", "Česká lidová", "民谣", "Old-Time / Historic", "Drum \\ Bass", "AC:DC", "K-Pop?", "Lo-Fi.", "80s",
    "*", 'Comedy "Live"', "Rock 'n' Roll", "con", "-e",
    "Music for the Very Long Evenings of the Northern Winter, with and without Words",
)  # fmt: skip
"""Names of genres as collections have them, which not every name of a file or of a Python variable may be."""


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
    def input(self) -> InputSpec:
        """The spec of that kind of input."""
        return installed_plugins().input(self.requested)

    def __getstate__(self) -> dict[str, Any]:
        """With the input, which another process may not find: it can be that of a file."""
        return super().__getstate__() | {"input": self.input}

    def inputs(self, labels: Any, seed: int = 0, seconds: float = SECONDS) -> Prepared:
        """Inputs of made tracks."""
        return make_inputs(self.requested, np.asarray(labels, dtype=np.int64), seed, seconds, self.input)

    @cached_property
    def one(self) -> Prepared:
        """A made track, which tells what kind of inputs these are."""
        return self.inputs([0], 0, 0.1)

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

    def task(self, n_genres: int = len(GENRES), n_per_genre: int = 0, n_test: int = 0) -> TinyTask:
        """A task with tracks of several lengths; rows of a table cost nothing, so there are more of them."""
        n_per_genre = n_per_genre or (6 if self.is_lazy else 30)
        genres = GENRES[:n_genres] if n_genres <= len(GENRES) else ODD_NAMES[:n_genres]
        train, validation = (self.examples(n, seed, n_genres) for n, seed in ((n_per_genre, 0), (2, 1)))
        return TinyTask(train, validation, self.test(n_genres, n_test).inputs, genres)

    def examples(self, n_per_genre: int, seed: int, n_genres: int) -> Examples[Any]:
        """Made tracks of several lengths, where they have one: each third is shorter."""
        labels = tiny_labels(n_per_genre, seed, n_genres)
        groups = tiny_groups(len(labels), n_genres, seed)
        inputs: Any = self.inputs(labels, seed).inputs
        if isinstance(inputs, LazyInputs):
            lengths = [max(1, round(len(array) * (1, 0.9, 0.8)[i % 3])) for i, array in enumerate(inputs)]
            inputs = Tracks([array[:n] for array, n in zip(inputs, lengths, strict=True)], inputs.sample_rates)
        return Examples(inputs, labels, groups)

    def test(self, n_genres: int = len(GENRES), n_test: int = 0) -> Examples[Any]:
        """The test tracks of a task, with their labels."""
        return self.examples(n_test or (4 if self.is_lazy else 12), 2, n_genres)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """Labels of the test tracks of the task with three genres."""
        return self.test().labels

    def durations(self, inputs: Inputs) -> list[float]:
        """Seconds of each track; none for inputs without a time axis."""
        if not isinstance(inputs, LazyInputs):
            return []
        rates: Any = inputs.sample_rates
        if rates is None:
            rate = None if self.input.frame_rate is None else self.input.frame_rate(self.requested)
            rates = [rate] * len(inputs)
        return [length / rate for length, rate in zip(inputs.lengths.tolist(), rates, strict=True) if rate]

    def odd_inputs(self) -> dict[str, Inputs]:
        """Inputs of unusual tracks by name: silent, one frame long, very long, of lengths that weren't trained on.

        Inputs without a time axis are only silent.
        """
        silent, made = (self.inputs([label], 5).inputs for label in (-1, 1))
        if not isinstance(silent, LazyInputs) or not isinstance(made, LazyInputs):
            return {"silence": silent}
        array, rates = made[0], made.sample_rates
        odd = {
            "silence": [silent[0]],
            "one frame": [array[:1]],
            "very long": [np.concatenate([array] * 40)],
            "lengths": [array[: len(array) // 3], np.concatenate([array] * 2), array[: 7 * len(array) // 9], array[:3]],
        }
        return {name: Tracks(some, None if rates is None else np.resize(rates, len(some))) for name, some in odd.items()}


class Tracks(LazyInputs):
    """Tracks in memory that offer what the contract says of lazy inputs, and nothing else.

    Parameters
    ----------
    arrays : sequence of ndarray
    sample_rates : ndarray of int or None
    """

    def __init__(self, arrays: Sequence[NDArray[np.float32]], sample_rates: NDArray[np.int64] | None) -> None:
        self._arrays, self._rates = list(arrays), sample_rates

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array."""
        return np.array([len(array) for array in self._arrays], dtype=np.int64)

    @property
    def sample_rates(self) -> NDArray[np.int64] | None:
        """Hz of each track, if they keep their own."""
        return self._rates

    def __len__(self) -> int:
        return len(self._arrays)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Read part of an array."""
        return self._arrays[index][start:stop].copy()

    def subset(self, indices: Iterable[int]) -> Tracks:
        """Some of the tracks."""
        chosen = list(indices)
        return Tracks([self._arrays[i] for i in chosen], None if self._rates is None else self._rates[chosen])

    def replaced(self, row: int, array: NDArray[np.float32]) -> Tracks:
        """The tracks with another one at `row`."""
        return Tracks([*self._arrays[:row], array, *self._arrays[row + 1 :]], self._rates)


def rows(examples: Examples[Any], chosen: NDArray[np.int64]) -> Examples[Any]:
    """Some of the examples."""
    inputs = select(examples.inputs, chosen.tolist())
    return Examples(inputs, examples.labels[chosen], examples.groups[chosen])


def nothing(examples: Examples[Any]) -> Examples[Any]:
    """No examples, of the same kind."""
    return rows(examples, np.zeros(0, dtype=np.int64))

"""Conformance tests for plugin authors: a tiny task, and checks of the model contract.

In a plugin's tests::

    from genrebench.testing import assert_conforms

    def test_contract():
        assert_conforms(genrebench_models()[0], epochs=1)

The same checks run as ``genrebench plugins check NAME``.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import (
    Context,
    Examples,
    FeatureTable,
    Frames,
    Inputs,
    Model,
    ModelSpec,
    Timeline,
    Waveforms,
    select,
)
from genrebench.plugin.hosted import checked
from genrebench.plugin.lazy import LazyInputs
from genrebench.plugin.options import describe_options, parse_options

GENRES = ("low", "high", "noise")

NATIVE_RATES = (44_100, 48_000)
"""Hz of the tracks, in turn, for a model that asks for waveforms at each file's own rate."""


class ListInputs(LazyInputs):
    """Lazy inputs over arrays in memory.

    Parameters
    ----------
    arrays : sequence of ndarray
        One array per track.
    sample_rates : ndarray of int, shape (n_tracks,), optional
        Hz of each track, for waveforms that aren't resampled.
    """

    def __init__(self, arrays: Iterable[NDArray[np.float32]], sample_rates: NDArray[np.int64] | None = None) -> None:
        self.arrays = [np.asarray(array, dtype=np.float32) for array in arrays]
        self._sample_rates = sample_rates

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis."""
        return np.array([len(array) for array in self.arrays], dtype=np.int64)

    @property
    def sample_rates(self) -> NDArray[np.int64] | None:
        """Hz of each track, if they were given."""
        return self._sample_rates

    def __len__(self) -> int:
        return len(self.arrays)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Read part of an array."""
        return self.arrays[index][start:stop].copy()

    def subset(self, indices: Iterable[int]) -> ListInputs:
        """The arrays at `indices`, as lazy inputs."""
        chosen = list(indices)
        rates = None if self._sample_rates is None else self._sample_rates[chosen]
        return ListInputs([self.arrays[i] for i in chosen], rates)


def tiny_examples(requested: Any, n_per_genre: int = 4, *, seconds: float = 3.0, seed: int = 0) -> Examples[Any]:
    """Generate a few labelled tracks with the input that a model requests.

    Parameters
    ----------
    requested : FeatureTable, Waveforms or Frames
    n_per_genre : int
        Number of tracks for each of the three `GENRES`.
    seconds : float
        Duration of the tracks, for waveforms and frames.
    seed : int

    Returns
    -------
    `Examples`
        With several tracks per group.
    """
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(len(GENRES)), n_per_genre)
    generators: dict[type, Callable[[int, int], NDArray[Any]]] = {
        FeatureTable: lambda label, _: rng.normal(label, 1.0, len(_columns(requested))),
        Waveforms: lambda label, rate: _tone(label, int(seconds * rate), rate, rng),
        Frames: lambda label, _: _frames(label, requested, seconds, rng),
    }
    if type(requested) not in generators:
        raise ValueError(f"can't generate {type(requested).__name__}; only FeatureTable, Waveforms and Frames are supported")
    native = isinstance(requested, Waveforms) and requested.sample_rate is None
    rates = np.resize(NATIVE_RATES if native else getattr(requested, "sample_rate", 0), len(labels))
    arrays = [generators[type(requested)](int(label), int(rate)) for label, rate in zip(labels, rates, strict=True)]
    table = isinstance(requested, FeatureTable)
    inputs: Inputs = np.array(arrays) if table else ListInputs(arrays, rates if native else None)
    return Examples(inputs, labels.astype(np.int64), np.arange(len(labels), dtype=np.int64) // (2 * len(GENRES)))


@dataclass(frozen=True)
class Check:
    """The result of a check: `problem` is None if the model passed."""

    name: str
    problem: str | None


def conformance(spec: ModelSpec, **settings: Any) -> Iterator[Check]:
    """Check that a model satisfies the contract, and yield the result of each check.

    Parameters
    ----------
    spec : ModelSpec
    **settings
        Options of the model, for example to make it small.

    Yields
    ------
    Check
    """
    for name, check in CHECKS.items():
        try:
            with tempfile.TemporaryDirectory() as folder:
                check(_Bench(spec, settings, Path(folder)))
        except (Exception, SystemExit) as error:  # any exception of a plugin means that the check failed
            yield Check(name, " ".join(f"{type(error).__name__}: {error}".split()))
        else:
            yield Check(name, None)


def assert_conforms(spec: ModelSpec, **settings: Any) -> None:
    """Raise an AssertionError that names all failed checks; parameters as in `conformance`."""
    problems = [f"{check.name}: {check.problem}" for check in conformance(spec, **settings) if check.problem]
    if problems:
        raise AssertionError(f"{spec.name} breaks the model contract:\n" + "\n".join(problems))


class _Bench:
    """A model on the tiny task."""

    def __init__(self, spec: ModelSpec, settings: dict[str, Any], folder: Path) -> None:
        self.spec = spec
        self.options = parse_options(spec.name, spec.options, settings)
        self.requested = spec.inputs(self.options)
        self.folder = folder
        self.points: list[tuple[int, Any]] = []

    def build(self, seed: int = 0) -> Model[Any]:
        columns = _columns(self.requested) if isinstance(self.requested, FeatureTable) else ()
        context = Context(GENRES, seed, "cpu", 1, None, columns, log=lambda epoch, values: self.points.append((epoch, values)))
        model = self.spec.build(context, self.options)
        if not isinstance(model, Model):
            raise TypeError(f"build returned {type(model).__name__}, which isn't a genrebench.api.Model")
        return model

    def fitted(self, train: Examples[Any] | None = None, validation: Examples[Any] | None = None) -> Model[Any]:
        model = self.build()
        train = train or tiny_examples(self.requested)
        model.fit(train, tiny_examples(self.requested, 2, seed=1) if validation is None else validation)
        return model

    def test_inputs(self) -> Inputs:
        inputs: Inputs = tiny_examples(self.requested, 2, seed=2).inputs
        return inputs

    def predict(self, model: Model[Any], inputs: Inputs) -> NDArray[np.float64]:
        return checked(model.predict_proba(inputs), len(inputs), len(GENRES), self.spec.name)


def _options(bench: _Bench) -> None:
    for info in describe_options(bench.spec.name, bench.spec.options):
        if not info.help:
            raise AssertionError(f"option {info.name!r} has no description; annotate it with Field(description=...)")
    if not bench.spec.options.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise AssertionError("the dataclass of the options isn't frozen; use @dataclass(frozen=True)")


def _probabilities(bench: _Bench) -> None:
    bench.predict(bench.fitted(), bench.test_inputs())


def _no_validation(bench: _Bench) -> None:
    empty = tiny_examples(bench.requested, 0)
    bench.predict(bench.fitted(validation=_none_of(empty, bench.requested)), bench.test_inputs())


def _missing_genre(bench: _Bench) -> None:
    train = tiny_examples(bench.requested)
    keep = np.flatnonzero(train.labels != 1)
    subset = Examples(select(train.inputs, keep.tolist()), train.labels[keep], train.groups[keep])
    bench.predict(bench.fitted(subset), bench.test_inputs())


def _one_by_one(bench: _Bench) -> None:
    model, inputs = bench.fitted(), bench.test_inputs()
    together = bench.predict(model, inputs)
    single = np.concatenate([bench.predict(model, select(inputs, [i])) for i in range(len(inputs))])
    _equal(together, single, 1e-4, "the probabilities of a track depend on the other tracks in the input")


def _deterministic(bench: _Bench) -> None:
    inputs = bench.test_inputs()
    _equal(
        bench.predict(bench.fitted(), inputs),
        bench.predict(bench.fitted(), inputs),
        1e-6,
        "fitting twice with the same seed on the CPU gave different probabilities",
    )


def _saved(bench: _Bench) -> None:
    model, inputs = bench.fitted(), bench.test_inputs()
    model.save(bench.folder)
    for file in bench.folder.rglob("*"):
        if file.is_file() and (
            file.suffix in (".pkl", ".pickle", ".joblib", ".pt", ".pth") or file.read_bytes()[:1] == b"\x80"
        ):
            raise AssertionError(f"{file.name} looks like a pickle; use safetensors, skops, JSON or NumPy")
    fresh = bench.build()
    fresh.load(bench.folder)
    _equal(bench.predict(model, inputs), bench.predict(fresh, inputs), 1e-6, "the loaded model gives different probabilities")


def _optional(bench: _Bench) -> None:
    model, inputs = bench.fitted(), bench.test_inputs()
    for title, figure in model.figures().items():
        if not hasattr(figure, "savefig"):
            raise AssertionError(f"figure {title!r} is a {type(figure).__name__}, not a matplotlib figure")
    overridden = type(model).predict_timeline is not Model.predict_timeline
    if overridden != bench.spec.timeline:
        has = "has" if overridden else "has no"
        raise AssertionError(f"the spec says timeline={bench.spec.timeline}, but the model {has} predict_timeline")
    if not overridden:
        return
    timelines = model.predict_timeline(inputs)
    if len(timelines) != len(inputs):
        raise AssertionError(f"predict_timeline returned {len(timelines)} timelines for {len(inputs)} tracks")
    for timeline in timelines:
        if not isinstance(timeline, Timeline):
            raise AssertionError(f"predict_timeline returned {type(timeline).__name__}, not Timeline")
        checked(timeline.probabilities, len(timeline.seconds), len(GENRES), "predict_timeline")


def _curves(bench: _Bench) -> None:
    bench.fitted()
    for epoch, values in bench.points:
        if epoch < 1 or not all(isinstance(float(value), float) for value in values.values()):
            raise AssertionError(f"log({epoch!r}, {values!r}) is invalid: epochs count from 1, values are numbers")


CHECKS: dict[str, Callable[[_Bench], None]] = {
    "options are frozen and described": _options,
    "probabilities have the right shape and sum": _probabilities,
    "works without validation tracks": _no_validation,
    "works with a genre missing from training": _missing_genre,
    "predicts the same track by track and all at once": _one_by_one,
    "same seed, same probabilities": _deterministic,
    "saved and loaded without pickle, same probabilities": _saved,
    "figures and timeline are valid, if there are any": _optional,
    "curves count epochs from 1": _curves,
}


def _columns(requested: FeatureTable) -> tuple[tuple[str, ...], ...]:
    groups = requested.groups or ("mfcc", "zcr")
    return tuple((group, statistics, f"{i:02d}") for group in groups for statistics in ("mean", "std") for i in (1, 2, 3))


def _tone(label: int, n: int, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.normal(0, 0.1, n)
    if label == 2:
        return noise.astype(np.float32)
    frequency = (220.0, 1760.0)[label] * rng.uniform(0.9, 1.1)
    return (0.4 * np.sin(2 * np.pi * frequency * np.arange(n) / rate) + 0.1 * noise).astype(np.float32)


def _frames(label: int, requested: Frames, seconds: float, rng: np.random.Generator) -> NDArray[np.float32]:
    n = int(seconds * requested.sample_rate / requested.hop_length) + 1
    width = requested.n_coefficients * (3 if requested.deltas else 1)
    return rng.normal(0.5 * label, 1.0, (n, width)).astype(np.float32)


def _none_of(examples: Examples[Any], requested: Any) -> Examples[Any]:
    if isinstance(requested, FeatureTable):
        return dataclasses.replace(examples, inputs=np.zeros((0, len(_columns(requested)))))
    return examples


def _equal(a: NDArray[np.float64], b: NDArray[np.float64], tolerance: float, message: str) -> None:
    if not np.allclose(a, b, rtol=0, atol=tolerance):
        raise AssertionError(f"{message}; they differ by up to {np.abs(a - b).max():.2g}")

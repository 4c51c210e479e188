"""Conformance tests for plugin authors: a tiny task, and checks of the model contract.

In a plugin's tests::

    from genrebench.testing import assert_conforms

    def test_contract():
        assert_conforms(genrebench_models()[0], epochs=1)

The same checks run as ``genrebench plugins check NAME``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import (
    Context,
    Examples,
    Inputs,
    Model,
    ModelSpec,
    Timeline,
    select,
)
from genrebench.plugin.hosted import checked
from genrebench.plugin.inputs import Prepared
from genrebench.plugin.lazy import ListInputs
from genrebench.plugin.options import describe_options, parse_options
from genrebench.plugin.registry import installed_plugins

__all__ = ["CHECKS", "GENRES", "Check", "ListInputs", "assert_conforms", "conformance", "tiny_examples"]

GENRES = ("low", "high", "noise")


def tiny_examples(requested: Any, n_per_genre: int = 4, *, seconds: float = 3.0, seed: int = 0) -> Examples[Any]:
    """Generate a few labelled tracks with the input that a model requests.

    Parameters
    ----------
    requested : FeatureTable, Waveforms, Frames or another registered input whose spec has an example maker
    n_per_genre : int
        Number of tracks for each of the three `GENRES`.
    seconds : float
        Duration of the tracks, for inputs with a time axis.
    seed : int

    Returns
    -------
    `Examples`
        With several tracks per group.
    """
    labels = np.tile(np.arange(len(GENRES), dtype=np.int64), n_per_genre)
    inputs = _made(requested, labels, seed, seconds).inputs
    return Examples(inputs, labels, np.arange(len(labels), dtype=np.int64) // (2 * len(GENRES)))


def _made(requested: Any, labels: NDArray[np.int64], seed: int = 0, seconds: float = 3.0) -> Prepared:
    """Made tracks of the input that a model requests, one per label."""
    spec = installed_plugins().input(requested)
    if spec.example is None:
        raise ValueError(f"the input {spec.name} has no example maker: InputSpec(..., example=make)")
    return spec.example(requested, labels, seed, seconds)


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
        columns = _made(self.requested, np.zeros(1, dtype=np.int64)).columns
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
    bench.predict(bench.fitted(validation=tiny_examples(bench.requested, 0)), bench.test_inputs())


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


def _equal(a: NDArray[np.float64], b: NDArray[np.float64], tolerance: float, message: str) -> None:
    if not np.allclose(a, b, rtol=0, atol=tolerance):
        raise AssertionError(f"{message}; they differ by up to {np.abs(a - b).max():.2g}")

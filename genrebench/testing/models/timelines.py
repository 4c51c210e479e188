"""Whether timelines and figures of a model are what the contract says."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genrebench.errors import PluginError
from genrebench.plugin.contract import Inputs, Model, Timeline
from genrebench.plugin.hosted import checked
from genrebench.testing.models.bench import ModelBench

PADDED = 30.0
"""Seconds that a model may add to a track: points of a timeline that are later aren't in seconds."""


def timeline_problem(bench: ModelBench, model: Model[Any], inputs: Inputs, n_genres: int) -> str | None:
    """What is wrong with a model's timelines, or with what its spec says about them; None if nothing is."""
    overridden = type(model).predict_timeline is not Model.predict_timeline
    if overridden != bench.spec.timeline:
        has = "has" if overridden else "has no"
        return f"the spec says timeline={bench.spec.timeline}, but the model {has} predict_timeline"
    if not overridden:
        return None
    timelines = model.predict_timeline(inputs)
    if not isinstance(timelines, list | tuple) or len(timelines) != len(inputs):
        n = len(timelines) if hasattr(timelines, "__len__") else type(timelines).__name__
        return f"predict_timeline returned {n} timelines for {len(inputs)} tracks"
    problem = next((problem for line in timelines if (problem := _problem(line, n_genres))), None)
    return problem or _beyond(timelines, bench.durations(inputs))


def _beyond(timelines: Sequence[Timeline], durations: Sequence[float]) -> str | None:
    for line, seconds in zip(timelines, durations, strict=False):
        last = float(line.seconds[-1])
        if last > seconds + PADDED:
            return f"the timeline of a track of {seconds:.3g} s has a point at {last:.4g} s; are these frames or samples?"
    return None


def timeline_difference(one: Model[Any], other: Model[Any], inputs: Inputs) -> float:
    """The largest difference between the timelines of two models; infinite if they have other points."""
    largest = 0.0
    for a, b in zip(one.predict_timeline(inputs), other.predict_timeline(inputs), strict=True):
        if not np.array_equal(a.seconds, b.seconds):
            return np.inf
        largest = max(largest, float(np.abs(np.asarray(a.probabilities) - np.asarray(b.probabilities)).max(initial=0.0)))
    return largest


def _problem(line: Any, n_genres: int) -> str | None:
    if not isinstance(line, Timeline):
        return f"predict_timeline returned a {type(line).__name__}, not a Timeline"
    seconds = np.asarray(line.seconds)
    if seconds.ndim != 1 or not len(seconds) or seconds.dtype.kind not in "fiu":
        return (
            f"the seconds of a timeline have the shape {seconds.shape} and the type {seconds.dtype}, not one number per point"
        )
    if not np.isfinite(seconds).all() or (seconds < 0).any() or (np.diff(seconds) <= 0).any():
        return "the seconds of a timeline don't start at 0 or later and increase from point to point"
    try:
        checked(line.probabilities, len(seconds), n_genres, "predict_timeline")
    except PluginError as error:
        return str(error).removeprefix("predict_timeline: ").replace("predict_proba", "predict_timeline")
    return None


def figure_problem(model: Model[Any]) -> str | None:
    """What is wrong with a model's figures; None if nothing is."""
    figures = model.figures()
    if not isinstance(figures, Mapping):
        return f"figures returned a {type(figures).__name__}, not a mapping of titles to figures"
    module: Any = sys.modules.get("matplotlib.figure")
    for title, figure in figures.items():
        if not isinstance(title, str) or not title.strip():
            return f"the title of a figure is {title!r}"
        if module is None or not isinstance(figure, module.Figure):
            return f"figure {title!r} is a {type(figure).__name__}, not a matplotlib figure"
    return None

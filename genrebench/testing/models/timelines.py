"""Whether timelines and figures of a model are what the contract says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from genrebench.errors import PluginError
from genrebench.plugin.contract import Inputs, Model, ModelSpec, Timeline
from genrebench.plugin.hosted import checked


def timeline_problem(spec: ModelSpec, model: Model[Any], inputs: Inputs, n_genres: int) -> str | None:
    """What is wrong with a model's timelines, or with what its spec says about them; None if nothing is."""
    overridden = type(model).predict_timeline is not Model.predict_timeline
    if overridden != spec.timeline:
        has = "has" if overridden else "has no"
        return f"the spec says timeline={spec.timeline}, but the model {has} predict_timeline"
    if not overridden:
        return None
    timelines = model.predict_timeline(inputs)
    if not isinstance(timelines, list | tuple) or len(timelines) != len(inputs):
        n = len(timelines) if hasattr(timelines, "__len__") else type(timelines).__name__
        return f"predict_timeline returned {n} timelines for {len(inputs)} tracks"
    return next((problem for line in timelines if (problem := _problem(line, n_genres))), None)


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

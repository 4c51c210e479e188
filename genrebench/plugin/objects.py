"""Models that are passed as Python objects, without a plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Annotated, Any

from pydantic import Field

from genrebench.errors import UsageError
from genrebench.plugin.contract import Context, FeatureTable, ModelSpec
from genrebench.plugin.hookspecs import MODEL
from genrebench.plugin.registry import Plugin, Registered
from genrebench.plugin.sklearn import SklearnModel

OBJECT = "object"
"""Recorded as the plugin of models that were passed as objects."""


@dataclass(frozen=True)
class EstimatorOptions:
    """The estimator as text, so that estimators with different parameters are separate rows of a board."""

    estimator: Annotated[str, Field(description="the estimator and its parameters")] = ""


def registered_object(model: Any, name: str | None = None) -> Registered[ModelSpec]:
    """Register a `ModelSpec` or a scikit-learn classifier as a model.

    Parameters
    ----------
    model : ModelSpec or classifier
        A classifier, or a pipeline that ends in one, gets the feature table. It is cloned for each run, and every
        ``random_state`` parameter that is None is set to the run's seed.
    name : str, optional
        What the model is called; by default the spec's name, or that of the classifier's class.

    Raises
    ------
    UsageError
        If it is neither, or the name has other characters than a-z, 0-9 and -.
    """
    if name is not None and not re.fullmatch(MODEL.pattern, name):
        raise UsageError(f"the model name {name!r} has to match {MODEL.pattern}")
    if isinstance(model, ModelSpec):
        return Registered(replace(model, name=name or model.name), Plugin(OBJECT, OBJECT, ""), "object")
    if isinstance(model, type):
        raise UsageError(f"{model.__name__} is a class; pass an instance, {model.__name__}()")
    if not all(hasattr(model, method) for method in ("fit", "predict_proba", "get_params")):
        raise UsageError(
            f"{model!r:.60} isn't a model; pass the name of an installed model, a ModelSpec, or a scikit-learn classifier with "
            "predict_proba"
        )
    kind = type(model)
    text = " ".join(repr(model).split())
    spec = ModelSpec(
        name=name or re.sub(r"[^a-z0-9]+", "-", kind.__name__.lower()).strip("-"),
        summary=f"{kind.__name__} on the feature table",
        build=lambda context, _: SklearnModel(context, _seeded(model, context)),
        inputs=lambda _: FeatureTable(),
        options=_options(text),
    )
    return Registered(spec, Plugin(OBJECT, OBJECT, _version(kind)), "object")


def _options(text: str) -> type:
    """An options class whose only value is the text of an estimator."""
    return type(
        "EstimatorOptions",
        (EstimatorOptions,),
        {"__post_init__": lambda self: object.__setattr__(self, "estimator", text)},
    )


def _seeded(model: Any, context: Context) -> Any:
    from sklearn.base import clone

    estimator = clone(model)
    parameters: Mapping[str, Any] = estimator.get_params()
    seeds = {
        name: context.seed for name, value in parameters.items() if name.rpartition("__")[2] == "random_state" and value is None
    }
    return estimator.set_params(**seeds)


def _version(kind: type) -> str:
    """Name and version of the distribution of an estimator; empty if unknown."""
    top = kind.__module__.partition(".")[0]
    for name in metadata.packages_distributions().get(top, ()):
        return f"{name} {metadata.version(name)}"
    return ""

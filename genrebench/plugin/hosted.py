"""A plugin's model as the host uses it: probabilities are checked, and errors name the plugin."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import PluginError, UsageError
from genrebench.plugin.blame import blaming
from genrebench.plugin.contract import Context, Examples, Inputs, Model, ModelSpec, Timeline
from genrebench.plugin.options import options_as_dict, parse_options
from genrebench.plugin.registry import Registered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUM_TOLERANCE = 1e-4
"""Maximum deviation of the sum of a track's probabilities from 1."""


class HostedModel:
    """A plugin's model with its options.

    Parameters
    ----------
    registered : Registered of ModelSpec
    settings : mapping
        Option name to value, as in `genrebench.plugin.options.parse_options`; other options have their defaults.

    Raises
    ------
    UsageError
        If an option is unknown or its value is invalid.
    """

    def __init__(self, registered: Registered[ModelSpec], settings: Mapping[str, Any] | None = None) -> None:
        self.registered = registered
        self.spec = registered.spec
        self.plugin = registered.plugin
        self.options = parse_options(self.name, self.spec.options, settings or {})
        self.asked: set[str] = set()
        """What the model has read of its context when it was checked or built, of "device" and "devices"."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self.spec.name

    @property
    def label(self) -> str:
        """The names of the model and its plugin, for messages."""
        version = f" {self.plugin.version}" if self.plugin.version else ""  # the class of an object may have none
        return f"{self.name} ({self.plugin.distribution}{version})"

    @cached_property
    def input(self) -> Any:
        """The input that the model requests: a FeatureTable, Waveforms, Frames or another registered input."""
        with blaming(self.label, "inputs"):
            return self.spec.inputs(self.options)

    @property
    def origin(self) -> Literal["plugin", "object", "file"]:
        """Where the model comes from: an installed plugin, an object in this session, or a file."""
        return self.registered.origin

    @cached_property
    def trained_on(self) -> tuple[str, ...]:
        """Data sets that the model has seen before its training part."""
        with blaming(self.label, "trained_on"):
            named = self.spec.trained_on(self.options)
        if isinstance(named, str) or not all(isinstance(name, str) for name in named):
            raise PluginError(f"{self.label}: trained_on returned {named!r:.60}, not a list of names of data sets")
        return tuple(named)

    @property
    def option_values(self) -> dict[str, Any]:
        """The values of all options, in JSON types."""
        return options_as_dict(self.options)

    @property
    def changed(self) -> dict[str, Any]:
        """The options that differ from their defaults, in JSON types."""
        defaults = options_as_dict(self.spec.options())
        return {name: value for name, value in self.option_values.items() if defaults.get(name) != value}

    def check(self, context: Context) -> None:
        """Check that the model can run.

        Raises
        ------
        UsageError
            If the model can't run, for example because a device isn't available or options contradict each other.
        """
        with blaming(self.label, "check"):
            self.spec.check(_watched(context, self.asked), self.options)

    def join(self, context: Context) -> None:
        """Take part in the trainings of a launcher's first process until it ends."""
        if self.spec.join is not None:
            with blaming(self.label, "join"):
                self.spec.join(context)

    def require_timeline(self) -> None:
        """Check that the model has timelines.

        Raises
        ------
        UsageError
            If it has none.
        """
        if not self.spec.timeline:
            raise UsageError(f"{self.name} has no timeline; leave out the timeline")

    def build(self, context: Context) -> BuiltModel:
        """Build the model."""
        with blaming(self.label, "build"):
            model = self.spec.build(_watched(context, self.asked), self.options)
        if not isinstance(model, Model):
            raise PluginError(f"{self.label}: build returned {type(model).__name__}, which isn't a genrebench.api.Model")
        return BuiltModel(model, self.label, len(context.genres))


class _Watched(Context):
    """A context that notes whether its device and their number are read."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("device", "devices"):
            vars(self).get("asked", set()).add(name)
        return super().__getattribute__(name)


def _watched(context: Context, asked: set[str]) -> Context:
    watched = _Watched(**{field.name: getattr(context, field.name) for field in dataclasses.fields(context)})
    object.__setattr__(watched, "asked", asked)
    return watched


class BuiltModel:
    """A model built for a list of genres; created by `HostedModel.build`."""

    def __init__(self, model: Model[Any], label: str, n_genres: int) -> None:
        self._model, self.label, self._n_genres = model, label, n_genres

    def fit(self, train: Examples[Any], validation: Examples[Any]) -> None:
        """Fit the model."""
        with blaming(self.label, "fit"):
            self._model.fit(train, validation)

    def predict(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return checked probabilities of shape (n_tracks, n_genres)."""
        with blaming(self.label, "predict_proba"):
            probabilities = self._model.predict_proba(inputs)
        return checked(probabilities, len(inputs), self._n_genres, self.label)

    def timelines(self, inputs: Inputs) -> list[Timeline]:
        """Return the timeline of each track, with checked probabilities."""
        with blaming(self.label, "predict_timeline"):
            lines = self._model.predict_timeline(inputs)
        if len(lines) != len(inputs):
            raise PluginError(f"{self.label}: predict_timeline returned {len(lines)} timelines for {len(inputs)} files")
        return [
            Timeline(line.seconds, checked(line.probabilities, len(line.seconds), self._n_genres, self.label)) for line in lines
        ]

    def save(self, folder: Path) -> None:
        """Save the fitted model into an empty folder."""
        with blaming(self.label, "save"):
            self._model.save(folder)

    def load(self, folder: Path) -> BuiltModel:
        """Load the fitted model that `save` wrote, and return this object."""
        with blaming(self.label, "load"):
            self._model.load(folder)
        return self

    def figures(self) -> Mapping[str, Figure]:
        """Return the model's figures by title."""
        with blaming(self.label, "figures"):
            return self._model.figures()


def checked(probabilities: Any, n_tracks: int, n_genres: int, label: str) -> NDArray[np.float64]:
    """Check a model's probabilities and renormalise their rows; `label` names the model in messages.

    Raises
    ------
    PluginError
        If the shape is wrong, a value is negative or not finite, or a row doesn't sum to 1 within 1e-4.
    """
    try:
        p = np.asarray(probabilities, dtype=np.float64)
    except (TypeError, ValueError):
        kind = type(probabilities).__name__
        raise PluginError(f"{label}: predict_proba returned {kind}, not an array of numbers") from None
    if p.shape != (n_tracks, n_genres):
        raise PluginError(f"{label}: predict_proba returned shape {p.shape}, expected ({n_tracks}, {n_genres})")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        bad = p[row][~np.isfinite(p[row])][0]
        raise PluginError(f"{label}: predict_proba returned {bad} in row {row}; all probabilities have to be finite")
    if (p < 0).any():
        raise PluginError(f"{label}: predict_proba returned a negative probability, {p.min():g}")
    sums = p.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(wrong):
        raise PluginError(
            f"{label}: predict_proba returned a row that sums to {sums[wrong[0]]:.6g} instead of 1 (row {wrong[0]})"
        )
    return np.asarray(p / sums[:, None])

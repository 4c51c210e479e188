"""A plugin's model as the host uses it: calls are guarded, probabilities are checked, and errors name the plugin."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.environment import without_home
from genrebench.errors import GenrebenchError, PluginError, UsageError
from genrebench.plugin.contract import Context, Examples, Inputs, Model, ModelSpec, Timeline
from genrebench.plugin.options import options_as_dict, parse_options
from genrebench.plugin.registry import Registered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUM_TOLERANCE = 1e-4
"""How far the sum of a row of probabilities may be from 1."""


class HostedModel:
    """A model that a plugin offers, with its options.

    Parameters
    ----------
    registered : Registered of ModelSpec
    settings : mapping
        Option name to value, as in `genrebench.plugin.options.parse_options`; those that are missing have their defaults.

    Raises
    ------
    UsageError
        If an option is unknown or its value can't be used.
    """

    def __init__(self, registered: Registered[ModelSpec], settings: Mapping[str, Any] | None = None) -> None:
        self.registered = registered
        self.spec = registered.spec
        self.plugin = registered.plugin
        self.options = parse_options(self.name, self.spec.options, settings or {})

    @property
    def name(self) -> str:
        """The model's name."""
        return self.spec.name

    @property
    def owner(self) -> str:
        """The model's name and its plugin, for messages."""
        return f"{self.name} ({self.plugin.distribution} {self.plugin.version})"

    @cached_property
    def input(self) -> Any:
        """What the model sees: a FeatureTable, Waveforms, Frames or another registered input."""
        with blaming(self.owner, "inputs"):
            return self.spec.inputs(self.options)

    @property
    def chosen(self) -> dict[str, Any]:
        """All options, in JSON types."""
        return options_as_dict(self.options)

    @property
    def changed(self) -> dict[str, Any]:
        """The options that differ from their defaults, in JSON types."""
        defaults = options_as_dict(self.spec.options())
        return {name: value for name, value in self.chosen.items() if defaults.get(name) != value}

    def check(self, context: Context) -> None:
        """Ask the plugin whether the model can run at all.

        Raises
        ------
        UsageError
            If a device isn't there, or options contradict each other.
        """
        with blaming(self.owner, "check"):
            self.spec.check(context, self.options)

    def require_timeline(self) -> None:
        """Make sure that the model gives timelines.

        Raises
        ------
        UsageError
            If it doesn't.
        """
        if not self.spec.timeline:
            raise UsageError(f"{self.name} gives no timeline; leave out --timeline")

    def build(self, context: Context) -> BuiltModel:
        """Build the model."""
        with blaming(self.owner, "build"):
            model = self.spec.build(context, self.options)
        if not isinstance(model, Model):
            raise PluginError(f"{self.owner}: build returned {type(model).__name__}, which is no genrebench.api.Model")
        return BuiltModel(model, self.owner, len(context.genres))


class BuiltModel:
    """A model that was built for a set of genres; made by `HostedModel.build`."""

    def __init__(self, model: Model[Any], owner: str, n_genres: int) -> None:
        self._model, self.owner, self._n_genres = model, owner, n_genres

    def fit(self, train: Examples[Any], validation: Examples[Any]) -> None:
        """Fit the model."""
        with blaming(self.owner, "fit"):
            self._model.fit(train, validation)

    def predict(self, inputs: Inputs) -> NDArray[np.float64]:
        """Checked probabilities, shape (n_tracks, n_genres)."""
        with blaming(self.owner, "predict_proba"):
            probabilities = self._model.predict_proba(inputs)
        return checked(probabilities, len(inputs), self._n_genres, self.owner)

    def timelines(self, inputs: Inputs) -> list[Timeline]:
        """Checked probabilities along each track."""
        with blaming(self.owner, "predict_timeline"):
            lines = self._model.predict_timeline(inputs)
        if len(lines) != len(inputs):
            raise PluginError(f"{self.owner}: predict_timeline gave {len(lines)} timelines for {len(inputs)} files")
        return [
            Timeline(line.seconds, checked(line.probabilities, len(line.seconds), self._n_genres, self.owner)) for line in lines
        ]

    def save(self, folder: Path) -> None:
        """Let the model write what it learned into an empty folder."""
        with blaming(self.owner, "save"):
            self._model.save(folder)

    def load(self, folder: Path) -> BuiltModel:
        """Let the model read what `save` wrote, and return this object."""
        with blaming(self.owner, "load"):
            self._model.load(folder)
        return self

    def figures(self) -> Mapping[str, Figure]:
        """Figures by title."""
        with blaming(self.owner, "figures"):
            return self._model.figures()


@contextlib.contextmanager
def blaming(owner: str, step: str) -> Iterator[None]:
    """Turn what a plugin raises in the body into an error that names it; expected errors keep their class."""
    try:
        yield
    except GenrebenchError as error:
        raise type(error)(f"{owner}: {error}") from error
    except (Exception, SystemExit) as error:  # sys.exit in a plugin must not end the program
        raise PluginError(f"{owner} raised {type(error).__name__} in {step}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Return an error as one line without the user's home folder."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, GenrebenchError):
        text = f"{type(error).__name__}: {text}" if str(error) else text
    return without_home(text)


def checked(probabilities: Any, n_tracks: int, n_genres: int, owner: str) -> NDArray[np.float64]:
    """Check a model's probabilities and renormalise their rows.

    Raises
    ------
    PluginError
        If the shape is wrong, a value is not finite or negative, or a row doesn't sum to 1 within 1e-4.
    """
    try:
        p = np.asarray(probabilities, dtype=np.float64)
    except (TypeError, ValueError):
        kind = type(probabilities).__name__
        raise PluginError(f"{owner}: predict_proba returned {kind}, not an array of numbers") from None
    if p.shape != (n_tracks, n_genres):
        raise PluginError(f"{owner}: predict_proba returned shape {p.shape}, expected ({n_tracks}, {n_genres})")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        bad = p[row][~np.isfinite(p[row])][0]
        raise PluginError(f"{owner}: predict_proba returned {bad} in row {row}; all values have to be finite")
    if (p < 0).any():
        raise PluginError(f"{owner}: predict_proba returned a negative probability, {p.min():g}")
    sums = p.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if len(wrong):
        raise PluginError(
            f"{owner}: predict_proba returned a row that sums to {sums[wrong[0]]:.6g} instead of 1 (row {wrong[0]})"
        )
    return np.asarray(p / sums[:, None])

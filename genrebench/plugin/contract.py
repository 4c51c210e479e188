"""The model contract: what a model gets and what it has to do. Authors import these names from `genrebench.api`.

A model asks for one kind of input: `FeatureTable` (one feature vector per track, an array), or `Waveforms` or `Frames` (one
array per track, read lazily). `ModelSpec` names the model and builds it; `Model` has five methods, of which the last is
optional.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.lazy import LazyInputs
from genrebench.progress import no_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = NDArray[np.float64]
"""Feature vectors, shape (n_tracks, n_columns)."""

Inputs = Table | LazyInputs
InputT = TypeVar("InputT")  # Table or LazyInputs


# ------------------------------------------------------------------ what a model can ask for


@dataclass(frozen=True)
class FeatureTable:
    """One feature vector per track.

    Parameters
    ----------
    groups : tuple of str
        Features to keep, by the first level of the column names ("mfcc", "spectral_contrast"); empty keeps all.
    source : {"auto", "given", "extract"}
        "given" takes the values that came with the dataset, "extract" computes FMA's 518 columns from the audio, "auto" takes
        given values where there are any.
    """

    groups: tuple[str, ...] = ()
    source: Literal["auto", "given", "extract"] = "auto"


@dataclass(frozen=True)
class Waveforms:
    """Mono samples in [-1, 1], float32, one array of shape (n_samples,) per track, resampled to `sample_rate` Hz."""

    sample_rate: int = 44100


@dataclass(frozen=True)
class Frames:
    """A sequence of frames, float32, one array of shape (n_frames, n_values) per track.

    Parameters
    ----------
    kind : {"mfcc", "mel", "chroma"}
        Cepstral coefficients of the mel spectrogram in dB; that spectrogram; energy of the pitch classes.
    sample_rate : int
        In Hz.
    hop_length, n_fft : int
        In samples; frames are centred.
    n_coefficients : int
        Cepstral coefficients, mel bands or pitch classes per frame.
    deltas : bool
        Append first and second differences in time, which triples the values per frame.
    """

    kind: Literal["mfcc", "mel", "chroma"] = "mfcc"
    sample_rate: int = 22050
    hop_length: int = 512
    n_fft: int = 2048
    n_coefficients: int = 20
    deltas: bool = False


# ------------------------------------------------------------------ what a model gets


@dataclass(frozen=True)
class Examples(Generic[InputT]):
    """Labelled inputs.

    Parameters
    ----------
    inputs : Table or LazyInputs, of length n_tracks
    labels : ndarray of int, shape (n_tracks,)
        Index into the genres.
    groups : ndarray of int, shape (n_tracks,)
        Opaque: tracks of one artist share a number, so that inner folds can keep them together (see `grouped_folds`). Where no
        artist is known, each track has its own.
    """

    inputs: InputT
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def _ignore(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Context:
    """What a model knows of the run that it is part of.

    Parameters
    ----------
    genres : tuple of str
        In the order of the label indices and of the probability columns.
    seed : int
        All randomness of the model follows from it.
    device : str
        "auto", "cpu", "cuda" or "mps", as the user asked; a model that runs on one device ignores it.
    workers : int
        Processes or threads that the model may use.
    checkpoints : Path or None
        The model's own folder for checkpoints: empty in a new run, as the interrupted run left it in a resumed one. None where
        nothing is to be kept.
    columns : tuple of tuple of str
        Names of a feature table's columns; empty for other inputs.
    progress : callable
        ``progress(iterable, description, total=None)`` yields the items and shows progress.
    log : callable
        ``log(epoch, values)`` adds a point to the run's curves: epochs count from 1, values map names to numbers. A second
        point of one epoch replaces the first.
    record : callable
        ``record(name, value)`` keeps a fact of the run, in JSON types: "device", "parameters", ...
    """

    genres: tuple[str, ...]
    seed: int = 0
    device: str = "auto"
    workers: int = 1
    checkpoints: Path | None = None
    columns: tuple[tuple[str, ...], ...] = ()
    progress: Callable[..., Iterable[Any]] = no_progress
    log: Callable[[int, Mapping[str, float]], None] = _ignore
    record: Callable[[str, Any], None] = _ignore


# ------------------------------------------------------------------ what a plugin provides


@dataclass(frozen=True)
class Timeline:
    """Genre probabilities along one track.

    Parameters
    ----------
    seconds : ndarray of float, shape (n_points,)
        Start of each stretch, from the start of the model's input.
    probabilities : ndarray of float, shape (n_points, n_genres)
        Rows sum to 1.
    """

    seconds: NDArray[np.float64]
    probabilities: NDArray[np.float64]


class Model(ABC, Generic[InputT]):
    """A genre classifier over inputs of type `InputT`: ``Model[Table]`` or ``Model[LazyInputs]``.

    The host builds it, calls either `fit` or `load` once, then `predict_proba` any number of times. A model never sees a test
    label, a title, an artist's name or a track id.
    """

    @abstractmethod
    def fit(self, train: Examples[InputT], validation: Examples[InputT]) -> None:
        """Learn from `train`. `validation`, which may be empty, may choose epochs or temperatures."""

    @abstractmethod
    def predict_proba(self, inputs: InputT) -> NDArray[np.float64]:
        """Probabilities, shape (n_tracks, n_genres), not negative, rows summing to 1, columns in the context's order."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learned into an existing empty folder; no pickle: safetensors, skops, JSON or NumPy."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read what `save` wrote; called on a newly built model instead of `fit`."""

    def predict_timeline(self, inputs: InputT) -> list[Timeline]:
        """Probabilities along each track; for models whose spec says ``timeline=True``."""
        raise NotImplementedError

    def figures(self) -> Mapping[str, Figure]:
        """Figures by title, drawn when the run ends and kept as images; optional."""
        return {}


@dataclass(frozen=True)
class NoOptions:
    """The options of a model that has none."""


def _nothing_to_refuse(context: Context, options: Any) -> None:
    """Accept every context and all options."""


@dataclass(frozen=True)
class ModelSpec:
    """A model that `genrebench run NAME` finds.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    build : callable
        ``build(context, options)`` returns a new model. Heavy imports belong in here.
    inputs : callable
        ``inputs(options)`` returns what the model sees: a `FeatureTable`, `Waveforms`, `Frames` or another registered input.
    options : type
        A frozen dataclass whose fields have defaults. A field annotated
        ``Annotated[float, Field(gt=0, description="penalty")]`` is checked and documented.
    check : callable
        ``check(context, options)`` raises `UsageError` for what can be refused before any work: a device that isn't there,
        options that contradict each other.
    timeline : bool
        Whether the model has `predict_timeline`.
    """

    name: str
    summary: str
    build: Callable[[Context, Any], Model[Any]]
    inputs: Callable[[Any], Any]
    options: type = NoOptions
    check: Callable[[Context, Any], None] = _nothing_to_refuse
    timeline: bool = False

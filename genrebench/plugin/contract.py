"""The contract between genrebench and models. Plugin authors import these names from `genrebench.api`.

A model requests one kind of input: `FeatureTable` (one feature vector per track, an array), `Waveforms` or `Frames` (one array
per track, read lazily). `ModelSpec` names the model and builds it; `Model` is the base class of models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
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


# ------------------------------------------------------------------ inputs


@dataclass(frozen=True)
class FeatureTable:
    """One feature vector per track.

    Parameters
    ----------
    groups : tuple of str
        Features to keep, by the first level of the column names ("mfcc", "spectral_contrast"); if empty, all are kept.
    source : {"auto", "given", "extract"}
        "given" uses the precomputed features of the dataset, "extract" computes FMA's 518 features from the audio, "auto" uses
        precomputed features if there are any.
    """

    groups: tuple[str, ...] = ()
    source: Literal["auto", "given", "extract"] = "auto"


@dataclass(frozen=True)
class Waveforms:
    """Mono samples in [-1, 1], float32, one array of shape (n_samples,) per track.

    Parameters
    ----------
    sample_rate : int or None
        Hz that each file is resampled to. None leaves each file at its own rate; `LazyInputs.sample_rates` has the rates.
    """

    sample_rate: int | None = 44100


@dataclass(frozen=True)
class Frames:
    """A sequence of frames, float32, one array of shape (n_frames, n_values) per track.

    Parameters
    ----------
    kind : {"mfcc", "mel", "chroma"}
        Cepstral coefficients of the mel spectrogram in dB, the mel spectrogram itself, or the energy of the pitch classes.
    sample_rate : int
        In Hz.
    hop_length, n_fft : int
        In samples; frames are centred.
    n_coefficients : int
        Cepstral coefficients, mel bands or pitch classes per frame.
    deltas : bool
        Append first and second time derivatives, which triples the number of values per frame.
    """

    kind: Literal["mfcc", "mel", "chroma"] = "mfcc"
    sample_rate: int = 22050
    hop_length: int = 512
    n_fft: int = 2048
    n_coefficients: int = 20
    deltas: bool = False


# ------------------------------------------------------------------ arguments of a model's methods


@dataclass(frozen=True)
class Examples(Generic[InputT]):
    """Labelled inputs.

    Parameters
    ----------
    inputs : Table or LazyInputs, of length n_tracks
    labels : ndarray of int, shape (n_tracks,)
        Index into the genres.
    groups : ndarray of int, shape (n_tracks,)
        Anonymous artist number: tracks by the same artist have the same number, so that inner folds can keep them together (see
        `grouped_folds`). A track whose artist isn't known has a number of its own.
    """

    inputs: InputT
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def select(inputs: Inputs, rows: Sequence[int]) -> Inputs:
    """The inputs of the tracks at `rows`, in this order."""
    return inputs.subset(rows) if isinstance(inputs, LazyInputs) else inputs[rows]


def _ignore(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Context:
    """What a model can use of the run that it belongs to.

    Parameters
    ----------
    genres : tuple of str
        In the order of the label indices and of the probability columns.
    seed : int
        Seed for all randomness of the model.
    device : str
        "auto", "cpu", "cuda", "cuda:N" (the GPU of that number, from 0) or "mps", as requested by the user. A model that uses
        it reads it when it is checked or built, and records the fact "device"; of one that doesn't, a warning says that it
        ignores what was asked for.
    workers : int
        Number of processes or threads that the model may use.
    checkpoints : Path or None
        A folder for the model's checkpoints: empty in a new run, unchanged in a resumed run. None if checkpoints aren't needed.
    columns : tuple of tuple of str
        Column names of a feature table; empty for other inputs.
    progress : callable
        ``progress(iterable, description, total=None)`` yields the items and shows progress.
    log : callable
        ``log(epoch, values)`` adds a point to the run's training curves: epochs count from 1, values map names to numbers. A
        second point for the same epoch replaces the first.
    record : callable
        ``record(name, value)`` records a fact about the run, in JSON types: "device", "parameters", ...
    devices : int
        Number of devices of that kind that one training may use. A model that uses several reads it when it is checked or
        built, and records the fact "devices".
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
    devices: int = 1


# ------------------------------------------------------------------ models


@dataclass(frozen=True)
class Timeline:
    """Genre probabilities over the course of a track.

    Parameters
    ----------
    seconds : ndarray of float, shape (n_points,)
        Start of each segment, relative to the start of the model's input.
    probabilities : ndarray of float, shape (n_points, n_genres)
        Rows sum to 1.
    """

    seconds: NDArray[np.float64]
    probabilities: NDArray[np.float64]


class Model(ABC, Generic[InputT]):
    """A genre classifier over inputs of type `InputT`: ``Model[Table]`` or ``Model[LazyInputs]``.

    The host builds the model, calls either `fit` or `load` once, then `predict_proba` any number of times. A model never gets
    test labels, titles, artist names or track ids.
    """

    @abstractmethod
    def fit(self, train: Examples[InputT], validation: Examples[InputT]) -> None:
        """Fit the model to `train`. `validation`, which may be empty, is for early stopping, calibration and the like."""

    @abstractmethod
    def predict_proba(self, inputs: InputT) -> NDArray[np.float64]:
        """Return probabilities of shape (n_tracks, n_genres): non-negative, rows sum to 1, columns as in the context."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the fitted model into an existing empty folder, as safetensors, skops, JSON or NumPy files, not as pickle.

        If the disk refuses, which an OSError says, it is called again with another folder.
        """

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read the files that `save` wrote; called on a newly built model instead of `fit`."""

    def predict_timeline(self, inputs: InputT) -> list[Timeline]:
        """Return the timeline of each track; for models whose spec has ``timeline=True``."""
        raise NotImplementedError

    def figures(self) -> Mapping[str, Figure]:
        """Return figures by title, which are saved as images when the run ends; optional.

        The label of a figure (``figure.set_label``) is its caption: a sentence on what one sees in it and may conclude.
        """
        return {}


@dataclass(frozen=True)
class NoOptions:
    """Options of a model without options."""


def _accept(context: Context, options: Any) -> None:
    """Accept all contexts and options."""


def _nothing(_options: Any) -> Sequence[str]:
    """Say that a model has seen no data before its training part."""
    return ()


@dataclass(frozen=True)
class ModelSpec:
    """A model that can be run with `genrebench run NAME`.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    build : callable
        ``build(context, options)`` returns a new model. Put heavy imports into this function.
    inputs : callable
        ``inputs(options)`` returns the input that the model requests: a `FeatureTable`, `Waveforms`, `Frames` or another
        registered input.
    options : type
        A frozen dataclass whose fields have defaults. A field annotated
        ``Annotated[float, Field(gt=0, description="penalty")]`` is validated and documented.
    check : callable
        ``check(context, options)`` raises `UsageError` if the model can't run, for example because a device isn't available or
        options contradict each other. It is called before any work starts.
    timeline : bool
        Whether the model implements `predict_timeline`.
    trained_on : callable
        ``trained_on(options)`` names the data sets that the model has seen before its training part, for pretrained models:
        "fma-large", "audioset", ... Boards show them, and mark a row whose test tracks are among them.
    reads_since : str
        The oldest version of the plugin whose saved models this one reads and answers for as it did; empty if all. Runs of
        older versions aren't used for prediction.
    citation : str
        BibTeX of the publication to cite, which `genrebench cite` prints.
    join : callable or None
        ``join(context)`` is called in the processes that a launcher such as torchrun starts beside the first one, which makes
        the run. It takes part in the trainings of the first one, and returns when that ends. None if the model is trained by
        one process.
    """

    name: str
    summary: str
    build: Callable[[Context, Any], Model[Any]]
    inputs: Callable[[Any], Any]
    options: type = NoOptions
    check: Callable[[Context, Any], None] = _accept
    timeline: bool = False
    trained_on: Callable[[Any], Sequence[str]] = _nothing
    reads_since: str = ""
    citation: str = ""
    join: Callable[[Context], None] | None = None

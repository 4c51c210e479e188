"""The model contract: what a plugin gets and what it gives. Plugins import it from `genrebench.api`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from genrebench.records import Dataset, Excerpt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")


# ------------------------------------------------------------------ what a model sees


@dataclass(frozen=True)
class FeatureTable:
    """One row of numbers a track.

    Parameters
    ----------
    groups : tuple of str
        Features to keep, by the first level of the column names ("mfcc", "spectral_contrast"); empty keeps all.
    source : {"auto", "given", "extract"}
        "given" takes the values that came with the dataset, "extract" computes the 518 FMA columns from the audio, "auto"
        takes given values where there are any.
    """

    groups: tuple[str, ...] = ()
    source: Literal["auto", "given", "extract"] = "auto"


@dataclass(frozen=True)
class Waveforms:
    """Mono samples in [-1, 1], float32, one array of shape (n_samples,) a track.

    Parameters
    ----------
    sample_rate : int
        In Hz; every track is resampled to it.
    """

    sample_rate: int = 44100


@dataclass(frozen=True)
class Frames:
    """A sequence of frames, float32, one array of shape (n_frames, n_coefficients) a track.

    Parameters
    ----------
    kind : {"mfcc", "mel", "chroma"}
        "mfcc": cepstral coefficients of the dB mel spectrogram; "mel": that spectrogram, in dB; "chroma": energy of the
        twelve pitch classes.
    sample_rate : int
        In Hz.
    hop_length, n_fft : int
        In samples; frames are centred.
    n_coefficients : int
        Values a frame: cepstral coefficients, mel bands or pitch classes.
    deltas : bool
        Append first and second differences in time, which triples the values a frame.
    """

    kind: Literal["mfcc", "mel", "chroma"] = "mfcc"
    sample_rate: int = 22050
    hop_length: int = 512
    n_fft: int = 2048
    n_coefficients: int = 20
    deltas: bool = False


Input = FeatureTable | Waveforms | Frames


class LazyInputs(Sequence[NDArray[np.float32]]):
    """A sequence of arrays that are read when they are indexed, so that memory doesn't grow with the data set.

    Indexing with an integer reads one track. `subset` gives the same for some of the tracks, without reading any. Instances
    can be pickled to worker processes.
    """

    @property
    @abstractmethod
    def lengths(self) -> NDArray[np.int64]:
        """Length of each array's first axis: samples or frames, shape (n_tracks,)."""

    @abstractmethod
    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice) -> LazyInputs: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.float32] | LazyInputs:
        """Track `index` whole, or the tracks of a slice as lazy inputs."""
        if isinstance(index, slice):
            return self.subset(range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.read(index % len(self))

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[i] for i in range(len(self)))

    @abstractmethod
    def read(self, index: int, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Part of track `index`, from `start` to `stop` on the first axis; only that part is read."""

    @abstractmethod
    def subset(self, indices: Iterable[int]) -> LazyInputs:
        """The tracks at `indices`, in that order, as lazy inputs."""


Inputs = NDArray[np.float64] | LazyInputs


@dataclass(frozen=True)
class Examples:
    """Labelled inputs.

    Parameters
    ----------
    inputs : ndarray of shape (n_tracks, n_columns), or LazyInputs of length n_tracks
    labels : ndarray of int, shape (n_tracks,)
        Index into the genres.
    groups : ndarray of int, shape (n_tracks,)
        Opaque: tracks of one artist share a number, so that inner folds can keep them together. Where no artist is known
        each track has a number of its own.
    """

    inputs: Inputs
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


# ------------------------------------------------------------------ what a model gets


def _no_progress(iterable: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:  # noqa: ARG001
    return iterable


def _ignore(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Context:
    """What the host tells a model about the run that it is part of.

    Parameters
    ----------
    genres : tuple of str
        In the order of the label indices and of the probability columns.
    seed : int
        All randomness of the model follows from it.
    device : str
        "auto", "cpu", "cuda" or "mps", as the user asked; a model that has one device ignores it.
    workers : int
        Processes or threads that the model may use.
    checkpoints : Path or None
        A folder of the model's own. It is empty in a new run; in a resumed one it holds what the interrupted run left
        there. None where nothing is to be kept.
    columns : tuple of tuple of str
        Names of a feature table's columns; empty for other inputs.
    progress : callable
        ``progress(iterable, description, total=None)`` yields the items and shows how far they are.
    log : callable
        ``log(epoch, values)`` adds a point to the run's curves: epoch counted from 1, values a mapping of name to number.
        A point of an epoch that is there already replaces it.
    record : callable
        ``record(name, value)`` keeps a fact of the run, in JSON types: "device", "parameters", "effective_hop" ...
    """

    genres: tuple[str, ...]
    seed: int = 0
    device: str = "auto"
    workers: int = 1
    checkpoints: Path | None = None
    columns: tuple[tuple[str, ...], ...] = ()
    progress: Callable[..., Iterable[Any]] = _no_progress
    log: Callable[[int, Mapping[str, float]], None] = _ignore
    record: Callable[[str, Any], None] = _ignore


@dataclass(frozen=True)
class Timeline:
    """Genre probabilities along one track.

    Parameters
    ----------
    seconds : ndarray of float, shape (n_points,)
        Start of each stretch, from the start of what the model saw.
    probabilities : ndarray of float, shape (n_points, n_genres)
        Rows sum to 1.
    """

    seconds: NDArray[np.float64]
    probabilities: NDArray[np.float64]


# ------------------------------------------------------------------ what a plugin gives


class Model(ABC):
    """A classifier of music by genre.

    The host builds it, then calls either `fit` or `load` once, then `predict_proba` as often as it likes. A model never sees
    a test label, a title, an artist's name or a track id.
    """

    @abstractmethod
    def fit(self, train: Examples, validation: Examples) -> None:
        """Learn from `train`. `validation` may choose epochs or temperatures; it may be empty."""

    @abstractmethod
    def predict_proba(self, inputs: Inputs) -> NDArray[np.float64]:
        """Probabilities, shape (n_tracks, n_genres), not negative, rows summing to 1, columns in the context's order."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learned into an existing empty folder; no pickle: safetensors, skops, JSON or NumPy."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Read what `save` wrote; called on a freshly built model instead of `fit`."""

    def predict_timeline(self, inputs: Inputs) -> list[Timeline]:
        """Probabilities along each track; optional."""
        raise NotImplementedError

    def figures(self) -> Mapping[str, Figure]:
        """Title to figure, drawn when the run ends and kept as images in the run; optional."""
        return {}


@dataclass(frozen=True)
class NoOptions:
    """The options of a model that has none."""


@dataclass(frozen=True)
class ModelSpec:
    """A model that `genrebench run NAME` knows.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    build : callable
        ``build(context, options)`` gives a new model. Heavy imports belong in here.
    inputs : callable
        ``inputs(options)`` says what the model sees.
    options : type
        A frozen dataclass whose fields have defaults. A field annotated
        ``Annotated[float, Field(gt=0, description="penalty")]`` is checked and documented.
    """

    name: str
    summary: str
    build: Callable[[Context, Any], Model]
    inputs: Callable[[Any], Any]
    options: type = NoOptions


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset that `--dataset NAME` knows.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    load : callable
        ``load(home)`` reads the dataset; `home` is the folder below which genrebench keeps data. A dataset that isn't there
        raises `DataError` with the command that gets it.
    make : callable, optional
        For a dataset that is computed: ``make(home, progress, workers)`` is called before `load` and creates the files that
        `load` reads, unless they exist. `progress` is as in `Context`; `workers` is the number of processes or threads to
        use, or None for one per processor.
    """

    name: str
    summary: str
    load: Callable[[Path], Dataset]
    make: Callable[[Path, Callable[..., Iterable[Any]], int | None], object] | None = None


@dataclass(frozen=True)
class Prepared:
    """Inputs of some tracks, ready for a model.

    Parameters
    ----------
    inputs : ndarray or LazyInputs
        One entry a track, in the order that was asked for.
    columns : tuple of tuple of str
        Names of a table's columns, else empty.
    source : str or None
        Where the values come from, for the record: "given", "extracted from audio", ...
    """

    inputs: Inputs
    columns: tuple[tuple[str, ...], ...] = ()
    source: str | None = None


@dataclass(frozen=True)
class Clip:
    """An audio file to make inputs from."""

    id: str
    path: Path
    content_hash: str


@dataclass(frozen=True)
class InputContext:
    """Where and how inputs are made.

    Parameters
    ----------
    cache : Path
        Folder of the cache of computed inputs.
    excerpt : Excerpt
        The stretch of each clip to use.
    workers : int
        Processes.
    progress : callable
        As in `Context`.
    cached : bool
        Whether inputs that are read lazily are computed once into the cache, or else anew at each access.
    """

    cache: Path
    excerpt: Excerpt = field(default_factory=Excerpt)
    workers: int = 1
    progress: Callable[..., Iterable[Any]] = _no_progress
    cached: bool = True


@dataclass(frozen=True)
class InputSpec:
    """A kind of input.

    Parameters
    ----------
    type : type
        The frozen dataclass with which a model asks for it.
    summary : str
        One line.
    prepare : callable
        ``prepare(wanted, clips, context)`` computes the inputs of `clips` (in parallel, cached by content) and returns
        `Prepared`.
    """

    type: type
    summary: str
    prepare: Callable[[Any, Sequence[Clip], InputContext], Prepared]


@dataclass(frozen=True)
class MetricSpec:
    """A score of predictions.

    Parameters
    ----------
    name : str
    summary : str
    compute : callable
        ``compute(labels, probabilities)`` with labels of shape (n_tracks,), int, and probabilities of shape
        (n_tracks, n_genres).
    """

    name: str
    summary: str
    compute: Callable[[NDArray[np.int64], NDArray[np.float64]], float]

"""What authors of kinds of input need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Inputs
from genrebench.progress import no_progress
from genrebench.records import Dataset, Excerpt

Columns = tuple[tuple[str, ...], ...]
"""Names of a table's columns, each of one or more levels."""


def is_column(name: Any) -> bool:
    """Whether this can be the name of a column."""
    return isinstance(name, tuple) and bool(name) and all(isinstance(level, str) for level in name)


@dataclass(frozen=True)
class Clip:
    """An audio file to compute inputs from.

    Parameters
    ----------
    id : str
        Track id, or the path of a file that belongs to no dataset.
    path : Path
    content_hash : str
        Hash of the file's content.
    """

    id: str
    path: Path
    content_hash: str


def _say_nothing(text: str) -> None:
    pass


@dataclass(frozen=True)
class InputContext:
    """Where and how inputs are computed.

    Parameters
    ----------
    cache : Path
        Folder of the cache of computed inputs.
    excerpt : Excerpt
        The stretch of each clip to use.
    workers : int
        Number of processes.
    progress : callable
        As in `Context`.
    cached : bool
        Whether inputs that are read lazily are computed once into the cache, or at each access.
    refuse_silence : bool
        Whether a clip with a silent excerpt is refused like one that can't be decoded, as in prediction.
    device : str
        As in `Context`, for inputs that a network computes.
    say : callable
        ``say(text)`` is called with messages for the user.
    columns : tuple of tuple of str
        In prediction with a trained model, the columns of the table that it saw; empty otherwise. The host takes these of what
        is prepared, so that a kind of input that always has the same columns need not look.
    """

    cache: Path
    excerpt: Excerpt = field(default_factory=Excerpt)
    workers: int = 1
    progress: Callable[..., Iterable[Any]] = no_progress
    cached: bool = True
    refuse_silence: bool = False
    device: str = "auto"
    say: Callable[[str], None] = _say_nothing
    columns: Columns = ()


@dataclass(frozen=True)
class Prepared:
    """Inputs of some tracks, ready for a model.

    Parameters
    ----------
    inputs : ndarray or LazyInputs
        One entry per track, in the order of the clips.
    columns : tuple of tuple of str
        Names of a table's columns; empty for other inputs.
    source : str or None
        Where the values come from, for the record: "given", "extracted from audio", ...
    """

    inputs: Inputs
    columns: Columns = ()
    source: str | None = None


@dataclass(frozen=True)
class InputSpec:
    """A kind of input.

    Parameters
    ----------
    type : type
        The frozen dataclass with which a model asks for it; kinds are told apart by this type.
    summary : str
        One line.
    prepare : callable
        ``prepare(requested, clips, context)`` computes the inputs of `clips` for an instance of `type` and returns `Prepared`.
    example : callable, optional
        ``example(requested, labels, seed, seconds)`` returns `Prepared` of made tracks, one for each of `labels`, an array of
        int64: tracks with the same label are alike, other labels sound different, and `seed` varies the tracks. A label of -1
        asks for a silent track. Tracks are `seconds` long, where the input has a time axis; the shortest has one entry. No
        audio is decoded and nothing is cached. The conformance kit tries models on such tracks.
    frame_rate : callable, optional
        ``frame_rate(requested)`` returns how many entries the first axis has per second, for inputs whose first axis is time;
        or None, if the rate differs from track to track. `genrebench ablate` changes the order of such entries.
    given : callable, optional
        ``given(requested, dataset)`` returns a function that takes track ids and returns their `Prepared` from what comes with
        the dataset, such as its given features; or None, if the inputs of this dataset are computed from its audio. It reads
        nothing large itself. No audio is needed for inputs that are given.
    """

    type: type
    summary: str
    prepare: Callable[[Any, Sequence[Clip], InputContext], Prepared]
    example: Callable[[Any, NDArray[np.int64], int, float], Prepared] | None = None
    frame_rate: Callable[[Any], float | None] | None = None
    given: Callable[[Any, Dataset], Callable[[Sequence[str]], Prepared] | None] | None = None

    @property
    def name(self) -> str:
        """The type's name, for people."""
        return self.type.__name__

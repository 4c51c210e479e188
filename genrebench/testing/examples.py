"""Tiny labelled tracks of every kind of input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Examples
from genrebench.plugin.inputs import InputSpec, Prepared
from genrebench.plugin.registry import installed_plugins

GENRES = ("low", "high", "noise")
"""Genres of the tiny tracks; their order is neither that of the alphabet nor that in which labels first appear."""


def tiny_examples(
    requested: Any, n_per_genre: int = 4, *, seconds: float = 3.0, seed: int = 0, n_genres: int = len(GENRES)
) -> Examples[Any]:
    """Generate a few labelled tracks with the input that a model requests.

    Parameters
    ----------
    requested : FeatureTable, Waveforms, Frames or another registered input that brings examples
    n_per_genre : int
        Number of tracks of each genre; the first genre has one less and the last one more, if there are three or more of each.
    seconds : float
        Duration of the tracks, for inputs with a time axis.
    seed : int
    n_genres : int
        Number of genres, three by default: those of `GENRES`.

    Returns
    -------
    `Examples`
        Labels in random order, the last genre first; several tracks per group. Not every number is that of a group, as in the
        parts of a real split, and another seed has other groups.

    Raises
    ------
    ValueError
        If the input brings no examples.
    """
    labels = tiny_labels(n_per_genre, seed, n_genres)
    inputs = make_inputs(requested, labels, seed, seconds).inputs
    return Examples(inputs, labels, tiny_groups(len(labels), n_genres, seed))


def tiny_groups(n: int, n_genres: int, seed: int) -> NDArray[np.int64]:
    """The groups of `tiny_examples`."""
    return 1000 * seed + 1 + 3 * (np.arange(n, dtype=np.int64) // (2 * n_genres))


def tiny_labels(n_per_genre: int, seed: int, n_genres: int) -> NDArray[np.int64]:
    """The labels of `tiny_examples`."""
    rng = np.random.default_rng([seed, n_genres])
    counts = np.full(n_genres, n_per_genre)
    if n_per_genre > 2:
        counts[[0, -1]] += (-1, 1)
    labels = rng.permutation(np.repeat(np.arange(n_genres), counts))
    if len(labels):
        first = int(np.flatnonzero(labels == n_genres - 1)[0])
        labels[[0, first]] = labels[[first, 0]]
    return labels


def make_inputs(
    requested: Any, labels: NDArray[np.int64], seed: int, seconds: float, spec: InputSpec | None = None
) -> Prepared:
    """Make inputs of tracks whose genres differ clearly; parameters as in `InputSpec.example`, and the spec if it is known.

    Raises
    ------
    ValueError
        If the input brings no examples.
    """
    spec = spec or installed_plugins().input(requested)
    if spec.example is None:
        raise ValueError(
            f"the input {spec.name} brings no examples, on which a model could be tried: InputSpec(..., example=make)"
        )
    return spec.example(requested, np.asarray(labels, dtype=np.int64), seed, seconds)

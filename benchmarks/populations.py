"""Made populations of test tracks with known truth, for `interval_coverage.py` and `f1_coverage.py`.

Artists are equal, or "heavy": from 1 to 60 tracks, min(60, ceil(Pareto(1.1))), so that a few artists have most tracks. They
have a genre, a sound and a difficulty of their own, so their tracks succeed and fail together. Genres have FMA medium's
proportions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.evaluation import metrics

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FMA_MEDIUM = (7103, 6314, 2251, 2201, 1519, 1350, 1186, 1018, 619, 510, 384, 178, 154, 118, 74, 21)
"""Tracks per genre."""

Sizes = Callable[[np.random.Generator], Integers]


def equal(n_artists: int, n_tracks: int = 1) -> Sizes:
    """Artists with `n_tracks` tracks each."""
    return lambda _: np.full(n_artists, n_tracks)


def heavy(n_artists: int) -> Sizes:
    """Artists with 1 to 60 tracks, few of them with most."""
    return lambda rng: np.minimum(60, np.ceil(rng.pareto(1.1, size=n_artists))).astype(int).clip(1)


@dataclass(frozen=True)
class TestSet:
    """Test tracks with the answers of some models.

    Parameters
    ----------
    groups : ndarray of int, shape (n_tracks,)
        Artist of each track; -1 if each track is an artist's only one.
    labels : ndarray of int, shape (n_tracks,)
    probabilities : list of ndarray, each of shape (n_tracks, n_genres)
        By model.
    """

    groups: Integers
    labels: Integers
    probabilities: list[Floats]

    def losses(self) -> Floats:
        """Log loss by track and model, shape (n_tracks, n_models)."""
        return np.stack([metrics.track_log_losses(self.labels, p) for p in self.probabilities], axis=1)

    def hits(self) -> Floats:
        """1 where the model is right, shape (n_tracks, n_models)."""
        return np.stack([(p.argmax(axis=1) == self.labels).astype(np.float64) for p in self.probabilities], axis=1)


def spread(sizes: Integers) -> tuple[Integers, Integers]:
    """The artist of each track, and the same as groups."""
    artist = np.repeat(np.arange(len(sizes)), sizes)
    return artist, np.full(len(artist), -1) if sizes.max() == 1 else artist


def models(sizes: Sizes, rng: np.random.Generator, n_models: int, skill: float = 2.2) -> TestSet:
    """Models of equal skill: their mistakes share the artists' difficulty, and differ otherwise."""
    counts = sizes(rng)
    artist, groups = spread(counts)
    share = np.array(FMA_MEDIUM) / sum(FMA_MEDIUM)
    labels = rng.choice(len(share), size=len(counts), p=share)[artist]
    ease = skill + rng.normal(size=len(counts))[artist]
    probabilities = []
    for _ in range(n_models):
        logits = rng.normal(size=(len(labels), len(share))) + 0.7 * rng.normal(size=(len(counts), len(share)))[artist]
        logits[np.arange(len(labels)), labels] += ease
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities.append(p / p.sum(axis=1, keepdims=True))
    return TestSet(groups, labels, probabilities)


@dataclass(frozen=True)
class Differences:
    """A population of differences in loss per track, with known mean.

    An artist's tracks share a difference `effect`, drawn by artist, and have noise of deviation `noise` besides.

    Parameters
    ----------
    sizes : callable
    effect : callable
        Draws the effects of so many artists.
    mean : float
        Expected difference per track.
    noise : float
    """

    sizes: Sizes
    effect: Callable[[np.random.Generator, int], Floats]
    mean: float
    noise: float = 0.0

    def draw(self, rng: np.random.Generator) -> tuple[Integers, Floats]:
        """Groups and differences of one test set, each of shape (n_tracks,)."""
        counts = self.sizes(rng)
        artist, groups = spread(counts)
        return groups, self.effect(rng, len(counts))[artist] + self.noise * rng.normal(size=len(artist))


def rarely_wrong(share: float, by: float) -> Callable[[np.random.Generator, int], Floats]:
    """One model is better on most artists, and on a `share` of them worse `by` so many nats: 0 on average."""
    return lambda rng, n: np.where(rng.random(n) < share, by, -share * by / (1 - share))


def sometimes(share: float, draw: Callable[[np.random.Generator, int], Floats]) -> Callable[[np.random.Generator, int], Floats]:
    """The models differ on a `share` of the artists only, there by `draw`."""
    return lambda rng, n: np.where(rng.random(n) < share, draw(rng, n), 0.0)


def normal(mean: float, deviation: float) -> Callable[[np.random.Generator, int], Floats]:
    """Normally distributed effects."""
    return lambda rng, n: rng.normal(mean, deviation, n)


def exponential(mean: float) -> Callable[[np.random.Generator, int], Floats]:
    """Exponentially distributed effects, all of one sign."""
    return lambda rng, n: rng.exponential(mean, n)

"""Calibration: one temperature, and less trust in what was heard for a moment only.

The temperature is that of Guo et al. 2017, "On Calibration of Modern Neural Networks", with the logarithm of the averaged
probabilities in the place of the logits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genrebench.api import log_loss

Array = NDArray[np.float64]

HALF_SECONDS = 0.5
"""Half-trust length where there is nothing to fit it on; on the sets of the README the fitted ones lie around it."""

_TEMPERATURES = np.geomspace(1 / 4, 4, 161)  # 1 is among them

_HALVES = np.geomspace(0.1, 5, 18)

_SPREAD = 0.3
"""How far from 0 the logarithm of a temperature is expected to be: it keeps a few tracks from asking for much."""


@dataclass(frozen=True)
class Scale:
    """From the network's probabilities to the model's.

    With w = s / (s + h) * (S + h) / S for a stretch of s seconds, the logarithm of the answer is, up to a constant,
    w * log p / temperature + (1 - w) * log prior: a whole crop is answered as the network does, a moment as the training part
    is distributed.

    Parameters
    ----------
    prior : ndarray of shape (n_genres,)
    full_seconds : float
        S, the length of a whole crop; what is longer counts as that long.
    temperature : float
        Above 1 softens, below 1 sharpens.
    half_seconds : float
        h, where half the trust is reached if crops are long; 0 trusts all lengths alike.
    """

    prior: Array
    full_seconds: float
    temperature: float = 1.0
    half_seconds: float = 0.0

    def __call__(self, probabilities: Array, seconds: Array | float) -> Array:
        """Scale probabilities of shape (n, n_genres) that stretches of `seconds`, shape (n,) or one number, were given."""
        heard = np.clip(np.broadcast_to(seconds, len(probabilities)), 1e-9, self.full_seconds)
        trust = heard / (heard + self.half_seconds) * (1 + self.half_seconds / self.full_seconds)
        logarithms = trust[:, None] * np.log(np.clip(probabilities, 1e-15, 1)) / self.temperature
        logarithms = logarithms + (1 - trust[:, None]) * np.log(self.prior)
        powers = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
        result: Array = powers / powers.sum(axis=1, keepdims=True)
        return result


def prior_of(labels: NDArray[np.int64], n_genres: int) -> Array:
    """Shares of the genres, one track more of each so that none is 0."""
    counts = np.bincount(labels, minlength=n_genres) + 1.0
    result: Array = counts / counts.sum()
    return result


@dataclass(frozen=True)
class Answers:
    """A network's probabilities for tracks that it wasn't trained on.

    Parameters
    ----------
    labels, groups : ndarray of int, shape (n,)
        Tracks of one artist share a group number.
    probabilities : ndarray of shape (n_lengths, n, n_genres)
        The tracks as they are, then stretches cut out of them.
    seconds : ndarray of shape (n_lengths, n)
        How much of each track that was.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    probabilities: Array
    seconds: Array


def no_answers(n_genres: int, n_lengths: int) -> Answers:
    """Those for no track."""
    none = np.zeros(0, dtype=np.int64)
    return Answers(none, none, np.zeros((n_lengths, 0, n_genres)), np.zeros((n_lengths, 0)))


def join_answers(parts: list[Answers]) -> Answers:
    """Those for the tracks of all parts."""
    return Answers(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.probabilities for part in parts], axis=1),
        np.concatenate([part.seconds for part in parts], axis=1),
    )


@dataclass(frozen=True)
class Calibration:
    """A fitted scale, and what it gains.

    Parameters
    ----------
    scale : Scale
    fitted_on : str
        "validation", "inner folds by artist", "inner folds by track" or "nothing".
    labels : ndarray of int, shape (n,)
        Of the tracks that it was fitted on.
    before, after : ndarray of shape (n, n_genres)
        Their probabilities as the network gave them, and scaled: each at the temperature that is fitted on the other artists'
        tracks, so that it flatters nobody.
    """

    scale: Scale
    fitted_on: str
    labels: NDArray[np.int64]
    before: Array
    after: Array

    def facts(self) -> dict[str, float | str | None]:
        """What the record keeps."""
        some = len(self.labels) > 0
        return {
            "value": self.scale.temperature,
            "half_seconds": self.scale.half_seconds,
            "fitted_on": self.fitted_on,
            "tracks": len(self.labels),
            "log_loss_before": log_loss(self.labels, self.before) if some else None,
            "log_loss_after": log_loss(self.labels, self.after) if some else None,
        }


def calibrate(answers: Answers, scale: Scale, fitted_on: str) -> Calibration:
    """Fit temperature and half-trust length.

    The temperature is the most probable one from 1/4 to 4. Its logarithm is taken to be normal around 0 with a deviation of
    0.3, which matters where tracks are few: the log loss summed over the tracks plus ``(log t)^2 / (2 * 0.3^2)`` is lowest.
    The half-trust length is the one with the lowest log loss of the cut stretches.

    Parameters
    ----------
    answers : Answers
        Without any tracks the temperature is 1.
    scale : Scale
        Prior and length of a crop.
    fitted_on : str
        For the record.
    """
    labels, whole, seconds = answers.labels, answers.probabilities[0], answers.seconds[0]
    if not len(labels):
        return Calibration(replace(scale, half_seconds=HALF_SECONDS), "nothing", labels, whole, whole)
    rough = replace(scale, temperature=_best(_costs(answers, scale).sum(axis=1)))
    short = [np.mean([log_loss(labels, replace(rough, half_seconds=half)(*cut)) for cut in _cuts(answers)]) for half in _HALVES]
    scale = replace(scale, half_seconds=float(_HALVES[int(np.argmin(short))]))
    costs = _costs(answers, scale)
    after = whole.copy()
    for group in np.unique(answers.groups):
        own = answers.groups == group
        others = replace(scale, temperature=_best(costs[:, ~own].sum(axis=1)))
        after[own] = others(whole[own], seconds[own])
    return Calibration(replace(scale, temperature=_best(costs.sum(axis=1))), fitted_on, labels, whole, after)


def _cuts(answers: Answers) -> list[tuple[Array, Array]]:
    return list(zip(answers.probabilities[1:], answers.seconds[1:], strict=True))


def _costs(answers: Answers, scale: Scale) -> Array:
    """Log loss of each whole track at each temperature, shape (n_temperatures, n)."""
    rows = np.arange(len(answers.labels))
    scaled = (replace(scale, temperature=t)(answers.probabilities[0], answers.seconds[0]) for t in _TEMPERATURES)
    return np.array([-np.log(np.clip(p[rows, answers.labels], 1e-15, 1)) for p in scaled])


def _best(cost: Array) -> float:
    """The most probable temperature, given the log loss at each of them summed over tracks."""
    return float(_TEMPERATURES[int(np.argmin(cost + np.square(np.log(_TEMPERATURES) / _SPREAD) / 2))])

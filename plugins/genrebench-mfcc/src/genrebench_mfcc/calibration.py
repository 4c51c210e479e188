"""Calibration: one temperature, and less trust in short clips.

The temperature is that of Guo et al. 2017, "On Calibration of Modern Neural Networks", with the logarithm of the averaged
probabilities in place of the logits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genrebench.api import log_loss

Array = NDArray[np.float64]

HALF_SECONDS = 0.5
"""Half-trust length where there are no tracks to fit it on; those fitted on the README's datasets are close to it."""

_TEMPERATURES = np.geomspace(1 / 4, 4, 161)  # 1 is among them

_HALVES = np.geomspace(0.1, 5, 18)

CROSS_FITTED = "the tracks of each artist at the temperature that is fitted on those of the others, so the log loss may rise"

_SPREAD = 0.3
"""Standard deviation of the prior on the logarithm of the temperature: it keeps a few tracks from moving it far."""


@dataclass(frozen=True)
class Scale:
    """Maps the network's probabilities to the model's.

    With w = s / (s + h) * (S + h) / S for a clip of s seconds, the logarithm of the result is, up to a constant,
    w * log p / temperature + (1 - w) * log prior: for a whole crop the network's probabilities at the temperature, for a very
    short clip the genre frequencies of the training part.

    Parameters
    ----------
    prior : ndarray of shape (n_genres,)
    full_seconds : float
        S, the length of a whole crop; longer clips count as that long.
    temperature : float
        Above 1 softens, below 1 sharpens.
    half_seconds : float
        h, the length at which w is 1/2 if crops are long; with 0, w is 1 for all lengths.
    """

    prior: Array
    full_seconds: float
    temperature: float = 1.0
    half_seconds: float = 0.0

    def require_sound(self, n_genres: int) -> None:
        """Check the values, which may come from a stranger's file.

        Raises
        ------
        ValueError
            If one is out of range.
        """
        numbers = np.array([self.full_seconds, self.temperature, self.half_seconds], dtype=np.float64)
        sound = self.prior.shape == (n_genres,) and np.isfinite(self.prior).all() and np.isfinite(numbers).all()
        if not sound or (self.prior <= 0).any() or (numbers[:2] <= 0).any() or numbers[2] < 0:
            raise ValueError("its scale is out of range")

    def __call__(self, probabilities: Array, seconds: Array | float) -> Array:
        """Scale probabilities of shape (n, n_genres) of clips of `seconds`, shape (n,) or one number."""
        length = np.clip(np.broadcast_to(seconds, len(probabilities)), 1e-9, self.full_seconds)
        trust = length / (length + self.half_seconds) * (1 + self.half_seconds / self.full_seconds)
        logarithms = trust[:, None] * np.log(np.clip(probabilities, 1e-15, 1)) / self.temperature
        logarithms = logarithms + (1 - trust[:, None]) * np.log(self.prior)
        powers = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
        result: Array = powers / powers.sum(axis=1, keepdims=True)
        return result


def prior_of(labels: NDArray[np.int64], n_genres: int) -> Array:
    """Frequencies of the genres, with one track added to each so that none is 0."""
    counts = np.bincount(labels, minlength=n_genres) + 1.0
    result: Array = counts / counts.sum()
    return result


@dataclass(frozen=True)
class Predictions:
    """A network's probabilities for tracks that it wasn't trained on.

    Parameters
    ----------
    labels, groups : ndarray of int, shape (n,)
        Tracks of one artist share a group number.
    probabilities : ndarray of shape (n_lengths, n, n_genres)
        Whole tracks first, then excerpts of them, one length after another.
    seconds : ndarray of shape (n_lengths, n)
        Length of each track or excerpt.
    """

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    probabilities: Array
    seconds: Array


def no_predictions(n_genres: int, n_lengths: int) -> Predictions:
    """Predictions for no tracks."""
    none = np.zeros(0, dtype=np.int64)
    return Predictions(none, none, np.zeros((n_lengths, 0, n_genres)), np.zeros((n_lengths, 0)))


def join_predictions(parts: list[Predictions]) -> Predictions:
    """Predictions for the tracks of all parts."""
    return Predictions(
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.groups for part in parts]),
        np.concatenate([part.probabilities for part in parts], axis=1),
        np.concatenate([part.seconds for part in parts], axis=1),
    )


@dataclass(frozen=True)
class Calibration:
    """A fitted scale, and how much it improves the log loss.

    Parameters
    ----------
    scale : Scale
    fitted_on : str
        "validation", "inner folds by artist", "inner folds by track" or "nothing".
    labels : ndarray of int, shape (n,)
        Labels of the tracks that it was fitted on.
    before, after : ndarray of shape (n, n_genres)
        Their probabilities, unscaled and scaled. Each is scaled at the temperature that is fitted on the other artists' tracks,
        so that the improvement isn't overstated.
    """

    scale: Scale
    fitted_on: str
    labels: NDArray[np.int64]
    before: Array
    after: Array

    def facts(self) -> dict[str, float | str | None]:
        """The entry in the run's record."""
        some = len(self.labels) > 0
        return {
            "value": self.scale.temperature,
            "half_seconds": self.scale.half_seconds,
            "fitted_on": self.fitted_on,
            "tracks": len(self.labels),
            "log_loss_before": log_loss(self.labels, self.before) if some else None,
            "log_loss_cross_fitted": log_loss(self.labels, self.after) if some else None,
            "cross_fitted": CROSS_FITTED,
        }


def calibrate(predictions: Predictions, scale: Scale, fitted_on: str) -> Calibration:
    """Fit temperature and half-trust length.

    The temperature is the most probable one from 1/4 to 4, under a normal prior on its logarithm with mean 0 and standard
    deviation 0.3: the one with the lowest ``log loss summed over the tracks + (log t)^2 / (2 * 0.3^2)``. The prior matters
    where there are few tracks. The half-trust length is the one with the lowest log loss of the excerpts.

    Parameters
    ----------
    predictions : Predictions
        Without any tracks the temperature is 1.
    scale : Scale
        Prior and length of a crop.
    fitted_on : str
        For the record.
    """
    labels, whole, seconds = predictions.labels, predictions.probabilities[0], predictions.seconds[0]
    if not len(labels):
        return Calibration(replace(scale, half_seconds=HALF_SECONDS), "nothing", labels, whole, whole)
    rough = replace(scale, temperature=_best(_costs(predictions, scale).sum(axis=1)))
    losses = [
        np.mean([log_loss(labels, replace(rough, half_seconds=half)(*excerpt)) for excerpt in _excerpts(predictions)])
        for half in _HALVES
    ]
    scale = replace(scale, half_seconds=float(_HALVES[int(np.argmin(losses))]))
    costs = _costs(predictions, scale)
    after = whole.copy()
    for group in np.unique(predictions.groups):
        own = predictions.groups == group
        others = replace(scale, temperature=_best(costs[:, ~own].sum(axis=1)))
        after[own] = others(whole[own], seconds[own])
    return Calibration(replace(scale, temperature=_best(costs.sum(axis=1))), fitted_on, labels, whole, after)


def _excerpts(predictions: Predictions) -> list[tuple[Array, Array]]:
    """Probabilities and seconds of each length of excerpt."""
    return list(zip(predictions.probabilities[1:], predictions.seconds[1:], strict=True))


def _costs(predictions: Predictions, scale: Scale) -> Array:
    """Log loss of each whole track at each temperature, shape (n_temperatures, n)."""
    rows = np.arange(len(predictions.labels))
    scaled = (replace(scale, temperature=t)(predictions.probabilities[0], predictions.seconds[0]) for t in _TEMPERATURES)
    return np.array([-np.log(np.clip(p[rows, predictions.labels], 1e-15, 1)) for p in scaled])


def _best(cost: Array) -> float:
    """The most probable temperature, given the log loss at each temperature summed over the tracks."""
    return float(_TEMPERATURES[int(np.argmin(cost + np.square(np.log(_TEMPERATURES) / _SPREAD) / 2))])

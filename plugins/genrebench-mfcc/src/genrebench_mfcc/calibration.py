"""Calibration by one temperature: probabilities to the power of 1/T, renormalised.

Guo et al. 2017, "On Calibration of Modern Neural Networks", with the logarithm of the averaged probabilities in the place of
the logits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genrebench.api import log_loss

_TEMPERATURES = np.geomspace(1 / 4, 4, 161)  # 1 is among them

_SPREAD = 0.3
"""How far from 0 the logarithm of a temperature is expected to be: it keeps a few tracks from asking for much."""


def tempered(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities at a temperature: above 1 softer, below 1 sharper; shape (n, n_genres) as given."""
    logarithms = np.log(np.clip(probabilities, 1e-15, 1)) / temperature
    powers = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result


def best_temperature(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """The most probable temperature from 1/4 to 4; 1 if there is nothing to fit it on.

    Its logarithm is taken to be normal around 0 with a deviation of 0.3, which matters where tracks are few: the log loss
    summed over the tracks plus ``(log t)^2 / (2 * 0.3^2)`` is lowest.
    """
    if not len(labels):
        return 1.0
    losses = np.array([log_loss(labels, tempered(probabilities, t)) for t in _TEMPERATURES])
    cost = len(labels) * losses + np.square(np.log(_TEMPERATURES) / _SPREAD) / 2
    return float(_TEMPERATURES[int(np.argmin(cost))])


@dataclass(frozen=True)
class Calibration:
    """A temperature, and what it gains.

    Parameters
    ----------
    temperature : float
    fitted_on : str
        "validation", "inner folds" or "nothing".
    before, after : float or None
        Log loss of the tracks that it was fitted on, without and with a temperature; `after` with the temperature of the other
        half of the artists, so that it flatters nobody.
    labels, probabilities : ndarray
        Of those tracks, before.
    """

    temperature: float
    fitted_on: str
    before: float | None
    after: float | None
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def facts(self) -> dict[str, float | str | None]:
        """What the record keeps."""
        return {
            "value": self.temperature,
            "fitted_on": self.fitted_on,
            "tracks": len(self.labels),
            "log_loss_before": self.before,
            "log_loss_after": self.after,
        }


def calibrate(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], groups: NDArray[np.int64], fitted_on: str
) -> Calibration:
    """Fit a temperature.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    probabilities : ndarray of shape (n, n_genres)
    groups : ndarray of int, shape (n,)
        Tracks of one artist share a number.
    fitted_on : str
        For the record.
    """
    if not len(labels):
        return Calibration(1.0, "nothing", None, None, labels, probabilities)
    half = np.unique(groups, return_inverse=True)[1] % 2 == 0
    crossed = probabilities.copy()
    for part in (half, ~half):
        crossed[part] = tempered(probabilities[part], best_temperature(labels[~part], probabilities[~part]))
    return Calibration(
        best_temperature(labels, probabilities),
        fitted_on,
        log_loss(labels, probabilities),
        log_loss(labels, crossed),
        labels,
        probabilities,
    )


def inner_folds(labels: NDArray[np.int64], groups: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """A fold number from 0 to n - 1 for each track; tracks of a group stay together, genres are spread.

    Parameters
    ----------
    labels, groups : ndarray of int, shape (n_tracks,)
    n : int
    seed : int
        Order of the groups of one size.
    """
    rng = np.random.default_rng(seed)
    names, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    main = np.zeros(len(names), dtype=np.int64)  # the group's most frequent genre
    for group in range(len(names)):
        main[group] = np.bincount(labels[number == group]).argmax()
    load = np.zeros((labels.max() + 1, n))
    home = np.zeros(len(names), dtype=np.int64)
    order = rng.permutation(len(names))
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        home[group] = np.lexsort((load.sum(axis=0), load[main[group]]))[0]
        load[main[group], home[group]] += sizes[group]
    result: NDArray[np.int64] = home[number]
    return result

"""Inner folds: tracks that are held out together, to calibrate on predictions for tracks that a network wasn't trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genrebench.api import grouped_folds

Ints = NDArray[np.int64]

_MIN_KNOWN = 0.5
"""Smallest share of tracks whose genre is in training when they are held out; with less, the folds aren't used."""


def choose_folds(labels: Ints, groups: Ints, n: int, seed: int) -> tuple[Ints, NDArray[np.bool_], str]:
    """Draw folds by artist, or by track where most genres have too few artists to be in training while one is held out.

    Tracks of a genre that a network wasn't trained on say nothing about its calibration, so they aren't used. Folds by track
    make predictions look better than they are for a new artist; but where a genre has one artist, that artist is also the one
    that is tested.

    Parameters
    ----------
    labels, groups : ndarray of int, shape (n_tracks,)
    n : int
        Folds.
    seed : int

    Returns
    -------
    folds : ndarray of int, shape (n_tracks,)
        Fold number of each track, from 0 to n - 1.
    known : ndarray of bool, shape (n_tracks,)
        Whether the track's genre occurs in the other folds.
    fitted_on : str
        For the record; "nothing" where neither way leaves enough tracks, and then `known` is False everywhere.
    """
    for name, units in (("artist", groups), ("track", np.arange(len(labels)))):
        if len(np.unique(units)) < n:
            continue
        folds = grouped_folds(labels, units, n, seed=seed, count_majority=True)
        inside = np.zeros((labels.max() + 1, n), dtype=np.int64)
        np.add.at(inside, (labels, folds), 1)
        known = inside.sum(axis=1)[labels] > inside[labels, folds]
        if known.mean() >= _MIN_KNOWN:
            return folds, known, f"inner folds by {name}"
    return np.zeros(len(labels), dtype=np.int64), np.zeros(len(labels), dtype=bool), "nothing"

"""Inner folds: which tracks a network is trained without, so that its answers for them can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_ENOUGH = 0.5
"""Share of the tracks whose genre has to be in training when they are held out, at least."""


def choose_folds(labels: Ints, groups: Ints, n: int, seed: int) -> tuple[Ints, NDArray[np.bool_], str]:
    """Folds by artist; by track where most genres have too few artists to be in training while one is held out.

    A genre that a network never met says nothing of how far its answers can be trusted, so such tracks are left out. By track
    the answers are better than those for a new artist; but where a genre has one artist, whoever tests it tests that one.

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
        Whether the other folds have the track's genre.
    fitted_on : str
        For the record; "nothing" where neither way leaves enough tracks, and then `known` is False throughout.
    """
    for name, units in (("artist", groups), ("track", np.arange(len(labels)))):
        if len(np.unique(units)) < n:
            continue
        folds = inner_folds(labels, units, n, seed)
        inside = np.zeros((labels.max() + 1, n), dtype=np.int64)
        np.add.at(inside, (labels, folds), 1)
        known = inside.sum(axis=1)[labels] > inside[labels, folds]
        if known.mean() >= _ENOUGH:
            return folds, known, f"inner folds by {name}"
    return np.zeros(len(labels), dtype=np.int64), np.zeros(len(labels), dtype=bool), "nothing"


def inner_folds(labels: Ints, groups: Ints, n: int, seed: int) -> Ints:
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
    result: Ints = home[number]
    return result

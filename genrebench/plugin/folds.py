"""Inner folds for models that need predictions for tracks that they weren't trained on: to calibrate, to stack, to tune."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def grouped_folds(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    n_folds: int = 5,
    *,
    seed: int | Sequence[int] = 0,
    split_single_groups: bool = False,
    count_majority: bool = False,
) -> NDArray[np.int64]:
    """Assign training tracks to folds so that the tracks of a group share a fold and each label is spread over the folds.

    A model that is scored on held-out tracks of artists that it was trained on looks better than it is; folds that keep an
    artist's tracks together avoid that. Groups are assigned one after the other, the large ones first and groups of one size
    in random order. A group goes to the fold with the fewest tracks of the group's most frequent label; among equals to the
    smallest fold.

    Parameters
    ----------
    labels, groups : ndarray of int, shape (n_tracks,)
        As in `Examples`; labels are not negative.
    n_folds : int
        At least 2. Where there are fewer groups than folds, some folds stay empty.
    seed : int or sequence of int
        Seed of the random order, as `numpy.random.default_rng` takes it. The folds follow from the arguments alone.
    split_single_groups : bool
        Whether the tracks of a label that occurs in one group only are assigned one by one. Held out together, they would
        leave no track of that label to train on.
    count_majority : bool
        Whether all tracks of a group count as tracks of its most frequent label when the next group is assigned, rather than
        each as one of its own label. It makes a difference only where a group has several labels.

    Returns
    -------
    ndarray of int, shape (n_tracks,)
        Fold of each track, from 0 to n_folds - 1: the tracks that are held out together.

    Raises
    ------
    ValueError
        If labels and groups differ in length, a label is negative or there are fewer than two folds.

    Examples
    --------
    >>> folds = grouped_folds(np.array([0, 0, 1, 1]), np.array([7, 7, 8, 9]), 2)
    >>> bool(folds[0] == folds[1]), bool(folds[2] == folds[3])
    (True, False)
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    if labels.shape != groups.shape or labels.ndim != 1:
        raise ValueError(f"labels and groups have to be of one length, but have the shapes {labels.shape} and {groups.shape}")
    if n_folds < 2:
        raise ValueError(f"n_folds has to be at least 2, not {n_folds}")
    if len(labels) and labels.min() < 0:
        raise ValueError(f"labels have to be 0 or more, but one is {labels.min()}")
    units = _units(labels, groups, split_single_groups)
    n_labels = int(labels.max(initial=-1)) + 1
    members = np.split(np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))[:-1])
    order = np.random.default_rng(seed).permutation(len(members)) if len(labels) else np.zeros(0, dtype=np.int64)
    load = np.zeros((n_folds, n_labels), dtype=np.int64)
    folds = np.zeros(len(labels), dtype=np.int64)
    for tracks in sorted((members[unit] for unit in order), key=len, reverse=True):  # sorting keeps the order of equals
        counts = np.bincount(labels[tracks], minlength=n_labels)
        main = int(counts.argmax())
        fold = int(np.lexsort((load.sum(axis=1), load[:, main]))[0])
        folds[tracks] = fold
        if count_majority:
            load[fold, main] += len(tracks)
        else:
            load[fold] += counts
    return folds


def _units(labels: NDArray[np.int64], groups: NDArray[np.int64], split_single_groups: bool) -> NDArray[np.int64]:
    """Number, from 0 without gaps, of what is assigned as one: groups, and single tracks where these are split."""
    _, units = np.unique(groups, return_inverse=True)
    if split_single_groups:
        pairs = np.unique(np.stack([labels, units]), axis=1)
        single = np.bincount(pairs[0])[labels] == 1
        units = np.where(single, len(labels) + np.arange(len(labels)), units)
        _, units = np.unique(units, return_inverse=True)
    return np.asarray(units, dtype=np.int64)

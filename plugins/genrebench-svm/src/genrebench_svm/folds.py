"""Inner folds: which tracks of a training part are held out together when decision values are predicted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 5
_WORD = 1 << 32


def libsvm_permutation(seed: int, n: int) -> NDArray[np.intp]:
    """The permutation of n rows that scikit-learn's libsvm draws from `seed`.

    A Fisher-Yates shuffle from the front, driven by the 32 bit Mersenne Twister and by Lemire's way of drawing a bounded
    number ("Fast random integer generation in an interval", 2019), which refuses a few draws.

    Parameters
    ----------
    seed : int
        In [0, 2**31 - 1).
    n : int
    """
    generator = np.random.RandomState(seed)
    ranges = np.arange(n, 0, -1, dtype=np.uint64)
    words = generator.randint(0, _WORD, size=n, dtype=np.uint32).astype(np.uint64)
    while True:
        products = words * ranges
        refused = np.flatnonzero((products & (_WORD - 1)) < np.uint64(_WORD) % ranges)
        if not len(refused):
            break
        # the refused word is skipped, and all those behind it move up by one
        fresh = generator.randint(0, _WORD, size=1, dtype=np.uint32).astype(np.uint64)
        words = np.concatenate([np.delete(words, refused[0]), fresh])
    order = list(range(n))
    for i, step in enumerate((products >> np.uint64(32)).tolist()):
        order[i], order[i + step] = order[i + step], order[i]
    return np.array(order, dtype=np.intp)


def libsvm_folds(seed: int, n: int) -> NDArray[np.intp]:
    """Fold of each of n rows, 0 to 4, as libsvm cuts its random permutation; shape (n,)."""
    order = libsvm_permutation(seed, n)
    cuts = np.arange(N_FOLDS + 1) * n // N_FOLDS
    folds = np.empty(n, dtype=np.intp)
    folds[order] = np.repeat(np.arange(N_FOLDS), np.diff(cuts))
    return folds


def libsvm_seed(seed: int) -> int:
    """The seed that scikit-learn's SVC hands to libsvm for random_state=`seed`."""
    return int(np.random.RandomState(seed % _WORD).randint(np.iinfo(np.int32).max))


def grouped_folds(labels: NDArray[np.int64], groups: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.intp]:
    """Fold of each track such that a group is in one fold and each class is spread over the folds.

    Groups are dealt class by class (a group's class is its most frequent one), the large ones first, to the fold that has the
    fewest tracks of the class, then the fewest of all. The tracks of a class with a single group are dealt one by one:
    held out together, they would leave nothing to train the class on.

    Parameters
    ----------
    labels, groups : ndarray of int, shape (n_tracks,)
    generator : numpy.random.Generator
        Orders groups of one size.

    Returns
    -------
    ndarray of int, shape (n_tracks,)
    """
    _, numbers = np.unique(groups, return_inverse=True)
    n_classes = int(labels.max(initial=0)) + 1
    counts = np.zeros((numbers.max(initial=-1) + 1, n_classes), dtype=np.int64)
    np.add.at(counts, (numbers, labels), 1)
    lonely = np.flatnonzero((counts > 0).sum(axis=0) == 1)
    single = np.isin(labels, lonely)
    numbers = np.where(single, counts.shape[0] + np.arange(len(labels)), numbers)
    load = np.zeros((N_FOLDS, n_classes), dtype=np.int64)
    folds = np.empty(len(labels), dtype=np.intp)
    order = np.argsort(numbers, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    members = [members[i] for i in generator.permutation(len(members))]
    for rows in sorted(members, key=lambda rows: -len(rows)):
        of_class = np.bincount(labels[rows], minlength=n_classes)
        fold = np.lexsort((load.sum(axis=1), load[:, of_class.argmax()]))[0]
        folds[rows] = fold
        load[fold] += of_class
    return folds


def stratified_folds(labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Fold of each track in the order of the tracks, as scikit-learn's StratifiedKFold(5) without shuffling cuts them."""
    n_folds = min(N_FOLDS, len(labels))
    folds = np.empty(len(labels), dtype=np.intp)
    # scikit-learn numbers the classes by their first appearance, sorts the tracks by class and deals them to the folds in
    # turn: that fixes how many of a class go to a fold
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    encoded = np.argsort(np.argsort(first))[inverse]
    in_order = np.sort(encoded)
    for c in range(int(encoded.max(initial=-1)) + 1):
        shares = [int((in_order[fold::n_folds] == c).sum()) for fold in range(n_folds)]
        folds[encoded == c] = np.repeat(np.arange(n_folds), shares)
    return folds

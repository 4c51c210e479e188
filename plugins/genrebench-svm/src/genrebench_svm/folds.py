"""Inner folds as libsvm and scikit-learn draw them: tracks that are held out together when decision values are predicted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 5
_WORD = 1 << 32


def libsvm_permutation(seed: int, n: int) -> NDArray[np.intp]:
    """The permutation of n rows that scikit-learn's libsvm draws from `seed`.

    A Fisher-Yates shuffle from the front with the 32-bit Mersenne Twister and Lemire's method for bounded random numbers ("Fast
    random integer generation in an interval", 2019), which rejects a few draws.

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
        rejected = np.flatnonzero((products & (_WORD - 1)) < np.uint64(_WORD) % ranges)
        if not len(rejected):
            break
        # the rejected word is skipped, and all words after it move up by one
        fresh = generator.randint(0, _WORD, size=1, dtype=np.uint32).astype(np.uint64)
        words = np.concatenate([np.delete(words, rejected[0]), fresh])
    order = list(range(n))
    for i, step in enumerate((products >> np.uint64(32)).tolist()):
        order[i], order[i + step] = order[i + step], order[i]
    return np.array(order, dtype=np.intp)


def libsvm_folds(seed: int, n: int) -> NDArray[np.intp]:
    """Fold of each of n rows, 0 to 4, as libsvm cuts its random permutation, shape (n,)."""
    order = libsvm_permutation(seed, n)
    cuts = np.arange(N_FOLDS + 1) * n // N_FOLDS
    folds = np.empty(n, dtype=np.intp)
    folds[order] = np.repeat(np.arange(N_FOLDS), np.diff(cuts))
    return folds


def libsvm_seed(seed: int) -> int:
    """The seed that scikit-learn's SVC passes to libsvm for random_state=`seed`."""
    return int(np.random.RandomState(seed % _WORD).randint(np.iinfo(np.int32).max))


def stratified_folds(labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Fold of each track, as scikit-learn's StratifiedKFold(5) without shuffling assigns them."""
    n_folds = min(N_FOLDS, len(labels))
    folds = np.empty(len(labels), dtype=np.intp)
    # scikit-learn numbers the classes by their first appearance, sorts the tracks by class and assigns them to the folds in
    # turn: that fixes how many tracks of a class go to a fold
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    encoded = np.argsort(np.argsort(first))[inverse]
    in_order = np.sort(encoded)
    for c in range(int(encoded.max(initial=-1)) + 1):
        shares = [int((in_order[fold::n_folds] == c).sum()) for fold in range(n_folds)]
        folds[encoded == c] = np.repeat(np.arange(n_folds), shares)
    return folds

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

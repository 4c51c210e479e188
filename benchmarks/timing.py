"""How the benchmarks take time."""

import time

import numpy as np


def side_by_side(computations, items, repeats):
    """Time several ways of doing the same, in turn on each item, so that what else the machine does hits all alike.

    Parameters
    ----------
    computations : sequence of callable
        Each takes an item; each is run once on the first item before the clock starts.
    items : sequence
    repeats : int
        Passes over the items; an item's fastest counts.

    Returns
    -------
    seconds : list of float
        Mean over the items, one a computation.
    values : list of list
        What the computations gave, one list a computation.
    """
    best = np.full((len(computations), len(items)), np.inf)
    values = [[compute(items[0])] * len(items) for compute in computations]
    for _ in range(repeats):
        for i, item in enumerate(items):
            for j, compute in enumerate(computations):
                begun = time.perf_counter()
                values[j][i] = compute(item)
                best[j, i] = min(best[j, i], time.perf_counter() - begun)
    return best.mean(axis=1).tolist(), values

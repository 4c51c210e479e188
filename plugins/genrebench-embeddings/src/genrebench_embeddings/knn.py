"""probe-knn: nearest neighbours by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Table
from genrebench_embeddings.probe import Probe

_BLOCK = 256  # tracks whose similarities are in memory at once


class KnnProbe(Probe):
    """The share of each genre among the nearest training tracks, and one more that is spread as the genres' frequencies are."""

    @property
    def settings(self) -> Sequence[float]:
        """Numbers of neighbours, the largest first."""
        return tuple(sorted(self.options.k, reverse=True))

    def fitted(self, x: Table, labels: NDArray[np.int64], setting: float) -> dict[str, NDArray[Any]]:
        """Keep the training tracks."""
        return {"tracks": _unit(x).astype(np.float32), "labels": labels, "k": np.array(int(setting))}

    def probabilities(self, state: dict[str, NDArray[Any]], x: Table) -> NDArray[np.float64]:
        """Shares of the genres among the neighbours."""
        n_genres, k = len(self.context.genres), min(int(state["k"]), len(state["labels"]))
        frequencies = np.bincount(state["labels"], minlength=n_genres) / len(state["labels"])
        result = np.empty((len(x), n_genres))
        for start in range(0, len(x), _BLOCK):
            similarity = _unit(x[start : start + _BLOCK]) @ state["tracks"].T.astype(np.float64)
            nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
            for row, neighbours in enumerate(nearest, start):
                result[row] = (np.bincount(state["labels"][neighbours], minlength=n_genres) + frequencies) / (k + 1)
        return result


def _unit(x: Table) -> Table:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.where(length == 0, 1, length))

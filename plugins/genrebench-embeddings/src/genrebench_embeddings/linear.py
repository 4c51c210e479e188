"""probe-linear: multinomial logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Table
from genrebench_embeddings.probe import Probe, softmax, spread

_MAX_STEPS = 500


class LinearProbe(Probe):
    """Logistic regression with an L2 penalty."""

    @property
    def settings(self) -> Sequence[float]:
        """Inverse strengths of the penalty."""
        return tuple(sorted(self.options.c))

    def fitted(self, x: Table, labels: NDArray[np.int64], setting: float) -> dict[str, NDArray[Any]]:
        """Fit weights and intercepts of all genres."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        n_genres, classes = len(self.context.genres), np.unique(labels)
        if len(classes) == 1:
            weights, intercepts = np.zeros((1, x.shape[1])), np.zeros(1)
        else:
            model = LogisticRegression(C=setting, max_iter=_MAX_STEPS)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # a weak penalty may not pay; validation decides
                model.fit(x, labels)
            weights, intercepts = model.coef_, model.intercept_
            if len(classes) == 2:
                weights, intercepts = np.stack([-weights[0], weights[0]]) / 2, np.array([-intercepts[0], intercepts[0]]) / 2
        return {
            "weights": spread(weights, classes, n_genres, 0.0),
            "intercepts": spread(intercepts, classes, n_genres, -np.inf),
        }

    def probabilities(self, state: dict[str, NDArray[Any]], x: Table) -> NDArray[np.float64]:
        """Softmax of the linear function."""
        return softmax(x @ state["weights"].T + state["intercepts"])

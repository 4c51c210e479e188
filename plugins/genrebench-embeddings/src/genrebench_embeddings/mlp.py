"""probe-mlp: a network with one hidden layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Table
from genrebench_embeddings.probe import Probe, softmax, spread


class MlpProbe(Probe):
    """One hidden layer of rectified linear units, with an L2 penalty, trained by L-BFGS on all tracks at once."""

    @property
    def settings(self) -> Sequence[float]:
        """Strengths of the penalty, the strongest first: among equals the smoothest network is taken."""
        return tuple(sorted(self.options.alpha, reverse=True))

    def fitted(self, x: Table, labels: NDArray[np.int64], setting: float) -> dict[str, NDArray[Any]]:
        """Fit the weights of both layers."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        n_genres, classes = len(self.context.genres), np.unique(labels)
        if len(classes) == 1:
            hidden, bias = np.zeros((x.shape[1], 1)), np.zeros(1)
            out, out_bias = np.zeros((1, 1)), np.zeros(1)
        else:
            model = MLPClassifier(
                (self.options.hidden,),
                solver="lbfgs",
                alpha=setting,
                max_iter=self.options.steps,
                random_state=self.context.seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the number of steps is an option
                model.fit(x, labels)
            (hidden, out), (bias, out_bias) = model.coefs_, model.intercepts_
            if len(classes) == 2:
                out, out_bias = np.stack([-out[:, 0], out[:, 0]], axis=1) / 2, np.array([-out_bias[0], out_bias[0]]) / 2
        return {
            "hidden": hidden,
            "bias": bias,
            "weights": spread(out.T, classes, n_genres, 0.0),
            "intercepts": spread(out_bias, classes, n_genres, -np.inf),
        }

    def probabilities(self, state: dict[str, NDArray[Any]], x: Table) -> NDArray[np.float64]:
        """Softmax of the network's output."""
        return softmax(np.maximum(x @ state["hidden"] + state["bias"], 0) @ state["weights"].T + state["intercepts"])

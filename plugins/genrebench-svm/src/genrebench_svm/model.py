"""The support vector machine behind the model contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Context, DataError, Examples, Inputs, Model
from genrebench_svm.calibration import Calibrated, calibrate
from genrebench_svm.kernels import Kernel

if TYPE_CHECKING:
    from genrebench_svm import SvmOptions


class SvmModel(Model):
    """Standardised columns, a machine for each pair of genres, and probabilities made of their decision values.

    Parameters
    ----------
    context : Context
    options : SvmOptions

    Notes
    -----
    A genre without a training track gets the probability 1 / (n_tracks + n_genres), and the others share the rest.
    """

    def __init__(self, context: Context, options: SvmOptions) -> None:
        self.context = context
        self.options = options

    def fit(self, train: Examples, validation: Examples) -> None:  # noqa: ARG002 - nothing is chosen on validation
        """Train the machines and fit the probabilities, on the training tracks alone."""
        table = self._checked(train.inputs)
        self.mean = table.mean(axis=0)
        self.scale = table.std(axis=0)
        self.scale[self.scale < 10 * np.finfo(float).eps * np.abs(self.mean)] = 1.0  # a constant column, but for rounding
        self.scale[self.scale == 0.0] = 1.0
        self.n_train = len(table)
        self.classes, labels = np.unique(train.labels, return_inverse=True)
        gamma = self.options.gamma or 1.0 / table.shape[1]
        kernel = Kernel(self.options.kernel, gamma)
        self.calibrated = calibrate(
            self._standardised(table), labels, train.groups, kernel, self.options, self.context, len(self.classes)
        )

    def predict_proba(self, inputs: Inputs) -> NDArray[np.float64]:
        """Probabilities with a column for every genre of the task."""
        known = self.calibrated.predict_proba(self._standardised(self._checked(inputs)))
        n_genres = len(self.context.genres)
        floor = 1.0 / (self.n_train + n_genres)
        result = np.full((len(known), n_genres), floor)
        result[:, self.classes] = known * (1.0 - floor * (n_genres - len(self.classes)))
        return result

    def predict(self, inputs: Inputs) -> NDArray[np.int64]:
        """Genre with the most votes of the pairs, as SVC.predict gives it; shape (n_tracks,)."""
        decisions = self.calibrated.decisions(self._standardised(self._checked(inputs)))
        winners: NDArray[np.int64] = self.classes[self.calibrated.votes(decisions).argmax(axis=1)]
        return winners

    def save(self, folder: Path) -> None:
        """Write arrays as .npz and the rest as JSON."""
        arrays, constants = self.calibrated.state()
        np.savez(folder / "model.npz", mean=self.mean, scale=self.scale, classes=self.classes, **arrays)
        (folder / "model.json").write_text(json.dumps({"n_train": self.n_train, **constants}, indent=2), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote."""
        constants = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            self.mean, self.scale, self.classes = arrays["mean"], arrays["scale"], arrays["classes"]
            self.calibrated = Calibrated.from_state(arrays, constants)
        self.n_train = constants["n_train"]

    def _standardised(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        return (table - self.mean) / self.scale

    def _checked(self, inputs: Inputs) -> NDArray[np.float64]:
        table = np.asarray(inputs, dtype=np.float64)
        bad = np.argwhere(~np.isfinite(table))
        if len(bad):
            row, column = bad[0]
            names = self.context.columns
            name = " ".join(names[column]) if names else str(column)
            raise DataError(
                f"{len(bad)} feature values are not finite, the first is {table[row, column]} in column {name!r} of row {row}; "
                "mend the features, or leave those tracks out with --exclude"
            )
        return table

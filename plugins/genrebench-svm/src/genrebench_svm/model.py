"""The support vector machine behind the model contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Context, DataError, Examples, Model, PluginError, Table, read_arrays, read_json
from genrebench_svm.importance import draw_importance, permutation_importance
from genrebench_svm.kernels import Kernel
from genrebench_svm.machines import OneVsOne, votes
from genrebench_svm.options import GroupedOptions
from genrebench_svm.pairs import all_pairs
from genrebench_svm.probabilities import METHODS, Calibration
from genrebench_svm.saved import require_sound
from genrebench_svm.training import Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SvmModel(Model[Table]):
    """Standardised columns, a support vector machine per pair of genres, and probabilities from their decision values.

    Parameters
    ----------
    context : Context
    options : GroupedOptions or SvmOptions

    Notes
    -----
    A genre without a training track gets the probability 1 / (n_tracks + n_genres), and the others share the rest.
    """

    def __init__(self, context: Context, options: GroupedOptions) -> None:
        self.context = context
        self.options = options
        self.shown: Examples[Table] | None = None
        self.shown_part = ""

    def fit(self, train: Examples[Table], validation: Examples[Table]) -> None:
        """Train the machines and fit the probabilities on the training tracks alone; validation is used for the figures."""
        table = self._checked(train.inputs)
        self.mean = table.mean(axis=0)
        self.scale = table.std(axis=0)
        # rounding leaves a constant column with a tiny deviation
        self.scale[self.scale <= 1e-13 * np.abs(self.mean)] = 1.0
        self.n_train = len(table)
        self.classes, labels = np.unique(train.labels, return_inverse=True)
        table = self._standardised(table)
        gamma = self.options.gamma or 1.0 / max(table.shape[1], 1)
        trainer = Trainer(
            table=table,
            kernel=Kernel(self.options.kernel, gamma),
            penalties=self.options.C * self._class_weights(labels)[labels],
            workers=self.context.workers,
            memory=self.options.memory * 1e9,
            engine=self.options.engine,
        )
        pairs = all_pairs(labels)
        method = METHODS[self.options.probabilities]
        machines, self.calibration = method(trainer, pairs, labels, train.groups, self.context.seed, self.context.progress)
        self.machines = OneVsOne.gather(trainer.kernel, table, machines, len(self.classes))
        self.context.record("support_vectors", len(self.machines.vectors))
        self.shown, self.shown_part = (validation, "validation") if len(validation) else (train, "training")

    def predict_proba(self, inputs: Table) -> NDArray[np.float64]:
        """Probabilities with a column for every genre of the task."""
        known = self.calibration.apply(self._decisions(inputs), len(self.classes))
        n_genres = len(self.context.genres)
        floor = 1.0 / (self.n_train + n_genres)
        result = np.full((len(known), n_genres), floor)
        result[:, self.classes] = known * (1.0 - floor * (n_genres - len(self.classes)))
        return result

    def predict(self, inputs: Table) -> NDArray[np.int64]:
        """Genre that wins most pairs, the first of equals, as SVC.predict returns it, shape (n_tracks,)."""
        winners: NDArray[np.int64] = self.classes[votes(self._decisions(inputs), len(self.classes)).argmax(axis=1)]
        return winners

    def save(self, folder: Path) -> None:
        """Write arrays as .npz and the rest as JSON."""
        arrays: dict[str, NDArray[Any]] = {}
        constants: dict[str, Any] = {"n_train": self.n_train}
        for part in (self.machines, self.calibration):
            more_arrays, more_constants = part.state()
            arrays |= more_arrays
            constants |= more_constants
        arrays |= {"mean": self.mean, "scale": self.scale, "classes": self.classes}
        np.savez(folder / "model.npz", allow_pickle=False, **arrays)
        (folder / "model.json").write_text(json.dumps(constants, indent=2), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote, after a check that its parts fit each other and the genres."""
        try:
            constants, arrays = read_json(folder / "model.json"), read_arrays(folder / "model.npz")
            require_sound(arrays, constants, len(self.context.genres))
        except (OSError, ValueError) as error:
            raise PluginError(f"the saved model in {folder.name} can't be read: {error}; train it again") from None
        self.mean, self.scale, self.classes = arrays["mean"], arrays["scale"], arrays["classes"]
        self.machines = OneVsOne.from_state(arrays, constants)
        self.calibration = Calibration.from_state(arrays, constants)
        self.n_train = constants["n_train"]

    def figures(self) -> Mapping[str, Figure]:
        """Draw which feature groups matter for which genre; nothing where columns have no names or the model was loaded."""
        if self.shown is None or not self.context.columns:
            return {}
        importance = permutation_importance(self, self.shown, self.context.columns, self.context.seed)
        title = f"Feature groups by genre, on {self.shown_part} tracks"
        return {title: draw_importance(importance, self.context.genres, title)} if importance else {}

    def _decisions(self, inputs: Table) -> NDArray[np.float64]:
        return self.machines.decisions(self._standardised(self._checked(inputs)))

    def _standardised(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        standardised: NDArray[np.float64] = (table - self.mean) / self.scale
        return standardised

    def _class_weights(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        counts = np.bincount(labels)
        if self.options.class_weight == "none":
            return np.ones(len(counts))
        weights: NDArray[np.float64] = len(labels) / (len(counts) * counts)
        return weights

    def _checked(self, inputs: Table) -> NDArray[np.float64]:
        table = np.asarray(inputs, dtype=np.float64)
        bad = np.argwhere(~np.isfinite(table))
        if len(bad):
            row, column = bad[0]
            name = " ".join(self.context.columns[column]) if self.context.columns else str(column)
            raise DataError(
                f"{len(bad)} feature values are not finite, the first is {table[row, column]} in column {name!r} of row {row}; "
                "correct the features, or leave those tracks out with --exclude"
            )
        return table

"""What the probes share: how layer and regularisation are chosen, standardisation, and files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Context, Examples, Model, PluginError, Table, grouped_folds, log_loss, read_arrays

FILE = "probe.npz"
N_FOLDS = 3
"""Inner folds, where there are no validation tracks."""


class Probe(Model[Table]):
    """A classifier on the embeddings of one layer.

    Every pair of a layer and a setting is fitted on the training tracks and scored by its log loss on the validation tracks.
    The best pair is taken as it is: validation tracks are never trained on. Without validation tracks, pairs are scored on
    three inner folds of the training tracks that keep artists together, and the best is fitted on all of them.

    Parameters
    ----------
    context : Context
    options : ProbeOptions
    """

    def __init__(self, context: Context, options: Any) -> None:
        self.context, self.options = context, options
        self.state: dict[str, NDArray[Any]] = {}

    # ---------------------------------------------------------------- of each probe

    @property
    @abstractmethod
    def settings(self) -> Sequence[float]:
        """The settings to choose from."""

    @abstractmethod
    def fitted(self, x: Table, labels: NDArray[np.int64], setting: float) -> dict[str, NDArray[Any]]:
        """Fit standardised embeddings; the result is all that `probabilities` needs."""

    @abstractmethod
    def probabilities(self, state: dict[str, NDArray[Any]], x: Table) -> NDArray[np.float64]:
        """Probabilities of standardised embeddings."""

    # ---------------------------------------------------------------- the contract

    def fit(self, train: Examples[Table], validation: Examples[Table]) -> None:
        """Choose layer and setting, and fit."""
        rounds = [(train, validation)] if len(validation) else list(self._inner(train))
        candidates = [(layer, setting) for layer in self._layers() for setting in self.settings]
        scores: list[float] = []
        for number, (layer, setting) in enumerate(self.context.progress(candidates, "Choosing layer and setting")):
            states = [self._fit(fold, layer, setting) for fold, _ in rounds]
            losses = [
                log_loss(held.labels, self._predict(state, held.inputs))
                for state, (_, held) in zip(states, rounds, strict=True)
            ]
            weights = [len(held) for _, held in rounds]
            scores.append(float(np.average(losses, weights=weights)) if losses else 0.0)
            self.context.log(number + 1, {"validation log loss": scores[-1]})
        layer, setting = candidates[int(np.argmin(scores))]
        self.state = self._fit(train, layer, setting)
        self.context.record("layer", int(layer))
        self.context.record("setting", setting)
        self.context.record("parameters", int(sum(value.size for value in self.state.values())))

    def predict_proba(self, inputs: Table) -> NDArray[np.float64]:
        """Probabilities of each track."""
        return self._predict(self.state, np.asarray(inputs))

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        np.savez(folder / FILE, **self.state)  # type: ignore[arg-type] # of a name that is none of these

    def load(self, folder: Path) -> None:
        """Read the arrays."""
        try:
            self.state = dict(read_arrays(folder / FILE))
            self._predict(self.state, np.zeros((1, len(self.context.columns))))
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise PluginError(f"{FILE} isn't the file of this probe: {error}") from error

    # ---------------------------------------------------------------- steps

    def _layers(self) -> list[int]:
        return sorted({int(column[0].rpartition("-")[2]) for column in self.context.columns})

    def _columns(self, layer: int) -> NDArray[np.int64]:
        return np.flatnonzero([column[0] == f"layer-{layer:02d}" for column in self.context.columns])

    def _inner(self, train: Examples[Table]) -> Iterator[tuple[Examples[Table], Examples[Table]]]:
        folds = grouped_folds(train.labels, train.groups, N_FOLDS, seed=self.context.seed, split_single_groups=True)
        for number in range(N_FOLDS):
            held = folds == number
            if held.any() and len(set(train.labels[~held].tolist())) > 1:
                yield tuple(Examples(train.inputs[rows], train.labels[rows], train.groups[rows]) for rows in (~held, held))  # type: ignore[misc]

    def _fit(self, train: Examples[Table], layer: int, setting: float) -> dict[str, NDArray[Any]]:
        columns = self._columns(layer)
        x = np.asarray(train.inputs)[:, columns]
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale[scale == 0] = 1.0
        counts = np.bincount(train.labels, minlength=len(self.context.genres))
        state = self.fitted((x - mean) / scale, train.labels, setting)
        return {**state, "columns": columns, "mean": mean, "scale": scale, "counts": counts}

    def _predict(self, state: dict[str, NDArray[Any]], inputs: Table) -> NDArray[np.float64]:
        """Probabilities, mixed with a little of the genres' frequencies, so that none is 0."""
        x = (inputs[:, state["columns"]] - state["mean"]) / state["scale"]
        n = state["counts"].sum()
        prior = (state["counts"] + 1) / (n + len(state["counts"]))
        p = (n * self.probabilities(state, x) + prior) / (n + 1)
        return np.asarray(p / p.sum(axis=1, keepdims=True))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of probabilities from rows of logits; -inf gives 0."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def spread(values: NDArray[np.float64], classes: NDArray[np.int64], n_genres: int, fill: float) -> NDArray[np.float64]:
    """Rows for the genres that were seen in training as rows for all genres; the others get `fill`."""
    result = np.full((n_genres, *values.shape[1:]), fill)
    result[classes] = values
    return result

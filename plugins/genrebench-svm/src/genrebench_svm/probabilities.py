"""Three ways from decision values to probabilities: libsvm's, the same on grouped folds, and a sigmoid a class.

Each is a function of a trainer, the pairs, and what is known of the tracks; it returns a `Calibration`, which turns decision
values of any track into probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench_svm.coupling import couple
from genrebench_svm.folds import grouped_folds, libsvm_folds, libsvm_seed, stratified_folds
from genrebench_svm.machines import one_vs_rest, stack, votes
from genrebench_svm.pairs import Pair, Trainer
from genrebench_svm.platt import fit_sigmoid, sigmoid

EXACT = 1e-9
REPEATS = 3
Progress = Callable[..., Iterable[Any]]


@dataclass(frozen=True)
class Calibration:
    """How decision values become probabilities.

    Parameters
    ----------
    way : {"libsvm", "grouped", "ovr"}
    sigmoids : ndarray of float, shape (n_pairs, 2) or (n_classes, 2)
        Slope and offset of each pair's sigmoid, or of each class's ("ovr").
    temperature : float
        The coupled probabilities are raised to the power of 1 / temperature; 1 leaves them.
    """

    way: str
    sigmoids: NDArray[np.float64]
    temperature: float = 1.0

    def apply(self, decisions: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
        """Probabilities, shape (n_tracks, n_classes), of decision values of shape (n_tracks, n_pairs)."""
        if n_classes == 1:
            return np.ones((len(decisions), 1))
        if self.way == "ovr":
            p = _sigmoids(one_vs_rest(decisions, n_classes), self.sigmoids)
            return p / p.sum(axis=1, keepdims=True)
        pairwise = _sigmoids(decisions, self.sigmoids)
        if self.way == "libsvm":
            return couple(pairwise, n_classes)
        p = soften(couple(pairwise, n_classes, EXACT), self.temperature)
        return agree(p, votes(decisions, n_classes).argmax(axis=1))

    def state(self) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
        """What has to be saved, as arrays and as JSON types."""
        return {"sigmoids": self.sigmoids}, {"probabilities": self.way, "temperature": self.temperature}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[np.float64]], constants: Mapping[str, Any]) -> Calibration:
        """Undo `state`."""
        return cls(constants["probabilities"], arrays["sigmoids"], constants["temperature"])


# ------------------------------------------------------------------ the three ways


def libsvm(
    trainer: Trainer,
    pairs: Sequence[Pair],
    labels: NDArray[np.int64],  # noqa: ARG001 - the three ways share their arguments
    groups: NDArray[np.int64],  # noqa: ARG001
    seed: int,
    progress: Progress,
) -> Calibration:
    """Fit a sigmoid to each pair's decision values from five random folds of that pair, as libsvm does.

    With the same seed, the folds are those of scikit-learn's SVC(probability=True, random_state=seed).
    """
    seed = libsvm_seed(seed)

    def job(pair: Pair) -> tuple[float, float]:
        return fit_sigmoid(trainer.held_out(pair, libsvm_folds(seed, len(pair.rows))), pair.positive)

    sigmoids = trainer.run(job, pairs, progress, "inner folds of each pair")
    return Calibration("libsvm", np.array(sigmoids).reshape(-1, 2))


def grouped(
    trainer: Trainer,
    pairs: Sequence[Pair],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int,
    progress: Progress,
) -> Calibration:
    """Fit pair sigmoids and a temperature on folds that keep groups together.

    Notes
    -----
    All pairs share the folds, which are drawn three times. So every track has decision values of all pairs from machines
    that never saw its group, and the coupled probabilities can be judged by their log loss: the temperature minimises it.
    Folds that lack a class in training say nothing about it and are left out. A pair without evidence takes the
    sigmoid of all the pairs together; a sigmoid that would rise the wrong way, as few tracks make it, stays flat.
    """
    n_classes = int(labels.max()) + 1
    parts = []
    for repeat in range(REPEATS):
        folds = grouped_folds(labels, groups, np.random.default_rng([seed, repeat]))
        parts.append(_held_out(trainer, pairs, labels, folds, progress, f"inner folds, {repeat + 1} of {REPEATS}"))
    decisions = np.concatenate([part[0] for part in parts])
    trained = np.concatenate([part[1] for part in parts])
    truth = np.tile(labels, REPEATS)
    sigmoids = pair_sigmoids(decisions, truth, trained)
    fair = trained.all(axis=1)
    temperature = 1.0
    if fair.any() and n_classes > 1:
        temperature = fit_temperature(couple(_sigmoids(decisions[fair], sigmoids), n_classes, EXACT), truth[fair])
    return Calibration("grouped", sigmoids, temperature)


def ovr(
    trainer: Trainer,
    pairs: Sequence[Pair],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],  # noqa: ARG001
    seed: int,  # noqa: ARG001 - the folds follow the order of the tracks
    progress: Progress,
) -> Calibration:
    """Fit a sigmoid for each class against the rest, as scikit-learn's CalibratedClassifierCV(SVC(), ensemble=False) does."""
    n_classes = int(labels.max()) + 1
    decisions, _ = _held_out(trainer, pairs, labels, stratified_folds(labels), progress, "inner folds")
    values = one_vs_rest(decisions, n_classes)
    return Calibration("ovr", np.array([fit_sigmoid(values[:, c], labels == c) for c in range(n_classes)]).reshape(-1, 2))


WAYS = {"libsvm": libsvm, "grouped": grouped, "ovr": ovr}


# ------------------------------------------------------------------ their parts


def pair_sigmoids(decisions: NDArray[np.float64], labels: NDArray[np.int64], trained: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sigmoids of all pairs from decision values of tracks held out, shape (n_pairs, 2).

    Parameters
    ----------
    decisions : ndarray of float, shape (n, n_pairs)
    labels : ndarray of int, shape (n,)
    trained : ndarray of bool, shape (n, n_classes)
        Whether the machines that gave a row's decision values had tracks of the class to train on.
    """
    pairs = list(zip(*np.triu_indices(trained.shape[1], 1), strict=True))
    fair = [((labels == i) | (labels == j)) & trained[:, i] & trained[:, j] for i, j in pairs]
    evidence = [(decisions[rows, p], labels[rows] == pairs[p][0]) for p, rows in enumerate(fair)]
    both = [bool(positive.any() and not positive.all()) for _, positive in evidence]
    known = [pair for pair, enough in zip(evidence, both, strict=True) if enough]
    # each value once from either side, so that the common sigmoid doesn't depend on the order of the classes
    slope = -1.0
    if known:
        values = np.concatenate([sign * d for d, _ in known for sign in (1.0, -1.0)])
        slope, _ = fit_sigmoid(values, np.concatenate([side for _, positive in known for side in (positive, ~positive)]))
    result = np.zeros((len(pairs), 2))
    for p, (values, positive) in enumerate(evidence):
        a, b = fit_sigmoid(values, positive) if both[p] else (min(slope, 0.0), 0.0)
        if a > 0.0:
            a, b = 0.0, float(np.log(((~positive).sum() + 1.0) / (positive.sum() + 1.0)))
        result[p] = a, b
    return result


def fit_temperature(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature, from 1/4 to 4, with the least log loss (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return -float(np.log(soften(probabilities, np.exp(log_temperature))[rows, labels] + 1e-300).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-np.log(4.0), np.log(4.0)), method="bounded").x))


def soften(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities to the power of 1 / temperature, rows renormalised."""
    logits = np.log(np.maximum(probabilities, 1e-300)) / temperature
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = p / p.sum(axis=1, keepdims=True)
    return result


def agree(probabilities: NDArray[np.float64], winners: NDArray[np.intp]) -> NDArray[np.float64]:
    """The nearest probabilities whose largest is the winner's.

    Rows in which another class is more probable are projected, by least squares, onto those where none is: the winner and
    the classes above it share their mean. The winner is then ahead by a billionth, so that no tie hides it.
    """
    result = probabilities.copy()
    n_classes = result.shape[1]
    for row in np.flatnonzero(result.argmax(axis=1) != winners):
        p, winner = result[row], winners[row]
        order = np.argsort(-p, kind="stable")
        order = order[order != winner]
        size = 1
        mean = p[winner]
        while size < n_classes and p[order[size - 1]] > mean:
            mean = (mean * size + p[order[size - 1]]) / (size + 1)
            size += 1
        p[order[: size - 1]] = mean
        p[winner] = mean * (1.0 + 1e-9)
        result[row] = p / p.sum()
    return result


def _sigmoids(values: NDArray[np.float64], sigmoids: NDArray[np.float64]) -> NDArray[np.float64]:
    return sigmoid(values * sigmoids[:, 0] + sigmoids[:, 1])


def _held_out(
    trainer: Trainer,
    pairs: Sequence[Pair],
    labels: NDArray[np.int64],
    folds: NDArray[np.intp],
    progress: Progress,
    description: str,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Decision values of all the pairs for each track, from machines trained without its fold.

    Returns
    -------
    decisions : ndarray of float, shape (n_tracks, n_pairs)
        Where one of a pair's classes is missing in training, the other wins by 1, as in libsvm.
    trained : ndarray of bool, shape (n_tracks, n_classes)
        Whether the class had tracks to train on.
    """
    n_classes = int(labels.max()) + 1
    numbers = np.unique(folds)
    machines = trainer.run(lambda pair: trainer.without(pair, folds, numbers), pairs, progress, description)
    decisions = np.zeros((len(labels), len(pairs)))
    trained = np.zeros((len(labels), n_classes), dtype=bool)
    for place, fold in enumerate(numbers):
        test = np.flatnonzero(folds == fold)
        present = np.bincount(labels[folds != fold], minlength=n_classes) > 0
        trained[test] = present
        rows, coefficients, intercepts = stack([of_pair[place] for of_pair in machines])
        decisions[test] = trainer.product(test, rows, coefficients) + intercepts
        for p, pair in enumerate(pairs):
            if not (present[pair.first] and present[pair.second]):
                decisions[test, p] = float(present[pair.first]) - float(present[pair.second])
    return decisions, trained

"""Three methods to turn decision values into probabilities: libsvm's, the same on grouped folds, and one sigmoid per class.

Each is a function of a trainer, the pairs, and the labels and groups of the tracks. It returns the machines of the pairs, and a
`Calibration`, which turns the decision values of any track into probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.api import grouped_folds
from genrebench_svm.coupling import couple
from genrebench_svm.folds import N_FOLDS, libsvm_folds, libsvm_seed, stratified_folds
from genrebench_svm.machines import one_vs_rest, stack, votes
from genrebench_svm.pairs import Machine, Pair
from genrebench_svm.platt import fit_sigmoid, sigmoid
from genrebench_svm.training import Gram, Trainer

EXACT = 1e-9
REPEATS = 3
TRAINING = "fitting the pairs of genres"
START = -1.0  # slope of the sigmoid without any evidence: a margin of 1 means 73 %
Progress = Callable[..., Iterable[Any]]


@dataclass(frozen=True)
class Calibration:
    """How decision values become probabilities.

    Parameters
    ----------
    method : {"libsvm", "grouped", "ovr"}
    sigmoids : ndarray of float, shape (n_pairs, 2) or (n_classes, 2)
        Slope and offset of each pair's sigmoid, or of each class's sigmoid ("ovr").
    """

    method: str
    sigmoids: NDArray[np.float64]

    def apply(self, decisions: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
        """Probabilities, shape (n_tracks, n_classes), of decision values of shape (n_tracks, n_pairs)."""
        if n_classes == 1:
            return np.ones((len(decisions), 1))
        if self.method == "ovr":
            each = _sigmoids(one_vs_rest(decisions, n_classes), self.sigmoids)
            p: NDArray[np.float64] = each / each.sum(axis=1, keepdims=True)
            return p
        pairwise = _sigmoids(decisions, self.sigmoids)
        if self.method == "libsvm":
            return couple(pairwise, n_classes)
        return agree(couple(pairwise, n_classes, EXACT), votes(decisions, n_classes).argmax(axis=1))

    def state(self) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
        """What has to be saved, as arrays and as JSON types."""
        return {"sigmoids": self.sigmoids}, {"probabilities": self.method}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[np.float64]], constants: Mapping[str, Any]) -> Calibration:
        """The inverse of `state`."""
        return cls(constants["probabilities"], arrays["sigmoids"])


# ------------------------------------------------------------------ the three methods


def libsvm(
    trainer: Trainer,
    pairs: Sequence[Pair],
    labels: NDArray[np.int64],  # noqa: ARG001 - the three methods share their arguments
    groups: NDArray[np.int64],  # noqa: ARG001
    seed: int,
    progress: Progress,
) -> tuple[list[Machine], Calibration]:
    """Fit a sigmoid to each pair's decision values from five random folds of that pair, as libsvm does.

    With the same seed, the folds are those of scikit-learn's SVC(probability=True, random_state=seed).
    """
    seed = libsvm_seed(seed)

    def job(pair: Pair, gram: Gram) -> tuple[float, float]:
        decisions, _ = trainer.held_out(pair, libsvm_folds(seed, len(pair.rows)), gram)
        return fit_sigmoid(decisions, pair.positive)

    machines, sigmoids = trainer.run(job, pairs, progress, TRAINING)
    return machines, Calibration("libsvm", np.array(sigmoids).reshape(-1, 2))


def grouped(
    trainer: Trainer,
    pairs: Sequence[Pair],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int,
    progress: Progress,
) -> tuple[list[Machine], Calibration]:
    """Fit a sigmoid to each pair's decision values from folds that keep groups together, shrunk towards a common slope.

    Notes
    -----
    The five folds are drawn three times, and each pair's sigmoid is fitted to all three sets of decision values: most of the
    difference between seeds comes from the folds. A pair of small genres has too little evidence for a sigmoid of its own, so
    all slopes are shrunk towards their median. The tracks of a group are alike, so the shrinkage grows with the number of
    tracks per group. Held-out tracks aren't used where the other folds lack one of the pair's classes.
    """
    drawn = [grouped_folds(labels, groups, N_FOLDS, seed=(seed, repeat), split_single_groups=True) for repeat in range(REPEATS)]

    def job(pair: Pair, gram: Gram) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        parts = [trainer.held_out(pair, folds[pair.rows], gram) for folds in drawn]
        usable = np.concatenate([part[1] for part in parts])
        return np.concatenate([part[0] for part in parts])[usable], np.tile(pair.positive, REPEATS)[usable]

    machines, evidence = trainer.run(job, pairs, progress, TRAINING)
    alone = [fit_sigmoid(decisions, positive)[0] for decisions, positive in evidence if positive.any() and not positive.all()]
    slope = min(float(np.median(alone)), 0.0) if alone else START
    strength = REPEATS * len(groups) / len(np.unique(groups))
    sigmoids = [fit_sigmoid(decisions, positive, slope, strength) for decisions, positive in evidence]
    return machines, Calibration("grouped", np.array(sigmoids).reshape(-1, 2))


def ovr(
    trainer: Trainer,
    pairs: Sequence[Pair],
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],  # noqa: ARG001
    seed: int,  # noqa: ARG001 - the folds follow the order of the tracks
    progress: Progress,
) -> tuple[list[Machine], Calibration]:
    """Fit a sigmoid per class against the rest, as scikit-learn's CalibratedClassifierCV(SVC(), ensemble=False) does."""
    n_classes = int(labels.max()) + 1
    machines, decisions = _held_out(trainer, pairs, labels, stratified_folds(labels), progress)
    values = one_vs_rest(decisions, n_classes)
    sigmoids = np.array([fit_sigmoid(values[:, c], labels == c) for c in range(n_classes)])
    return machines, Calibration("ovr", sigmoids.reshape(-1, 2))


METHODS = {"libsvm": libsvm, "grouped": grouped, "ovr": ovr}


# ------------------------------------------------------------------ helpers


def agree(probabilities: NDArray[np.float64], winners: NDArray[np.intp]) -> NDArray[np.float64]:
    """The nearest probabilities whose maximum is at the winner.

    Rows in which another class is more probable are projected by least squares onto those in which none is: the winner and the
    classes above it get their mean. The winner is then raised by a billionth to break the tie.
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
    trainer: Trainer, pairs: Sequence[Pair], labels: NDArray[np.int64], folds: NDArray[np.intp], progress: Progress
) -> tuple[list[Machine], NDArray[np.float64]]:
    """Machines, and decision values of all pairs for each track from others trained without its fold, (n_tracks, n_pairs).

    Where one of a pair's classes is missing in training, the other wins by 1.
    """
    numbers = np.unique(folds)
    machines, partial = trainer.run(lambda pair, gram: trainer.without(pair, folds, numbers, gram), pairs, progress, TRAINING)
    decisions = np.zeros((len(labels), len(pairs)))
    for place, fold in enumerate(numbers):
        test = np.flatnonzero(folds == fold)
        counts = np.bincount(labels[folds != fold], minlength=int(labels.max()) + 1)
        rows, coefficients, intercepts = stack([of_pair[place] for of_pair in partial])
        decisions[test] = trainer.product(test, rows, coefficients) + intercepts
        for p, pair in enumerate(pairs):
            if not (counts[pair.first] and counts[pair.second]):
                decisions[test, p] = float(counts[pair.first] > 0) - float(counts[pair.second] > 0)
    return machines, decisions

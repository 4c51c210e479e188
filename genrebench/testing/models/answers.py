"""Checks of what a model answers, and of what its answers depend on."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import PluginError
from genrebench.plugin.hosted import checked
from genrebench.testing.apart import Outcome
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.examples import GENRES
from genrebench.testing.models.bench import ModelBench
from genrebench.testing.models.manners import LIFE
from genrebench.testing.models.scenarios import trainings
from genrebench.testing.models.scenarios.life import whole_life

Table = NDArray[np.float64]

SAME = 1e-6
"""Largest difference of probabilities that should be the same."""

BATCH = 1e-4
"""The same for answers in batches of other sizes, whose sums libraries compute in another order."""


def values_of(answer: dict[str, Any], n: int, n_genres: int = len(GENRES)) -> tuple[Table, str | None]:
    """The probabilities of an answer; or what is wrong with it, in which case these are empty."""
    nothing = np.zeros((0, n_genres))
    if answer["type"] != "ndarray":
        return nothing, f"predict_proba returned a {answer['type']}, not a NumPy array"
    if not answer["dtype"].startswith("float"):
        return nothing, f"predict_proba returned an array of {answer['dtype']}, not of floating-point numbers"
    try:
        return checked(answer["values"], n, n_genres, ""), None
    except PluginError as error:
        return nothing, str(error).removeprefix(": ")


def _answer(bench: ModelBench) -> tuple[Table, NDArray[np.int64]]:
    life = bench.outcome(LIFE, whole_life)
    return values_of(life["answer"], len(bench.labels))[0], bench.labels


def built(bench: ModelBench) -> str | None:
    """`check` and `build` return."""
    bench.outcome(LIFE, whole_life).need("start", "build")
    return None


def fitted(bench: ModelBench) -> str | None:
    """`fit` returns."""
    bench.outcome(LIFE, whole_life).need("fit")
    return None


def answered(bench: ModelBench) -> str | None:
    """`predict_proba` returns probabilities."""
    life = bench.outcome(LIFE, whole_life)
    life.need("predict_proba")
    return values_of(life["answer"], len(bench.labels))[1]


def repeated(bench: ModelBench) -> str | None:
    """The same question has the same answer."""
    p, _ = _answer(bench)
    life = bench.outcome(LIFE, whole_life)
    _, answer = life["again"][0]
    if life["overwritten"]:
        return "an array that predict_proba had returned was changed by a later call"
    q, problem = values_of(answer, len(p))
    return problem or differ(p, q, SAME, "asked twice for the same tracks, the model gave different probabilities")


def batches(bench: ModelBench) -> str | None:
    """A track's answer depends on that track alone."""
    p, _ = _answer(bench)
    for name in ("reversed", "one by one", "in other numbers"):
        for rows, answer in bench.outcome(LIFE, whole_life)[name]:
            q, problem = values_of(answer, len(rows))
            if problem:
                return f"{problem} (with {len(rows)} tracks at once)"
            how = "the order of the tracks" if name == "reversed" else "which other tracks are asked for at once"
            problem = differ(p[rows], q, BATCH, f"the probabilities of a track depend on {how}")
            if problem:
                return problem
    if second_training(bench) is None or not _repeats(bench):
        return None
    q, problem = values_of(bench.outcome("some first", trainings.some_first)["answer"], len(p))
    told = "the probabilities of a track depend on which tracks the model was asked for first"
    return problem or differ(p, q, BATCH, told)


def second_training(bench: ModelBench) -> str | None:
    """How the answers of a model that was fitted after another one in a process differ; None if they don't, or there are none.

    It was asked for some of the tracks first.
    """
    p, _ = _answer(bench)
    second = bench.outcome("two genres", trainings.two_genres).notes.get("second")
    if second is None:
        return None
    q, problem = values_of(second, len(p))
    return problem or differ(p, q, SAME, "a model that was fitted after another one in the same process is another model")


def same_seed(bench: ModelBench) -> Outcome:
    """Another training with the same seed, of a model at another address in memory, alone in its process."""
    address = bench.outcome(LIFE, whole_life)["address"]
    return bench.outcome("same seed", partial(trainings.fitted, address=address))


def _repeats(bench: ModelBench) -> bool:
    """Whether another training gives the same answers."""
    p, _ = _answer(bench)
    outcome = same_seed(bench)
    if outcome.failed:
        return False
    q, problem = values_of(outcome["answer"], len(p))
    return problem is None and differ(p, q, SAME, "") is None


def order(bench: ModelBench) -> str | None:
    """Columns are those of the genres, and not of another order of them."""
    p, labels = _answer(bench)
    return order_problem(p, labels)


def order_problem(p: Table, labels: NDArray[np.int64], genres: tuple[int, ...] = (0, 1, 2)) -> str | None:
    """Whether the columns fit the labels much better in another order, and which; `genres` are those that occur."""
    known = np.isin(labels, genres)
    p, labels = p[known], labels[known]

    def right(columns: tuple[int, ...]) -> Table:
        """Probability of each track's genre, if the columns of the genres were these."""
        column = dict(zip(genres, columns, strict=True))
        own: Table = p[np.arange(len(p)), [column[int(label)] for label in labels]]
        return own

    orders = itertools.permutations(range(p.shape[1]), len(genres))
    best = max(orders, key=lambda columns: right(columns).mean())
    gain = right(best) - right(genres)
    if gain.mean() < 0.03 or gain.mean() < 3 * gain.std() / math.sqrt(len(gain)):
        return None
    names = [", ".join(repr(GENRES[column]) for column in columns) for columns in (genres, best)]
    return f"tracks of the genres {names[0]} have their probabilities in the columns of {names[1]}"


def chance(bench: ModelBench) -> str | None:
    """On genres that differ clearly, the model is better than chance."""
    p, labels = _answer(bench)
    loss = -np.log(np.clip(p[np.arange(len(p)), labels], 1e-15, 1)).mean()
    right = int((p.argmax(axis=1) == labels).sum())
    if loss < 0.98 * math.log(len(GENRES)) or tail(right, len(p), 1 / len(GENRES)) < 0.01:
        return None
    return f"{right} of {len(p)} tracks are right and the log loss is {loss:.3f}; chance is a third and {math.log(3):.3f}"


def tail(successes: int, n: int, p: float) -> float:
    """Probability of at least so many successes among `n`."""
    return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(successes, n + 1))


def _odd(name: str) -> Any:
    def find(bench: ModelBench) -> str | None:
        life = bench.outcome(LIFE, whole_life)
        life.need(name)
        if name not in life.notes and not life.failed:
            raise NotApplicable("the input has no time axis")
        answer = life[name]
        n = 1 if answer["values"] is None else len(np.atleast_1d(answer["values"]))
        return values_of(answer, {"lengths": 4}.get(name, 1) if n else 0)[1]

    return find


def differ(a: Table, b: Table, tolerance: float, message: str) -> str | None:
    """The message with the largest difference of two arrays, if that is too large."""
    difference = float(np.abs(a - b).max(initial=0.0))
    return f"{message}; they differ by up to {difference:.2g}" if difference > tolerance else None


_UNUSUAL = "Collections have such tracks, and one of them would end a run of hours."
_PAD = "Pad short tracks, cut long ones into windows, and divide by max(std, 1e-9)."

RULES = (
    Rule(
        "build",
        built,
        "Nothing can be run with the model.",
        "build(context, options) returns a new Model; check(context, options) raises UsageError only where a device or a "
        "combination of options isn't possible.",
        needs=("options", "spec"),
        owns=(f"{LIFE}.start", f"{LIFE}.build"),
    ),
    Rule(
        "fit",
        fitted,
        "A run of the model fails, or never ends.",
        "Try fit on genrebench.testing.tiny_examples; raise an exception where something is wrong, and never end the process.",
        needs=("build",),
        owns=(f"{LIFE}.fit",),
    ),
    Rule(
        "probabilities",
        answered,
        "genrebench refuses other answers, and the run fails after the training.",
        "Return a float array of shape (tracks, genres): finite, not negative, rows sum to 1, a column for each of "
        "context.genres.",
        needs=("fit",),
        owns=(f"{LIFE}.predict_proba",),
    ),
)

LATER = (
    Rule(
        "repeated answers",
        repeated,
        "Scores could not be repeated from the saved model.",
        "Draw no random numbers in predict_proba (dropout off, fixed crops), or seed them anew each time; return a new array.",
        needs=("probabilities", "random state", "inputs"),
        owns=(f"{LIFE}.again",),
    ),
    Rule(
        "batches",
        batches,
        "The host asks in batches of any size and order, and a track that comes alone has to get the same answer.",
        "Compute means, ranks and normalisation over the training part in fit, not over the tracks of predict_proba.",
        needs=("repeated answers",),
        owns=(f"{LIFE}.reversed", f"{LIFE}.one by one", f"{LIFE}.in other numbers"),
    ),
    Rule(
        "genre order",
        order,
        "Probabilities under the wrong genres score below chance, and nothing else tells.",
        "Column i belongs to context.genres[i], which is label i; with scikit-learn: p[:, estimator.classes_] = fitted.",
        needs=("probabilities", "batches"),
    ),
    Rule(
        "above chance",
        chance,
        "These genres differ so clearly that any model learns something.",
        "See that labels reach the training and inputs the prediction; or check with options that let it learn: more epochs.",
        needs=("genre order",),
    ),
    Rule("silence", _odd("silence"), _UNUSUAL, _PAD, needs=("batches",), owns=(f"{LIFE}.silence",)),
    Rule("one frame", _odd("one frame"), _UNUSUAL, _PAD, needs=("batches",), owns=(f"{LIFE}.one frame",)),
    Rule("very long", _odd("very long"), _UNUSUAL, _PAD, needs=("batches",), owns=(f"{LIFE}.very long",)),
    Rule("lengths", _odd("lengths"), _UNUSUAL, _PAD, needs=("batches", "one frame"), owns=(f"{LIFE}.lengths",)),
)

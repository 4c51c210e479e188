"""Checks of metrics, on made predictions of three genres."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import PluginError
from genrebench.plugin.hookspecs import METRIC
from genrebench.plugin.metrics import measure
from genrebench.testing.apart import Outcome, Probe
from genrebench.testing.bench import Bench, watched
from genrebench.testing.check import NotApplicable, Rule
from genrebench.testing.declarations import IMPORT, declaration_problem
from genrebench.testing.manners import manners

N_TRACKS, N_GENRES = 48, 3
ROUNDING = 1e-9

Predictions = tuple[NDArray[np.int64], NDArray[np.float64]]


class MetricBench(Bench):
    """A metric, and its scores of several sets of predictions, by name: a number, or what is wrong."""

    @cached_property
    def scores(self) -> Outcome:
        """Notes by name: (score, values per track, problem)."""
        return self.outcome("scores", _scores)

    def score(self, name: str) -> float:
        """The score of some predictions; a rule that needs it isn't about it being invalid."""
        score, _, problem = self.scores[name]
        if problem is not None:
            raise NotApplicable("the metric has no score there")
        return float(score)


def made() -> Predictions:
    """Labels, and probabilities that are right more often than not."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, N_GENRES, N_TRACKS)
    logits = rng.normal(size=(N_TRACKS, N_GENRES))
    logits[np.arange(N_TRACKS), labels] += 1.0
    p = np.exp(logits)
    return labels, p / p.sum(axis=1, keepdims=True)


def _cases() -> dict[str, Predictions]:
    labels, p = made()
    order = np.random.default_rng(4).permutation(N_TRACKS)
    genres = np.array([2, 0, 1])
    certain = np.eye(N_GENRES)
    return {
        "usual": (labels, p),
        "again": (labels, p),
        "other order": (labels[order], p[order]),
        "other genres": (np.argsort(genres)[labels], p[:, genres]),
        "perfect": (labels, certain[labels]),
        "certain and wrong": (labels, certain[(labels + 1) % N_GENRES]),
        "worst": (labels, 0.7 * certain[(labels + 1) % N_GENRES] + 0.3 * certain[(labels + 2) % N_GENRES]),
        "uniform": (labels, np.full_like(p, 1 / N_GENRES)),
        "one track": (labels[:1], p[:1]),
        "one genre": (labels * 0, p),
        "half": (labels[:20], p[:20]),
        "a genre without tracks": (labels[labels > 0], p[labels > 0]),
        "two genres": (labels % 2, p[:, :2] / p[:, :2].sum(axis=1, keepdims=True)),
        "sixteen genres": (np.arange(N_TRACKS) % 16, np.random.default_rng(5).dirichlet(np.ones(16), N_TRACKS)),
    }


def _scores(bench: MetricBench, probe: Probe) -> None:
    with watched(bench, probe, bench.folder):
        for name, (labels, p) in _cases().items():
            with probe.step(name):
                try:
                    found = measure(bench.spec, labels, p)
                    probe.note(name, (found.score, found.values, None))
                except PluginError as error:
                    probe.note(name, (None, None, str(error)))
        labels, p = made()
        old = labels.copy(), p.copy()
        with probe.step("inputs"):
            bench.spec.compute(labels, p)
        probe.note(
            "changed", [n for n, a, b in zip(("labels", "probabilities"), (labels, p), old, strict=True) if (a != b).any()]
        )


def spec(bench: MetricBench) -> str | None:
    """Name, summary, direction and range."""
    return declaration_problem(bench.spec, METRIC)


def score(bench: MetricBench) -> str | None:
    """A finite score in the range, of the declared shape."""
    problem: str | None = bench.scores["usual"][2]
    return problem


def extremes(bench: MetricBench) -> str | None:
    """The same for perfect, certainly wrong and uniform predictions."""
    return _first(bench, "perfect", "certain and wrong", "worst", "uniform")


def few(bench: MetricBench) -> str | None:
    """The same for a single track, and where a genre has no tracks, or all."""
    return _first(bench, "one track", "a genre without tracks", "one genre")


def genres(bench: MetricBench) -> str | None:
    """The same for other numbers of genres."""
    return _first(bench, "two genres", "sixteen genres")


def _first(bench: MetricBench, *names: str) -> str | None:
    for name in names:
        problem = bench.scores[name][2]
        if problem:
            return f"{problem} ({name})"
    return None


def inputs(bench: MetricBench) -> str | None:
    """Labels and probabilities have the values that they had."""
    changed = bench.scores["changed"]
    return f"compute changed the {' and '.join(changed)} in place" if changed else None


def repeated(bench: MetricBench) -> str | None:
    """The same predictions have the same score."""
    return _differ(bench, "again", "computed twice, the score of the same predictions differs")


def track_order(bench: MetricBench) -> str | None:
    """The order of the tracks doesn't matter."""
    return _differ(bench, "other order", "the score depends on the order of the tracks")


def genre_order(bench: MetricBench) -> str | None:
    """The numbering of the genres doesn't matter."""
    return _differ(bench, "other genres", "the score depends on the order of the genres")


def _differ(bench: MetricBench, name: str, message: str) -> str | None:
    a, b = bench.score("usual"), bench.score(name)
    return f"{message}: {a:.6g} and {b:.6g}" if abs(a - b) > ROUNDING * max(1.0, abs(a)) else None


def per_track(bench: MetricBench) -> str | None:
    """A track's value depends on that track alone."""
    if not bench.spec.per_track:
        raise NotApplicable("the metric has no value per track")
    whole, part = bench.scores["usual"][1], bench.scores["half"][1]
    if part is None or np.allclose(whole[: len(part)], part, rtol=0, atol=ROUNDING):
        return None
    return (
        f"the value of a track depends on the other tracks; it differs by up to {np.abs(whole[: len(part)] - part).max():.2g}"
    )


def direction(bench: MetricBench) -> str | None:
    """Perfect predictions are better than wrong ones."""
    if bench.spec.direction is None:
        raise NotApplicable("the metric has no direction")
    perfect, wrong = bench.score("perfect"), bench.score("worst")
    if (perfect < wrong) if bench.spec.direction == "lower" else (perfect > wrong):
        return None
    return f"the direction is {bench.spec.direction!r}, but perfect predictions score {perfect:g} and wrong ones {wrong:g}"


def _life(bench: Any) -> Outcome:
    outcome: Outcome = bench.scores
    return outcome


_FINITE = "A score that isn't finite, or outside the range, is refused, and the column stays empty."

RULES = (
    Rule("spec", spec, "The name is the column and the key in JSON.", "Correct the arguments of MetricSpec."),
    IMPORT,
    Rule(
        "score",
        score,
        _FINITE,
        "Return a number, or with per_track=True one per track; widen MetricSpec(range=...) if the values are right.",
        needs=("spec",),
        owns=("scores.usual", "scores.start"),
    ),
    *manners(_life, "no folder"),
    Rule("inputs", inputs, "Other metrics read the same arrays.", "Work on a copy.", needs=("score",), owns=("scores.inputs",)),
    Rule(
        "repeated scores",
        repeated,
        "Boards compute the score again from the stored predictions, and have to come to the same one.",
        "Seed what is random, and keep no state.",
        needs=("score", "random state", "inputs"),
    ),
    Rule(
        "track order",
        track_order,
        "Stored predictions have no order of their own.",
        "Sum and average over the tracks; don't compare neighbours.",
        needs=("repeated scores",),
    ),
    Rule(
        "genre order",
        genre_order,
        "Genres are names; their numbers mean nothing.",
        "Treat all columns alike; for ties, don't prefer one column.",
        needs=("repeated scores",),
    ),
    Rule("extremes", extremes, _FINITE, "Clip probabilities before a logarithm or a division.", needs=("score",)),
    Rule("few tracks", few, _FINITE, "A test part may have one track, or no track of some genres.", needs=("score",)),
    Rule("number of genres", genres, _FINITE, "A task may have two genres, or sixteen.", needs=("extremes",)),
    Rule(
        "per track",
        per_track,
        "Intervals and tests resample tracks, which is wrong if their values depend on each other.",
        "Leave per_track out for a metric of the whole.",
        needs=("repeated scores",),
    ),
    Rule(
        "direction",
        direction,
        "The worst model would be marked as the best.",
        "Set MetricSpec(direction=...) to the other one, or leave it out.",
        needs=("extremes",),
    ),
)

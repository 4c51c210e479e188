"""Checks of what a model offers beside probabilities: timelines, figures, curves, facts."""

from __future__ import annotations

import math
from typing import Any

from genrebench.testing.check import Rule
from genrebench.testing.models.answers import SAME, differ, values_of
from genrebench.testing.models.bench import ModelBench
from genrebench.testing.models.manners import LIFE
from genrebench.testing.models.scenarios.life import whole_life

ODD = ("silence", "one frame", "very long", "lengths")


def timeline(bench: ModelBench) -> str | None:
    """Timelines are one per track, and the spec says whether there are any."""
    life = bench.outcome(LIFE, whole_life)
    life.need("predict_timeline")
    found: str | None = life["timeline"]
    for name in ODD if found is None and bench.spec.timeline else ():
        life.need(f"timeline of {name}")
        found = found or life.notes.get(f"timeline of {name}")
    return found or _spoiled(bench, "answer", "after timeline", "predict_timeline")


def _spoiled(bench: ModelBench, before: str, after: str, step: str) -> str | None:
    """Whether a step changed the answers of the model."""
    life, n = bench.outcome(LIFE, whole_life), len(bench.labels)
    (p, _), (q, problem) = (values_of(life[name], n) for name in (before, after))
    return problem or differ(p, q, SAME, f"after {step}, the model gives other probabilities")


def figures(bench: ModelBench) -> str | None:
    """Figures are matplotlib's, by title."""
    life = bench.outcome(LIFE, whole_life)
    life.need("figures")
    found: str | None = life["figures"]
    return found or _spoiled(bench, "after timeline", "before save", "figures")


def curves(bench: ModelBench) -> str | None:
    """Epochs count from 1, values are finite numbers by name."""
    last, life = 0, bench.outcome(LIFE, whole_life)
    if len(life["curves"]) > life["points of fit"]:
        return "log was called after fit had returned; a point of another call replaces one of the training"
    for epoch, values in life["curves"]:
        if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 1:
            return f"log was called with the epoch {_shown(epoch)}; epochs are whole numbers from 1"
        if epoch < last:
            return f"log was called with the epoch {epoch} after {last}"
        last = epoch
        if not isinstance(values, dict):
            return f"log was called with {_shown(values)}, not with a mapping of names to numbers"
        for name, value in values.items():
            if not isinstance(name, str):
                return f"log was called with the name {_shown(name)}; names are text"
            if not isinstance(value, int | float) or not math.isfinite(value):
                return f"log was called with {name}={_shown(value)}, which isn't a finite number"
    return None


def facts(bench: ModelBench) -> str | None:
    """Facts are in JSON types."""
    for name, value in bench.outcome(LIFE, whole_life)["facts"]:
        if not isinstance(name, str) or not name:
            return f"record was called with the name {_shown(name)}; names are text"
        if not _is_json(value):
            return f"record was called with {name}={_shown(value)}, which has no JSON type"
    return None


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return not isinstance(value, tuple) and not (isinstance(value, float) and not math.isfinite(value))


def _shown(value: Any) -> str:
    return str(value[0]) if isinstance(value, tuple) else repr(value)


RULES = (
    Rule(
        "timeline",
        timeline,
        "predict --timeline shows how the genre of a track changes over time.",
        "Return one Timeline per track: increasing seconds, and rows of probabilities that sum to 1; "
        "ModelSpec(..., timeline=True) says that the model has them.",
        needs=("repeated answers", *ODD),
        owns=(f"{LIFE}.predict_timeline", *(f"{LIFE}.timeline of {name}" for name in ODD)),
    ),
    Rule(
        "figures",
        figures,
        "They are saved as images when the run ends.",
        "Return a mapping of titles to matplotlib.figure.Figure, and change nothing in the model; or leave the method out.",
        needs=("repeated answers",),
        owns=(f"{LIFE}.figures",),
    ),
    Rule(
        "curves",
        curves,
        "Curves are stored and drawn.",
        'context.log(epoch, {"training loss": 0.5}): epochs from 1, finite numbers.',
        needs=("fit",),
    ),
    Rule(
        "facts",
        facts,
        "They are part of the record of the run, which is JSON.",
        'context.record("parameters", 1234): text, numbers, lists and mappings of these.',
        needs=("fit",),
    ),
)

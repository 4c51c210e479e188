"""Checks of how a model behaves in the process that it shares."""

from __future__ import annotations

from genrebench.testing.check import Rule
from genrebench.testing.manners import manners
from genrebench.testing.models.bench import ModelBench
from genrebench.testing.models.scenarios.life import whole_life

LIFE = "life"


def inputs(bench: ModelBench) -> str | None:
    """Inputs, labels and groups have the values that they had."""
    for step in ("fit", "predict_proba"):
        changed = bench.outcome(LIFE, whole_life)[f"changed by {step}"]
        if changed:
            return f"{step} changed the {' and '.join(changed)} in place"
    return None


RULES = (
    *manners(lambda bench: bench.outcome(LIFE, whole_life), "the folder that save is given and context.checkpoints"),
    Rule(
        "inputs",
        inputs,
        "The arrays are used again, for other parts of the task and other models.",
        "Work on a copy: x = x - mean in place of x -= mean.",
    ),
)

"""Checks of how a model behaves in the process that it shares: it leaves everything as it found it."""

from __future__ import annotations

from genrebench.testing.check import Rule
from genrebench.testing.models.bench import ModelBench
from genrebench.testing.models.scenarios import whole_life
from genrebench.testing.surroundings import RANDOM

LIFE = "life"


def random_state(bench: ModelBench) -> str | None:
    """The global random state is as before."""
    changes = bench.outcome(LIFE, whole_life)["changes"]
    return next((changes[name] for name in RANDOM if name in changes), None)


def surroundings(bench: ModelBench) -> str | None:
    """Settings of the process and of libraries are as before."""
    changes = bench.outcome(LIFE, whole_life)["changes"]
    return "; ".join(text for name, text in changes.items() if name not in RANDOM) or None


def threads(bench: ModelBench) -> str | None:
    """No thread and no process is left."""
    running = bench.outcome(LIFE, whole_life)["running"]
    return f"{' and '.join(running[:3])} {'was' if len(running) == 1 else 'were'} left running" if running else None


def printed(bench: ModelBench) -> str | None:
    """Nothing is printed to stdout."""
    return next(iter(bench.outcome(LIFE, whole_life)["printed"]), None)


def written(bench: ModelBench) -> str | None:
    """Nothing is left outside the folders that the model is given."""
    return "; ".join(bench.outcome(LIFE, whole_life)["written"][:2]) or None


def inputs(bench: ModelBench) -> str | None:
    """Inputs, labels and groups have the values that they had."""
    for step in ("fit", "predict_proba"):
        changed = bench.outcome(LIFE, whole_life)[f"changed by {step}"]
        if changed:
            return f"{step} changed the {' and '.join(changed)} in place"
    return None


RULES = (
    Rule(
        "random state",
        random_state,
        "Other models run in the same process; what they draw would depend on this one.",
        "Use a generator of your own: np.random.default_rng(context.seed), random.Random(context.seed), torch.Generator; or "
        "restore the global state afterwards.",
    ),
    Rule(
        "surroundings",
        surroundings,
        "Other models run in the same process, and users rely on their settings.",
        "Restore what you change, best with a context manager such as warnings.catch_warnings or np.errstate; pass settings as "
        "arguments instead.",
    ),
    Rule(
        "threads and processes",
        threads,
        "They take processors and memory from the models that run next, and may keep the program from ending.",
        "End them before the method returns: use executors and pools in a with statement.",
    ),
    Rule(
        "standard output",
        printed,
        "stdout carries tables and JSON, which others read by program.",
        "Report with context.log, context.record or context.progress, or use the module logging.",
    ),
    Rule(
        "files",
        written,
        "Files elsewhere are lost when a run is moved, left when it is removed, and shared by runs that have nothing in common.",
        "Write into the folder that save is given, and into context.checkpoints; remove temporary files.",
    ),
    Rule(
        "inputs",
        inputs,
        "The arrays are used again, for other parts of the task and other models.",
        "Work on a copy: x = x - mean in place of x -= mean.",
    ),
)

"""Repeating a run from its record, and saying whether the scores agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.errors import UsageError
from genrebench.records import Excerpt, Exclusion, Run

AGREE = 1e-6
"""Scores that differ by no more than this agree."""


@dataclass(frozen=True)
class Recipe:
    """What it takes to repeat a run; the fields are those of `genrebench.tasks.task.make_task` and `genrebench.runs.runner.run`."""

    dataset: str
    split: str
    split_seed: int
    excerpt: Excerpt
    exclude: tuple[Exclusion, ...]
    model: str
    options: Mapping[str, Any]
    seed: int
    calibrate: bool
    extra_training: str | None


@dataclass(frozen=True)
class Reproduction:
    """How a repeated run compares with the original.

    Parameters
    ----------
    original, repeated : str
        Run ids.
    same_task : bool
        Whether the fingerprints agree; scores of another task say nothing.
    environment : mapping of str to (str or None, str or None)
        What differs: original's and repeated run's version.
    scores : mapping of str to (float, float)
        Original's and repeated run's.
    agree : bool
        The same task, and no score differs by more than 1e-6.
    """

    original: str
    repeated: str
    same_task: bool
    environment: Mapping[str, tuple[str | None, str | None]]
    scores: Mapping[str, tuple[float, float]]
    agree: bool


def recipe(run: Run) -> Recipe:
    """Read from a record how to repeat the run.

    Raises
    ------
    UsageError
        If its predictions were made elsewhere.
    """
    if run.model.get("plugin") == "external":
        raise UsageError(f"the predictions of {run.id} were made outside genrebench, so it can't be repeated")
    task = run.task
    extra = task.get("extra_training") or {}
    return Recipe(
        dataset=str(task.get("source") or task["dataset"]),
        split=str(task["split"]),
        split_seed=int(task["split_seed"]),
        excerpt=Excerpt(None if task["excerpt"] == "whole" else float(task["excerpt"])),
        exclude=tuple(Exclusion(item["id"], item["reason"]) for item in task.get("excluded", ())),
        model=str(run.model["name"]),
        options=run.model["options"],
        seed=run.seed,
        calibrate=bool(run.model.get("calibrated")),
        extra_training=extra.get("source") or extra.get("dataset"),
    )


def compare(original: Run, repeated: Run) -> Reproduction:
    """Compare a repeated run with the original."""
    names = sorted(set(original.environment) | set(repeated.environment))
    versions = {name: (original.environment.get(name), repeated.environment.get(name)) for name in names}
    before, after = original.metrics or {}, repeated.metrics or {}
    scores = {
        name: (float(a), float(b)) for name in before if (a := before[name]) is not None and (b := after.get(name)) is not None
    }
    same = original.task.get("fingerprint") == repeated.task.get("fingerprint")
    return Reproduction(
        original=original.id,
        repeated=repeated.id,
        same_task=same,
        environment={name: pair for name, pair in versions.items() if pair[0] != pair[1]},
        scores=scores,
        agree=same and all(abs(a - b) <= AGREE for a, b in scores.values()),
    )


def command_line(run: Run, runs: Path = Path("runs")) -> str:
    """Return the command that repeats a run."""
    where = "" if runs == Path("runs") else f" --runs {runs}"
    return f"genrebench run --like {run.id}{where}"

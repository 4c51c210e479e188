"""Repeating a run from its record, and saying whether the scores agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.errors import UsageError
from genrebench.jsontypes import plain
from genrebench.runs.record import Run
from genrebench.runs.result import RunResult, RunResults
from genrebench.tables import Shown, Table

AGREE = 1e-6
"""Scores that differ by no more than this agree."""


@dataclass(frozen=True)
class Reproduction(Shown):
    """How a repeated run compares with the original.

    Parameters
    ----------
    original : Run
    repeated : RunResult
    same_task : bool
        Whether the fingerprints agree; scores of different tasks don't compare.
    environment : mapping of str to (str or None, str or None)
        What differs: the original's and the repeated run's version.
    scores : mapping of str to (float, float)
        The original's and the repeated run's.
    agree : bool
        The same task, and no score differs by more than 1e-6.
    """

    original: Run
    repeated: RunResult
    same_task: bool
    environment: Mapping[str, tuple[str | None, str | None]]
    scores: Mapping[str, tuple[float, float]]
    agree: bool

    def tables(self) -> list[Table]:
        """The repeated run."""
        return RunResults([self.repeated]).tables()

    def notes(self) -> list[str]:
        """How environment and scores differ; nothing where the repeated run failed."""
        if self.repeated.status != "finished":
            return []
        lines = []
        if not self.same_task:
            lines.append(f"Warning: the data of {self.original.id} or their split differ: the scores don't compare")
        lines += [f"{name}: {then or 'absent'} then, {now or 'absent'} now" for name, (then, now) in self.environment.items()]
        lines += [f"{name}: {then:.6f} then, {now:.6f} now" for name, (then, now) in self.scores.items()]
        return [*lines, f"The scores {'agree' if self.agree else 'do not agree'} with {self.original.id}"]

    def to_json(self) -> dict[str, Any]:
        """The outcome in JSON types: the original by its id, the repeated run whole."""
        return {
            "original": self.original.id,
            "repeated": self.repeated.to_json(),
            "same_task": self.same_task,
            "environment": plain(self.environment),
            "scores": plain(self.scores),
            "agree": self.agree,
        }


def require_reproducible(run: Run) -> None:
    """Refuse to repeat a run whose model isn't installed as a plugin.

    Raises
    ------
    UsageError
    """
    if run.model.origin == "imported":
        raise UsageError(f"the predictions of {run.id} were made outside genrebench, so it can't be repeated")
    if run.model.origin == "object":
        raise UsageError(f"the model of {run.id} was an object in a Python session, so it can't be repeated from its record")


def compare(original: Run, repeated: RunResult) -> Reproduction:
    """Compare a repeated run with the original."""
    now = repeated.record
    names = sorted(set(original.environment) | set(now.environment))
    versions = {name: (original.environment.get(name), now.environment.get(name)) for name in names}
    before, after = original.metrics or {}, now.metrics or {}
    scores = {
        name: (float(a), float(b)) for name in before if (a := before[name]) is not None and (b := after.get(name)) is not None
    }
    same = original.task.fingerprint == now.task.fingerprint
    return Reproduction(
        original=original,
        repeated=repeated,
        same_task=same,
        environment={name: pair for name, pair in versions.items() if pair[0] != pair[1]},
        scores=scores,
        agree=same and all(abs(a - b) <= AGREE for a, b in scores.values()),
    )


def command_line(run: Run, runs: Path = Path("runs")) -> str:
    """Return the command that repeats a run."""
    where = "" if runs == Path("runs") else f" --runs {runs}"
    return f"genrebench reproduce {run.id}{where}"

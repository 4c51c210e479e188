"""Comparison of a reproduced run with the original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genrebench.errors import UsageError
from genrebench.jsontypes import plain
from genrebench.runs.record import Run
from genrebench.runs.result import RunResult, RunResults
from genrebench.tables import Shown, Table

TOLERANCE = 1e-6
"""Maximum difference between scores that agree."""


@dataclass(frozen=True, repr=False)
class Reproduction(Shown):
    """Comparison of a repeated run with the original.

    Parameters
    ----------
    original : Run
    repeated : RunResult
    same_task : bool
        Whether the fingerprints are the same; otherwise the scores aren't comparable.
    environment : mapping of str to (str or None, str or None)
        Versions of the original and of the repeated run, where they differ.
    scores : mapping of str to (float, float)
        Scores of the original and of the repeated run.
    agree : bool
        Whether the tasks are the same and no score differs by more than 1e-6.
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
        """Differences in environment and scores; none if the repeated run failed."""
        if self.repeated.status != "finished":
            return []
        lines = []
        if not self.same_task:
            lines.append(
                f"Warning: the data or the split have changed since {self.original.id}, so the scores aren't comparable."
            )
        lines += [f"{name}: {old or 'absent'} then, {new or 'absent'} now" for name, (old, new) in self.environment.items()]
        lines += [f"{name}: {old:.6f} then, {new:.6f} now" for name, (old, new) in self.scores.items()]
        return [*lines, f"The scores {'agree' if self.agree else 'do not agree'} with {self.original.id}."]

    def to_json(self) -> dict[str, Any]:
        """The comparison in JSON types, with the id of the original and the complete repeated run."""
        return {
            "original": self.original.id,
            "repeated": self.repeated.to_json(),
            "same_task": self.same_task,
            "environment": plain(self.environment),
            "scores": plain(self.scores),
            "agree": self.agree,
        }


def require_reproducible(run: Run) -> None:
    """Check that the model of a run came from a plugin.

    Raises
    ------
    UsageError
        If the predictions were imported, or the model was passed as an object.
    """
    if run.model.origin == "imported":
        raise UsageError(f"the predictions of {run.id} were made outside genrebench, so the run can't be reproduced")
    if run.model.origin == "object":
        raise UsageError(f"the model of {run.id} was an object in a Python session, so the run can't be reproduced")


def compare(original: Run, repeated: RunResult) -> Reproduction:
    """Compare a repeated run with the original."""
    record = repeated.record
    names = sorted(set(original.environment) | set(record.environment))
    versions = {name: (original.environment.get(name), record.environment.get(name)) for name in names}
    before, after = original.metrics or {}, record.metrics or {}
    scores = {
        name: (float(a), float(b)) for name in before if (a := before[name]) is not None and (b := after.get(name)) is not None
    }
    same_task = original.task.fingerprint == record.task.fingerprint
    return Reproduction(
        original=original,
        repeated=repeated,
        same_task=same_task,
        environment={name: pair for name, pair in versions.items() if pair[0] != pair[1]},
        scores=scores,
        agree=same_task
        and (bool(scores) or not original.has_scores)
        and all(abs(a - b) <= TOLERANCE for a, b in scores.values()),
    )


def command_line(run: Run) -> str:
    """Return the command that reproduces a run."""
    return f"genrebench reproduce {run.id}"

"""Scores of many runs: those that nobody has read yet are computed by all processors."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from genrebench.environment import cpus
from genrebench.errors import StoreError
from genrebench.progress import Progress
from genrebench.runs.contents import has_scores, read_scored
from genrebench.runs.record import Run
from genrebench.workers import in_processes

MANY = 200
"""Runs from which on it is worth starting processes, which takes about a second."""

BATCH = 10


def score_new(runs: Sequence[tuple[Path, Run]], progress: Progress) -> None:
    """Compute the scores of runs that aren't cached, if there are many of them.

    Parameters
    ----------
    runs : sequence of (Path, Run)
        Folder and record of each. What can't be scored is left to whoever asks for the scores of that run.
    progress : callable
        As in `genrebench.plugin.contract.Context`.
    """
    new = [(folder, run) for folder, run in runs if not has_scores(folder, run)]
    if len(new) < MANY:
        return
    batches = [(new[i : i + BATCH],) for i in range(0, len(new), BATCH)]
    n_workers = cpus()
    for _ in progress(in_processes(_score, batches, n_workers), f"scoring {len(new)} runs", len(batches)):
        pass


def _score(runs: Sequence[tuple[Path, Run]]) -> None:
    for folder, run in runs:
        with contextlib.suppress(StoreError):
            read_scored(folder, run)

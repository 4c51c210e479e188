"""Comparisons, and where a run stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genrebench.boards import standing as standings
from genrebench.boards.compare import compare_named
from genrebench.boards.comparison import Comparison
from genrebench.boards.standing import Standing, Standings
from genrebench.door.boards import metrics_of, name_of
from genrebench.door.folders import Paths, Progress, open_progress, open_run, open_stores, require_run
from genrebench.door.meant import require_known
from genrebench.records import Dataset
from genrebench.runs.result import RunResult


def compare(
    a: str | RunResult,
    b: str | RunResult,
    *,
    dataset: str | Path | Dataset | None = None,
    split: str | None = None,
    runs: Paths | None = None,
    metrics: str | Sequence[str] | None = None,
    progress: Progress = False,
) -> Comparison:
    """Compare two models: which is better, by how much, and on which tracks.

    Parameters
    ----------
    a, b : str or RunResult
        Runs or their ids, row ids of a board, or names of models on the same board.
    dataset, split, runs
        As in `leaderboard`; model names are looked up on these boards.
    metrics : str or sequence of str, optional
        Further metrics to compare; by default all of plugins.
    progress : bool or callable
        As in `run`.

    Raises
    ------
    UsageError
        If a name is unknown or ambiguous, or the two aren't comparable.
    """
    for side in (a, b):
        require_run(side)
    names = [side.id if isinstance(side, RunResult) else side for side in (a, b)]
    stores_of_runs = [side.store for side in (a, b) if isinstance(side, RunResult)]
    named_stores = [] if stores_of_runs and runs is None else open_stores(runs)
    stores = list({store.root: store for store in [*stores_of_runs, *named_stores]}.values())
    require_known(stores, name_of(dataset), split)
    return compare_named(stores, names[0], names[1], name_of(dataset), split, metrics_of(metrics), open_progress(progress))


def standing(run: str | RunResult, *, runs: str | Path = "runs", rank: bool = True, progress: Progress = False) -> Standing:
    """Find where a run stands: its score with its interval, what guessing would give, its rank, the genres that it fails on.

    Parameters
    ----------
    run : str or RunResult
        As in `load_run`.
    runs : path
        Folder of the runs.
    rank : bool
        Also find its rank, for which the predictions of all runs of its task are read.
    progress : bool or callable
        As in `run`.
    """
    return standings.standing(open_run(run, runs), rank=rank, progress=open_progress(progress))


def summarise_runs(results: Sequence[RunResult]) -> list[Standings]:
    """Sum up runs, as `genrebench run` ends: for each task the scores beside guessing, and the genres.

    Tasks without scored runs are left out.
    """
    by_task: dict[str, list[Standing]] = {}
    for result in results:
        by_task.setdefault(result.record.task.fingerprint, []).append(standings.standing(result, rank=False))
    return [one for stands in by_task.values() if (one := Standings(stands)).standings]

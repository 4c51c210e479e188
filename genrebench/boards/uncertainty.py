"""Intervals of the rows of a board, ties between them, and the smallest difference that the board can detect."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.boards.f1_intervals import Intervals, f1_intervals, f1_warning
from genrebench.evaluation.intervals import (
    MIN_UNITS,
    RESAMPLES,
    Units,
    sampling_units,
)
from genrebench.evaluation.means import MeanInterval
from genrebench.evaluation.ranking import rank_models
from genrebench.evaluation.variance import Trainings, effective_units
from genrebench.progress import Progress, no_progress
from genrebench.runs.reader_cache import read_cached, write_cached
from genrebench.runs.record import TaskRecord
from genrebench.runs.scored import Scored, mean_brier, mean_losses

VERSION = 7
"""Version of the cache; incremented whenever an interval or a tie changes for the same predictions."""

ROUNDING = 1e-9
"""Losses that differ by no more are the same."""

FIXED_COUNTS = ("stratified", "first-80")
"""Splits that fix the number of test tracks per genre; resamples keep these numbers if no artist is known."""


@dataclass(frozen=True)
class Uncertainty:
    """Uncertainty of the scores of a board.

    Parameters
    ----------
    intervals : list of mapping
        For each row, metric name to the bounds of its 95 % interval; empty with fewer than six units, which are too few.
    tied_with : list of list of int
        For each row, the rows that can't be told from it by log loss, with 95 % confidence for the whole board.
    rank_intervals : list of (int, int)
        For each row, the ranks that it may have, with 95 % confidence for the whole board.
    may_be_best : list of bool
        The rows among which the best one is, with 95 % confidence.
    smallest_difference : float or None
        Smallest difference in log loss between two models that a test on these tracks would detect with 80 % power, for a
        typical pair of models by itself; None with fewer than two models.
    unit : {"artist", "track"}
        Sampling unit.
    n_units : int
        Number of sampling units.
    effective_units : float
        As how many units of equal size they count; see `genrebench.evaluation.variance.effective_units`.
    warnings : tuple of str
        Which intervals are missing, and why.
    """

    intervals: list[Intervals]
    tied_with: list[list[int]]
    rank_intervals: list[tuple[int, int]]
    may_be_best: list[bool]
    smallest_difference: float | None
    unit: str
    n_units: int
    effective_units: float
    warnings: tuple[str, ...] = ()


def board_units(scored: Scored, split: str) -> Units:
    """Sampling units of the test tracks of a board."""
    return sampling_units(scored.groups, scored.labels if split in FIXED_COUNTS else None)


def trainings(rows: Sequence[Sequence[Scored]], *metrics: str) -> Trainings:
    """Variance between the trainings of each row's scores: one column per metric and row, in this order."""
    return Trainings.of([[run.scores[metric] for run in runs] for metric in metrics for runs in rows])


def row_intervals(
    rows: Sequence[Sequence[Scored]],
    n_genres: int,
    split: str,
    n: int = RESAMPLES,
    progress: Progress = no_progress,
) -> list[Intervals]:
    """Intervals of the scores of a board's rows.

    Parameters
    ----------
    rows : sequence of sequence of Scored
        For each row its runs, one per seed, all on the same tracks. The loss of a track is the mean over the seeds. With two or
        more, the interval includes the variance between trainings and speaks of the method; with one, of that trained model.
    n_genres : int
    split : str
        Name of the split; see `FIXED_COUNTS`.
    n : int
        Number of resamples, which all rows share.
    progress : callable, optional
        As in `genrebench.plugin.contract.Context`.

    Returns
    -------
    list of mapping
        "f1_macro" is missing where a genre has test tracks of a single unit; see `genrebench.evaluation.f1`. "log_loss" and
        "brier" are missing where they are the same on every track, so that nothing says how far they may be from it on others;
        not so for uniform probabilities, whose loss doesn't depend on the track.
    """
    if not rows:
        return []
    first = rows[0][0]
    units = board_units(first, split)
    if len(units) < MIN_UNITS:
        return [{} for _ in rows]
    values = np.stack([mean(runs) for mean in (mean_losses, mean_brier) for runs in rows], axis=1)
    means = MeanInterval(values, units, trainings(rows, "log_loss", "brier"), n=n)
    of_uniform = np.repeat([np.log(n_genres), 1 - 1 / n_genres], len(rows))
    known = (np.ptp(values, axis=0) > ROUNDING) | (np.abs(means.mean - of_uniform) <= ROUNDING)
    log_loss, brier = np.split(np.maximum(np.stack(means.interval(), axis=1), 0), 2)
    ends = np.stack([log_loss, np.minimum(brier, 2)], axis=1).tolist()
    of_losses = [
        {name: (low, high) for name, (low, high), told in zip(("log_loss", "brier"), of_row, of_known, strict=True) if told}
        for of_row, of_known in zip(ends, known.reshape(2, -1).T.tolist(), strict=True)
    ]
    of_rows = f1_intervals(rows, n_genres, units, progress)
    return [{**losses, **of_f1} for losses, of_f1 in zip(of_losses, of_rows, strict=True)]


# ------------------------------------------------------------------ cache


class UncertaintyCache:
    """The reader's cache of uncertainties of the boards of a runs folder, keyed by the checksums of the predictions.

    Intervals are cached per row, so that a new run requires only its own.
    """

    def __init__(self, root: Path) -> None:
        self._key = ("boards", VERSION, str(root.absolute()))
        self._cached: dict[str, Any] = {}
        self._changed = False
        with contextlib.suppress(ValueError):
            content = json.loads(read_cached(*self._key) or b"{}")
            self._cached = content if isinstance(content, dict) else {}

    def uncertainty(
        self,
        task: TaskRecord,
        rows: Sequence[Sequence[Scored]],
        checksums: Sequence[Sequence[str]],
        n_models: int,
        progress: Progress = no_progress,
    ) -> Uncertainty:
        """Uncertainty of a board's rows, taken from the cache as far as possible.

        Parameters
        ----------
        task : TaskRecord
        rows : sequence of sequence of Scored
            As in `row_intervals`; the first `n_models` are models, the others baselines.
        checksums : sequence of sequence of str
            For each row, text that changes whenever its predictions change.
        n_models : int
        progress : callable, optional
            As in `genrebench.plugin.contract.Context`.
        """
        split, first = task.split, rows[0][0]
        units = board_units(first, split)
        board = self._cached.get(task.fingerprint) or {"rows": {}, "key": None}
        keys = [_digest([split, len(task.genres), first.tracks, checksum]) for checksum in checksums]
        new = [i for i, key in enumerate(keys) if key not in board["rows"]]
        computed = row_intervals([rows[i] for i in new], len(task.genres), split, progress=progress)
        # drops rows that are no longer on the board
        kept = {key: board["rows"].get(key) for key in keys} | {keys[i]: row for i, row in zip(new, computed, strict=True)}
        if new or board["key"] != _digest(keys):
            losses = np.stack([mean_losses(runs) for runs in rows], axis=1)
            ranking = rank_models(losses, units, trainings(rows, "log_loss"), n_smallest=n_models, progress=progress)
            board = {
                "rows": kept,
                "key": _digest(keys),
                "tied": [np.flatnonzero(row).tolist() for row in ranking.tied],
                "ranks": np.stack([ranking.low, ranking.high], axis=1).tolist(),
                "best": ranking.may_be_best.tolist(),
                "smallest": ranking.smallest,
            }
            self._cached[task.fingerprint] = board
            self._changed = True
        intervals: list[Intervals] = [{metric: (low, high) for metric, (low, high) in kept[key].items()} for key in keys]
        return Uncertainty(
            intervals,
            board["tied"],
            [(low, high) for low, high in board["ranks"]],
            board["best"],
            board["smallest"],
            units.name,
            len(units),
            effective_units(units.sizes),
            f1_warning(first, task.genres, units),
        )

    def save(self) -> None:
        """Write the cache if it changed; if it can't be written, the values are recomputed next time."""
        if self._changed:
            write_cached(json.dumps(self._cached).encode(), *self._key)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:24]

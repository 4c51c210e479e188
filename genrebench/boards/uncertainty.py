"""Intervals of the rows of a board, ties between them, and the smallest difference that the board can detect."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.evaluation.intervals import (
    MIN_UNITS,
    RESAMPLES,
    F1Interval,
    Floats,
    MeanInterval,
    Units,
    resamples,
    sampling_units,
    share_interval,
)
from genrebench.evaluation.significance import detectable, pair_errors, tied
from genrebench.runs.reader_cache import read_cached, write_cached
from genrebench.runs.record import TaskRecord
from genrebench.runs.scored import Scored, mean_hits, mean_losses

VERSION = 2
"""Version of the cache; incremented whenever an interval or a tie changes for the same predictions."""

FIXED_COUNTS = ("stratified", "first-80")
"""Splits that fix the number of test tracks per genre; resamples keep these numbers if no artist is known."""

F1_RESAMPLES = 2000
"""Number of resamples for macro and weighted F1, which cost far more than resamples of a mean."""

Intervals = Mapping[str, tuple[float, float]]
"""Metric name to the bounds of its 95 % interval."""


@dataclass(frozen=True)
class Uncertainty:
    """Uncertainty of the scores of a board.

    Parameters
    ----------
    intervals : list of mapping
        For each row, metric name to the bounds of its 95 % interval; empty with fewer than six units, which are too few.
    tied_with : list of list of int
        For each row, the rows whose log loss doesn't differ significantly from this row's.
    smallest_difference : float or None
        Smallest difference in log loss that a test on these tracks would detect with 80 % power, for a typical pair of models;
        None with fewer than two models.
    unit : {"artist", "track"}
        Sampling unit.
    n_units : int
        Number of sampling units.
    """

    intervals: list[Intervals]
    tied_with: list[list[int]]
    smallest_difference: float | None
    unit: str
    n_units: int


def board_units(scored: Scored, split: str) -> Units:
    """Sampling units of the test tracks of a board."""
    return sampling_units(scored.groups, scored.labels if split in FIXED_COUNTS else None)


def row_intervals(
    rows: Sequence[Sequence[Scored]], n_genres: int, split: str, n: int = RESAMPLES, n_f1: int = F1_RESAMPLES
) -> list[Intervals]:
    """Intervals of the scores of a board's rows.

    Parameters
    ----------
    rows : sequence of sequence of Scored
        For each row its runs, one per seed, all on the same tracks. The loss of a track is the mean over the seeds, so an
        interval reflects the choice of test tracks only; the board shows the variation between seeds separately.
    n_genres : int
    split : str
        Name of the split; see `FIXED_COUNTS`.
    n, n_f1 : int
        Number of resamples, which all rows share, and of those for macro and weighted F1.
    """
    if not rows:
        return []
    first = rows[0][0]
    units = board_units(first, split)
    if len(units) < MIN_UNITS:
        return [{} for _ in rows]
    hits = np.stack([mean_hits(runs) for runs in rows], axis=1)
    means = MeanInterval(np.stack([mean_losses(runs) for runs in rows], axis=1), units)
    f1 = [F1Interval(first.labels, [run.predicted for run in runs], n_genres, units) for runs in rows]
    drawn = 0
    for weights in resamples(units, n):
        means.add(weights)
        for interval in f1 if drawn < n_f1 else ():
            interval.add(weights[: n_f1 - drawn])
        drawn += len(weights)
    log_loss, f1_micro = (
        list(zip(*map(np.ndarray.tolist, bounds), strict=True)) for bounds in (means.interval(), share_interval(hits, units))
    )
    result: list[Intervals] = []
    for i, interval in enumerate(f1):
        low, high = interval.interval()
        # without any wrong prediction all resamples score 1, and their interval would have no width
        macro, weighted = (f1_micro[i],) * 2 if hits[:, i].min() == 1 else zip(low.tolist(), high.tolist(), strict=True)
        loss = (max(log_loss[i][0], 0.0), log_loss[i][1])
        result.append({"log_loss": loss, "f1_micro": f1_micro[i], "f1_macro": macro, "f1_weighted": weighted})
    return result


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
        self, task: TaskRecord, rows: Sequence[Sequence[Scored]], checksums: Sequence[Sequence[str]], n_models: int
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
        """
        split, first = task.split, rows[0][0]
        units = board_units(first, split)
        board = self._cached.get(task.fingerprint) or {"rows": {}, "key": None}
        keys = [_digest([split, len(task.genres), first.tracks, checksum]) for checksum in checksums]
        new = [i for i, key in enumerate(keys) if key not in board["rows"]]
        computed = row_intervals([rows[i] for i in new], len(task.genres), split)
        # drops rows that are no longer on the board
        kept = {key: board["rows"].get(key) for key in keys} | {keys[i]: row for i, row in zip(new, computed, strict=True)}
        if new or board["key"] != _digest(keys):
            losses = np.stack([mean_losses(runs) for runs in rows], axis=1)
            board = {
                "rows": kept,
                "key": _digest(keys),
                "tied": [np.flatnonzero(row).tolist() for row in tied(losses, units)],
                "smallest": _smallest(losses[:, :n_models], units) if n_models > 1 and len(units) >= MIN_UNITS else None,
            }
            self._cached[task.fingerprint] = board
            self._changed = True
        intervals: list[Intervals] = [{metric: (low, high) for metric, (low, high) in kept[key].items()} for key in keys]
        return Uncertainty(intervals, board["tied"], board["smallest"], units.name, len(units))

    def save(self) -> None:
        """Write the cache if it changed; if it can't be written, the values are recomputed next time."""
        if self._changed:
            write_cached(json.dumps(self._cached).encode(), *self._key)


def _smallest(losses: Floats, units: Units) -> float:
    errors = pair_errors(losses, units)[1]
    return detectable(errors[np.triu_indices(len(errors), 1)])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:24]

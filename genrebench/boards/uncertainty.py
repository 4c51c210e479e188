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
    Floats,
    MeanInterval,
    Units,
    resamples,
    sampling_units,
)
from genrebench.evaluation.significance import detectable, pair_errors, tied
from genrebench.files import write
from genrebench.runs.record import TaskRecord
from genrebench.runs.scored import Scored, mean_brier, mean_losses

VERSION = 3
"""Version of the cache; incremented whenever an interval or a tie changes for the same predictions."""

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
        For each row, the rows whose log loss doesn't differ significantly from this row's.
    smallest_difference : float or None
        Smallest difference in log loss that a test on these tracks would detect with 80 % power, for a typical pair of models;
        None with fewer than two models.
    unit : {"artist", "track"}
        Sampling unit.
    n_units : int
        Number of sampling units.
    warnings : tuple of str
        Which intervals are missing, and why.
    """

    intervals: list[Intervals]
    tied_with: list[list[int]]
    smallest_difference: float | None
    unit: str
    n_units: int
    warnings: tuple[str, ...] = ()


def board_units(scored: Scored, split: str) -> Units:
    """Sampling units of the test tracks of a board."""
    return sampling_units(scored.groups, scored.labels if split in FIXED_COUNTS else None)


def row_intervals(rows: Sequence[Sequence[Scored]], n_genres: int, split: str, n: int = RESAMPLES) -> list[Intervals]:
    """Intervals of the scores of a board's rows.

    Parameters
    ----------
    rows : sequence of sequence of Scored
        For each row its runs, one per seed, all on the same tracks. The loss of a track is the mean over the seeds. Intervals
        of log loss and Brier score reflect the choice of test tracks only, those of F1 the variation between seeds too.
    n_genres : int
    split : str
        Name of the split; see `FIXED_COUNTS`.
    n : int
        Number of resamples, which all rows share.

    Returns
    -------
    list of mapping
        "f1_macro" is missing where a genre has test tracks of a single unit; see `genrebench.evaluation.f1`.
    """
    if not rows:
        return []
    first = rows[0][0]
    units = board_units(first, split)
    if len(units) < MIN_UNITS:
        return [{} for _ in rows]
    means = MeanInterval(np.stack([mean(runs) for mean in (mean_losses, mean_brier) for runs in rows], axis=1), units)
    for weights in resamples(units, n):
        means.add(weights)
    log_loss, brier = np.split(np.maximum(np.stack(means.interval(), axis=1), 0), 2)
    by_row = zip(log_loss.tolist(), np.minimum(brier, 2).tolist(), f1_intervals(rows, n_genres, units), strict=True)
    return [{"log_loss": tuple(of_loss), "brier": tuple(of_brier), **of_f1} for of_loss, of_brier, of_f1 in by_row]


# ------------------------------------------------------------------ cache


class UncertaintyCache:
    """Cache of uncertainties in `.boards.json` in the runs folder, keyed by the checksums of the predictions.

    Intervals are cached per row, so that a new run requires only its own. The file may be deleted at any time.
    """

    def __init__(self, root: Path) -> None:
        self._file = root / ".boards.json"
        self._cached: dict[str, Any] = {}
        self._changed = False
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(self._file.read_bytes())
            if isinstance(content, dict) and content.get("version") == VERSION:
                self._cached = content

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
        keys = [_digest([split, first.tracks, checksum]) for checksum in checksums]
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
        warnings = f1_warning(first, task.genres, units)
        return Uncertainty(intervals, board["tied"], board["smallest"], units.name, len(units), warnings)

    def save(self) -> None:
        """Write the cache if it changed; if the folder can't be written, the values are recomputed next time."""
        if self._changed:
            with contextlib.suppress(OSError):
                write(self._file, json.dumps(self._cached | {"version": VERSION}).encode(), durable=False)


def _smallest(losses: Floats, units: Units) -> float:
    errors = pair_errors(losses, units)[1]
    return detectable(errors[np.triu_indices(len(errors), 1)])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:24]

"""Intervals of the accuracy and of macro and weighted F1 of a board's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genrebench.evaluation.clusters import seed_variance
from genrebench.evaluation.f1 import F1, scarce_genres
from genrebench.evaluation.intervals import MIN_UNITS, Units
from genrebench.evaluation.proportions import share_interval
from genrebench.progress import Progress, no_progress
from genrebench.runs.scored import Scored, mean_hits

Intervals = Mapping[str, tuple[float, float]]
"""Metric name to the bounds of its 95 % interval."""


def f1_intervals(
    rows: Sequence[Sequence[Scored]], n_genres: int, units: Units, progress: Progress = no_progress
) -> list[Intervals]:
    """Intervals of micro, macro and weighted F1.

    Parameters
    ----------
    rows : sequence of sequence of Scored
        For each row its runs, one per seed, all on the same tracks. With several, the intervals include the variation between
        trainings.
    n_genres : int
    units : Units
    progress : callable, optional
        As in `genrebench.plugin.contract.Context`.

    Returns
    -------
    list of mapping
        "f1_macro" is missing where a genre has test tracks of a single unit; see `f1_warning`.
    """
    labels = rows[0][0].labels
    hits = np.stack([mean_hits(runs) for runs in rows], axis=1)
    seeds = [seed_variance([float((run.predicted == run.labels).mean()) for run in runs]) for runs in rows]
    variances, degrees = (np.array(values) for values in zip(*seeds, strict=True))
    low, high = share_interval(hits, units, seed_variance=variances, seed_degrees=degrees)
    scarce = scarce_genres(labels, n_genres, units)
    result: list[Intervals] = []
    for i, runs in enumerate(progress(rows, "intervals of F1")):
        f1 = F1(labels, [run.predicted for run in runs], n_genres, units)
        macro = {} if scarce else {"f1_macro": f1.macro()}
        result.append({"f1_micro": (float(low[i]), float(high[i])), **macro, "f1_weighted": f1.weighted()})
    return result


def f1_warning(tracks: Scored, genres: Sequence[str], units: Units) -> tuple[str, ...]:
    """One line that names the genres for which macro F1 has no interval; none if there are no such genres."""
    scarce = scarce_genres(tracks.labels, len(genres), units)
    if not scarce or len(units) < MIN_UNITS:
        return ()
    one = "a single test track" if units.name == "track" else "test tracks of a single artist"
    verb = "has" if len(scarce) == 1 else "have"
    names = ", ".join(genres[genre] for genre in scarce)
    return (f"Macro F1 has no interval: {names} {verb} {one}, which can't say how others would be classified.",)

"""What a board says of its rows by a metric per track other than the log loss: intervals, ranks, ties."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrebench.boards.uncertainty import trainings
from genrebench.evaluation.intervals import MIN_UNITS, Units
from genrebench.evaluation.means import MeanInterval
from genrebench.evaluation.ranking import rank_models
from genrebench.plugin.metrics import MetricSpec
from genrebench.runs.reader_cache import read_cached, write_cached
from genrebench.runs.scored import Scored

VERSION = 1
"""Version of the cache; incremented whenever the result changes for the same values."""

CACHE = "by-metric"


@dataclass(frozen=True)
class ByMetric:
    """What can be said of a row by one metric.

    Parameters
    ----------
    interval : (float, float) or None
        95 % interval of the score, clustered by artist if artists are known; None with fewer than six artists or tracks.
    tied_with : tuple of str
        Rows that can't be told from this one, with 95 % confidence for all pairs of the board together.
    rank : int or None
        From 1; None if the metric doesn't say which scores are better.
    rank_interval : (int, int) or None
        The ranks that the row may have, with 95 % confidence for all rows of the board together.
    may_be_best : bool or None
        Whether the row is one of those among which the best is, with 95 % confidence.
    """

    interval: tuple[float, float] | None
    tied_with: tuple[str, ...]
    rank: int | None = None
    rank_interval: tuple[int, int] | None = None
    may_be_best: bool | None = None

    def in_order(self, names: Iterable[str]) -> ByMetric:
        """The same with the ties in the order of `names`, those of all rows."""
        tied = set(self.tied_with)
        return dataclasses.replace(self, tied_with=tuple(name for name in names if name in tied))


def by_metric(
    spec: MetricSpec, code: Sequence[Any], rows: Sequence[Sequence[Scored]], names: Sequence[str], units: Units
) -> list[ByMetric] | None:
    """What is said of a board's rows by one metric.

    Parameters
    ----------
    spec : MetricSpec
        With `per_track`.
    code : sequence
        What changes with the code of the metric, in JSON types.
    rows : sequence of sequence of Scored
        For each row its runs, one per seed, all on the same tracks.
    names : sequence of str
        Row ids.
    units : Units

    Returns
    -------
    list of ByMetric or None
        None if the metric failed on a run.
    """
    if any(spec.name not in run.values for runs in rows for run in runs):
        return None
    values = np.stack([np.mean([run.values[spec.name] for run in runs], axis=0) for runs in rows], axis=1)
    seeds = [[run.scores[spec.name] for run in runs] for runs in rows]
    key = [VERSION, list(code), spec.direction, list(names), _digest(values), _digest(units.codes), seeds]
    cached = read_cached(CACHE, *key)
    if cached is not None:
        return [_from_json(one) for one in json.loads(cached)]
    result = _ranked(spec, values, rows, names, units)
    write_cached(json.dumps([dataclasses.asdict(one) for one in result]).encode(), CACHE, *key)
    return result


def _ranked(
    spec: MetricSpec, values: Any, rows: Sequence[Sequence[Scored]], names: Sequence[str], units: Units
) -> list[ByMetric]:
    of_seeds = trainings(rows, spec.name)
    sign = -1.0 if spec.direction == "higher" else 1.0
    ranking = rank_models(sign * values, units, of_seeds)
    intervals: list[tuple[float, float] | None] = [None] * len(rows)
    if len(units) >= MIN_UNITS:
        low, high = (np.clip(ends, *spec.range) for ends in MeanInterval(values, units, of_seeds).interval())
        intervals = list(zip(low.tolist(), high.tolist(), strict=True))
    means = sign * values.mean(axis=0)
    result = []
    for i, interval in enumerate(intervals):
        tied = tuple(names[j] for j in np.flatnonzero(ranking.tied[i]).tolist())
        if spec.direction is None:
            result.append(ByMetric(interval, tied))
            continue
        rank = 1 + int((means < means[i]).sum())
        ranks = int(ranking.low[i]), int(ranking.high[i])
        result.append(ByMetric(interval, tied, rank, ranks, bool(ranking.may_be_best[i])))
    return result


def _from_json(value: dict[str, Any]) -> ByMetric:
    pairs = {name: tuple(value[name]) for name in ("interval", "tied_with", "rank_interval") if value[name] is not None}
    return ByMetric(**(value | pairs))


def _digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:24]

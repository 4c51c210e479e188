"""Comparison of two runs, or two rows of a board: which is better, by how much, and on which tracks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrebench.boards.board import boards, row_of
from genrebench.boards.board_metrics import BoardMetrics
from genrebench.boards.comparability import differences
from genrebench.boards.comparison import Comparison
from genrebench.boards.rows import Board
from genrebench.boards.uncertainty import board_units, trainings
from genrebench.errors import StoreError, UsageError, similar
from genrebench.evaluation.differences import mean_difference
from genrebench.evaluation.f1 import units_per_genre
from genrebench.evaluation.intervals import CONFIDENCE, Floats, Units
from genrebench.evaluation.metrics import track_log_losses
from genrebench.evaluation.significance import SignTest, holm, mcnemar, permutation_test
from genrebench.evaluation.variance import Trainings, effective_units
from genrebench.progress import Progress, no_progress
from genrebench.runs.lookup import find_run
from genrebench.runs.record import Run, TaskRecord
from genrebench.runs.scored import Scored, mean_brier, mean_hits, mean_losses
from genrebench.runs.store import RunStore

N_TRACKS_SHOWN = 10
"""Tracks listed in a comparison: those with the largest differences in loss."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Parameters
    ----------
    name : str
        The name that the user gave.
    runs : tuple of (RunStore, Run)
        One per seed.
    """

    name: str
    runs: tuple[tuple[RunStore, Run], ...]

    @property
    def task(self) -> TaskRecord:
        """The task of the runs."""
        return self.runs[0][1].task


def compare_named(
    stores: RunStore | Iterable[RunStore],
    a: str,
    b: str,
    dataset: str | None = None,
    split: str | None = None,
    metrics: BoardMetrics | None = None,
    progress: Progress = no_progress,
) -> Comparison:
    """Compare two runs or models.

    Parameters
    ----------
    stores : RunStore or iterable of them
    a, b : str
        Run ids, row ids of a board, or names of models on the same board.
    dataset, split : str, optional
        Restrict model names to boards of this dataset and split.
    metrics : BoardMetrics, optional
        Further metrics to compare.
    progress : callable, optional
        ``progress(iterable, description, total=None)`` shows progress while predictions are read.

    Raises
    ------
    UsageError
        If a name is unknown or ambiguous, or the two aren't comparable.
    StoreError
        If predictions are missing or damaged.
    """
    stores = [stores] if isinstance(stores, RunStore) else list(stores)
    return compare_sides(*find_sides(stores, a, b, dataset, split, progress), metrics or BoardMetrics())


def runs_by_id(stores: Iterable[RunStore]) -> dict[str, tuple[RunStore, Run]]:
    """All readable runs by id; if several stores have the same id, the first store takes precedence."""
    by_id: dict[str, tuple[RunStore, Run]] = {}
    for store in stores:
        for run in store.runs():
            by_id.setdefault(run.id, (store, run))
    return by_id


def find_sides(
    stores: Sequence[RunStore],
    a: str,
    b: str,
    dataset: str | None = None,
    split: str | None = None,
    progress: Progress = no_progress,
) -> tuple[Side, Side]:
    """Look up the runs of two names; a model that is on several boards is taken from a board that has both."""
    by_id = runs_by_id(stores)
    a, b = (_run_id(stores, by_id, name) for name in (a, b))
    candidate_boards = [] if a in by_id and b in by_id else boards(stores, dataset, split, progress=progress)[0]

    def candidates(name: str) -> list[Side]:
        if name in by_id:
            return [Side(name, (by_id[name],))]
        rows = [row for board in candidate_boards for row in board.rows if name in (row.model, row.row) and row.runs]
        rows = [row for row in rows if not row.lab] or rows  # a name means one's own runs
        return [Side(name, tuple(by_id[run_id] for run_id in row.runs)) for row in rows]

    sides = {name: candidates(name) for name in (a, b)}
    for name, matches in sides.items():
        if not matches:
            raise UsageError(_unknown(stores, candidate_boards, name))
    matching = [(x, y) for x in sides[a] for y in sides[b] if x.task.fingerprint == y.task.fingerprint]
    matching = [(x, y) for x, y in matching if x.runs != y.runs] or matching
    if not matching:
        why = "; ".join(differences(sides[a][0].task, sides[b][0].task, ("for the first", "for the second")))
        raise UsageError(f"{a!r} and {b!r} aren't comparable: {why}; run both on the same task")
    if len(matching) > 1:
        raise UsageError(f"{a!r} and {b!r} match {len(matching)} pairs of rows; {_which(matching)}")
    return matching[0]


def _run_id(stores: Sequence[RunStore], by_id: Mapping[str, Any], name: str) -> str:
    """The id of the run that a name means, or the name of a row or model unchanged."""
    models = {run.model.name for _, run in by_id.values()}
    rows = {row_of(run) for _, run in by_id.values()}
    if name in by_id or name in models or name in rows:
        return name
    try:
        return find_run(stores, name)[1]
    except StoreError:
        return name


def _which(matching: Sequence[tuple[Side, Side]]) -> str:
    """How to choose one of several pairs: by the options that tell their boards apart, or by runs."""
    tasks = [x.task for x, _ in matching]
    splits = sorted({task.split for task in tasks})
    if len({(task.dataset, task.split) for task in tasks}) == len(matching):
        named = [("--split", splits)] if len(splits) == len(matching) else []
        named = named or [("--dataset", sorted({task.dataset for task in tasks}))]
        option, values = named[0]
        return f"choose one with {' or '.join(f'{option} {value}' for value in values)}"
    ids = ", ".join(f"{x.runs[-1][1].id} and {y.runs[-1][1].id}" for x, y in matching[:3])
    return f"name two runs instead, such as {ids}"


def _unknown(stores: Sequence[RunStore], candidate_boards: Sequence[Board], name: str) -> str:
    """What may be meant by a name that is neither a finished run nor on a board."""
    models = sorted({row.model for board in candidate_boards for row in board.rows if row.runs})
    if meant := similar(name, models, n=1):
        return f"there is no finished run or model {name!r}; did you mean {meant[0]!r}?"
    others = sorted({run.model.name for store in stores for run in store.runs()} - set(models))
    if name in others:
        return f"there is no finished run of {name!r} on these boards; see `genrebench runs list`"
    known = f"there are runs of {', '.join(models)}; " if models else ""
    return f"there is no finished run or model {name!r}; {known}list them with `genrebench runs list`"


def compare_sides(a: Side, b: Side, metrics: BoardMetrics) -> Comparison:
    """Compare two sides that have the same task; see `compare_named`."""
    scored_a, scored_b = ([store.measured(run, metrics.measured)[0] for store, run in side.runs] for side in (a, b))
    for side, scored in ((a, scored_a), (b, scored_b)):
        if any(one.tracks != scored_a[0].tracks for one in scored):
            raise StoreError(
                f"{side.name!r} and {a.name!r} have the same task but predictions for different tracks; repeat {side.name!r}"
            )
    first = scored_a[0]
    units = board_units(first, a.task.split)
    loss_difference = mean_losses(scored_a) - mean_losses(scored_b)
    test = mean_difference(loss_difference, units, trainings([scored_a, scored_b], "log_loss").difference())
    newest = [max(range(len(side.runs)), key=lambda i: side.runs[i][1].started) for side in (a, b)]
    genres, untestable = _by_genre(loss_difference, (scored_a, scored_b), units, a.task.genres)
    return Comparison(
        a=_summary(a, scored_a),
        b=_summary(b, scored_b),
        task=a.task,
        unit=units.name,
        n_units=len(units),
        effective_units=effective_units(units.sizes),
        n_tracks=len(loss_difference),
        difference=test.mean,
        interval=test.interval,
        p_value=test.p_value,
        p_values=test.p_values,
        tied=not test.found,
        undecided=test.undecided,
        smallest_difference=test.smallest,
        top_share=test.top_share,
        n_top=test.n_top,
        brier=_brier(scored_a, scored_b, units),
        f1_micro=_accuracy(scored_a, scored_b, newest, units),
        metrics=_by_metric(scored_a, scored_b, units, metrics),
        genres=genres,
        untestable_genres=untestable,
        tracks=_most_different(a.runs[newest[0]], b.runs[newest[1]]),
    )


def _brier(scored_a: Sequence[Scored], scored_b: Sequence[Scored], units: Units) -> Mapping[str, Any]:
    """Difference in Brier score, which has no tail that a few confident mistakes could fill."""
    of_seeds = trainings([scored_a, scored_b], "brier").difference()
    test = mean_difference(mean_brier(scored_a) - mean_brier(scored_b), units, of_seeds)
    return {"difference": test.mean, "interval": list(test.interval), "p_value": test.p_value}


def _by_metric(
    scored_a: Sequence[Scored], scored_b: Sequence[Scored], units: Units, metrics: BoardMetrics
) -> dict[str, Mapping[str, Any]]:
    """Differences by further metrics; those that are means over tracks have an interval and a p-value, as the log loss."""
    result: dict[str, Mapping[str, Any]] = {}
    measured = [one.spec for one in metrics.measured] if metrics.chosen is None else metrics.chosen
    for spec in measured:
        name = spec.name
        if not all(name in one.scores for one in (*scored_a, *scored_b)):
            continue
        a, b = (float(np.mean([one.scores[name] for one in side])) for side in (scored_a, scored_b))
        result[name] = {"a": a, "b": b, "difference": a - b, "interval": None, "p_value": None}
        if all(name in one.values for one in (*scored_a, *scored_b)):
            values_a, values_b = (np.mean([one.values[name] for one in side], axis=0) for side in (scored_a, scored_b))
            test = mean_difference(values_a - values_b, units, trainings([scored_a, scored_b], name).difference())
            result[name] = {**result[name], "interval": list(test.interval), "p_value": test.p_value}
    return result


def _accuracy(scored_a: Sequence[Scored], scored_b: Sequence[Scored], newest: Sequence[int], units: Units) -> Mapping[str, Any]:
    """Difference in accuracy: by random signs of the artists, or McNemar's test for one run a side on single tracks."""
    difference = mean_hits(scored_a) - mean_hits(scored_b)
    of_seeds = trainings([scored_a, scored_b], "f1_micro").difference()
    newest_a, newest_b = scored_a[newest[0]], scored_b[newest[1]]
    only_a, only_b, p_value = mcnemar(newest_a.predicted == newest_a.labels, newest_b.predicted == newest_b.labels)
    single = units.name == "track" and len(scored_a) == len(scored_b) == 1
    sign_test = SignTest(difference[:, None], units, of_seeds)
    if not single:
        p_value = float(sign_test.p_values()[0])
    return {
        "difference": float(difference.mean()),
        "interval": list(sign_test.interval()),
        "only_a": only_a,
        "only_b": only_b,
        "p_value": p_value,
        "test": "McNemar's exact test" if single else f"permutation test over {units.name}s",
    }


def _summary(side: Side, scored: Sequence[Scored]) -> dict[str, Any]:
    run = side.runs[-1][1]
    return {
        "name": side.name,
        "model": run.model.name,
        "options": dict(run.model.options),
        "runs": [run.id for _, run in side.runs],
        "seeds": [run.seed for _, run in side.runs],
        "log_loss": float(mean_losses(scored).mean()),
        "f1_micro": float(mean_hits(scored).mean()),
    }


def _by_genre(
    loss_difference: Floats, sides: tuple[Sequence[Scored], Sequence[Scored]], units: Units, genres: Sequence[str]
) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    """Mean difference for each genre that has test tracks, with a permutation test per genre; and the genres without a test.

    A genre has a test if its p-value could be below 5 % after Holm's correction: with m artists none is below 2 / 2^m.
    """
    labels = sides[0][0].labels
    present = np.unique(labels)
    in_genre = labels[:, None] == present
    n_units = units_per_genre(in_genre.astype(np.float64), units)
    testable = 2.0 ** (1 - n_units) * len(present) <= 1 - CONFIDENCE
    of_sides = [Trainings.of([[run.losses[rows].sum() / len(labels) for run in side] for rows in in_genre.T]) for side in sides]
    of_seeds = Trainings(*(np.concatenate([getattr(side, name) for side in of_sides]) for name in ("variance", "degrees")))
    p_values = permutation_test(loss_difference[:, None] * in_genre, units, of_seeds)
    adjusted = np.full(len(present), np.nan)
    adjusted[testable] = holm(p_values[testable].tolist())
    rows: list[Mapping[str, Any]] = [
        {
            "genre": genres[i],
            "tracks": int(selected.sum()),
            "units": int(n),
            "difference": float(loss_difference[selected].mean()),
            "p_value": float(p) if tested else None,
            "p_adjusted": float(corrected) if tested else None,
        }
        for i, p, corrected, selected, n, tested in zip(
            present.tolist(), p_values, adjusted, in_genre.T, n_units, testable, strict=True
        )
    ]
    return rows, tuple(row["genre"] for row in rows if row["p_value"] is None)


def _most_different(a: tuple[RunStore, Run], b: tuple[RunStore, Run]) -> list[Mapping[str, Any]]:
    """The tracks with the largest difference in loss between the newest run of each side."""
    first, second = (store.predictions(run) for store, run in (a, b))
    positions = {key: i for i, key in enumerate(zip(second.ids, second.folds.tolist(), strict=True))}
    order = np.array([positions[key] for key in zip(first.ids, first.folds.tolist(), strict=True)])
    loss_a = track_log_losses(first.labels, first.probabilities)
    loss_b = track_log_losses(second.labels, second.probabilities)[order]
    predicted_a, predicted_b = (p.probabilities.argmax(axis=1) for p in (first, second))
    predicted_b = predicted_b[order]
    largest = np.argsort(-np.abs(loss_a - loss_b), kind="stable")[:N_TRACKS_SHOWN]
    return [
        {
            "track": first.ids[i],
            "fold": int(first.folds[i]),
            "genre": first.genres[first.labels[i]],
            "answer_a": first.genres[predicted_a[i]],
            "answer_b": first.genres[predicted_b[i]],
            "loss_a": float(loss_a[i]),
            "loss_b": float(loss_b[i]),
        }
        for i in largest.tolist()
    ]

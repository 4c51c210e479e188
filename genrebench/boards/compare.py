"""Two runs, or two rows of a board, side by side: is one better, by how much, and where."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genrebench.boards.board import boards
from genrebench.boards.comparability import differences
from genrebench.boards.comparison import Comparison
from genrebench.boards.uncertainty import board_units
from genrebench.errors import StoreError, UsageError
from genrebench.evaluation.intervals import CONFIDENCE, MIN_UNITS, Floats, Units, mean_error, t_quantile
from genrebench.evaluation.significance import detectable, holm, mcnemar, pair_errors, permutation_interval, permutation_test
from genrebench.runs.record import Run, TaskRecord
from genrebench.runs.scored import Scored
from genrebench.runs.store import RunStore

MOST_DIFFERENT = 10


@dataclass(frozen=True)
class Side:
    """One of the two.

    Parameters
    ----------
    name : str
        What the user called it.
    runs : tuple of (RunStore, Run)
        One a seed.
    """

    name: str
    runs: tuple[tuple[RunStore, Run], ...]

    @property
    def task(self) -> TaskRecord:
        """The task of its runs."""
        return self.runs[0][1].task


def compare_named(
    stores: RunStore | Iterable[RunStore], a: str, b: str, dataset: str | None = None, split: str | None = None
) -> Comparison:
    """Compare two runs or models.

    Parameters
    ----------
    stores : RunStore or iterable of them
    a, b : str
        Run ids, row ids of a board, or names of models that stand on one board.
    dataset, split : str, optional
        Which boards to look at for names of models.

    Raises
    ------
    UsageError
        If a name is unknown or stands for several rows, or the two have no task in common.
    StoreError
        If predictions are missing or damaged.
    """
    stores = [stores] if isinstance(stores, RunStore) else list(stores)
    return compare_sides(*find_sides(stores, a, b, dataset, split))


def find_sides(
    stores: Sequence[RunStore], a: str, b: str, dataset: str | None = None, split: str | None = None
) -> tuple[Side, Side]:
    """Find what two names stand for, on one board where there are several."""
    pairs = [(store, run) for store in stores for run in store.runs()]
    found = boards(stores, dataset, split)[0]
    by_id = {run.id: (store, run) for store, run in reversed(pairs)}

    def candidates(name: str) -> list[Side]:
        if name in by_id:
            return [Side(name, (by_id[name],))]
        rows = [row for board in found for row in board.rows if name in (row.model, row.row) and row.runs]
        return [Side(name, tuple(by_id[run_id] for run_id in row.runs)) for row in rows]

    sides = {name: candidates(name) for name in (a, b)}
    for name, those in sides.items():
        if not those:
            raise UsageError(f"there is no finished run or model {name!r}; `genrebench runs list` shows them")
    matching = [(x, y) for x in sides[a] for y in sides[b] if x.task.fingerprint == y.task.fingerprint]
    matching = [(x, y) for x, y in matching if x.runs != y.runs] or matching
    if not matching:
        why = "; ".join(differences(sides[a][0].task, sides[b][0].task, ("for the first", "for the second")))
        raise UsageError(f"{a!r} and {b!r} don't compare: {why}; run both on one task")
    if len(matching) > 1:
        ids = ", ".join(f"{x.runs[-1][1].id} and {y.runs[-1][1].id}" for x, y in matching[:3])
        raise UsageError(f"{a!r} and {b!r} stand for {len(matching)} pairs of rows; name two runs, such as {ids}")
    return matching[0]


def compare_sides(a: Side, b: Side) -> Comparison:
    """Compare two sides of one task; see `compare_named`."""
    scored_a, scored_b = ([store.scored(run) for store, run in side.runs] for side in (a, b))
    for side, scored in ((a, scored_a), (b, scored_b)):
        if any(one.tracks != scored_a[0].tracks for one in scored):
            raise StoreError(f"{side.name!r} answers other tracks than {a.name!r} though their tasks are one; repeat it")
    first = scored_a[0]
    units = board_units(first, a.task.split)
    losses = np.stack([np.mean([one.losses for one in scored], axis=0) for scored in (scored_a, scored_b)], axis=1)
    hits = np.stack([np.mean([one.answers == one.labels for one in s], axis=0) for s in (scored_a, scored_b)], axis=1)
    delta, right = losses[:, 0] - losses[:, 1], hits[:, 0] - hits[:, 1]
    p_value = float(permutation_test(delta[:, None], units)[0])
    newest = [max(range(len(side.runs)), key=lambda i: side.runs[i][1].started) for side in (a, b)]
    one_a, one_b = scored_a[newest[0]], scored_b[newest[1]]
    only_a, only_b, p_mcnemar = mcnemar(one_a.answers == one_a.labels, one_b.answers == one_b.labels)
    enough = len(units) >= MIN_UNITS
    edge = (
        t_quantile((1 + CONFIDENCE) / 2, len(units) - 1) * float(mean_error(right[:, None], units)[0]) if enough else math.inf
    )
    return Comparison(
        a=_about(a, losses[:, 0], hits[:, 0]),
        b=_about(b, losses[:, 1], hits[:, 1]),
        task=a.task,
        unit="artist" if (first.groups >= 0).any() else "track",
        n_units=len(units),
        n_tracks=len(delta),
        difference=float(delta.mean()),
        interval=permutation_interval(delta, units),
        p_value=p_value,
        tied=p_value > 1 - CONFIDENCE,
        smallest_difference=detectable(pair_errors(losses, units)[1][0, 1]) if enough else None,
        f1_micro={
            "difference": float(right.mean()),
            "interval": [float(right.mean()) - edge, float(right.mean()) + edge],
            "only_a": only_a,
            "only_b": only_b,
            "p_value": p_mcnemar,
        },
        genres=_by_genre(delta, first, units, a.task.genres),
        tracks=_most_different(a.runs[newest[0]], b.runs[newest[1]]),
    )


def _about(side: Side, losses: Floats, hits: Floats) -> dict[str, Any]:
    run = side.runs[-1][1]
    return {
        "name": side.name,
        "model": run.model.name,
        "options": dict(run.model.options),
        "runs": [run.id for _, run in side.runs],
        "log_loss": float(losses.mean()),
        "f1_micro": float(hits.mean()),
    }


def _by_genre(delta: Floats, scored: Scored, units: Units, genres: Sequence[str]) -> list[Mapping[str, Any]]:
    """Difference of each genre that has tracks, each put to a permutation test of its own."""
    present = np.unique(scored.labels)
    mine = scored.labels[:, None] == present
    p_values = permutation_test(delta[:, None] * mine, units)
    rows = zip(present.tolist(), p_values.tolist(), holm(p_values.tolist()), mine.T, strict=True)
    return [
        {
            "genre": genres[i],
            "tracks": int(of_genre.sum()),
            "difference": float(delta[of_genre].mean()),
            "p_value": p,
            "p_adjusted": adjusted,
        }
        for i, p, adjusted, of_genre in rows
    ]


def _most_different(a: tuple[RunStore, Run], b: tuple[RunStore, Run]) -> list[Mapping[str, Any]]:
    """The tracks on which the newest run of each differ most."""
    from genrebench.evaluation.metrics import track_log_losses

    first, second = (store.predictions(run) for store, run in (a, b))
    place = {key: i for i, key in enumerate(zip(second.ids, second.folds.tolist(), strict=True))}
    order = np.array([place[key] for key in zip(first.ids, first.folds.tolist(), strict=True)])
    loss_a = track_log_losses(first.labels, first.probabilities)
    loss_b = track_log_losses(second.labels, second.probabilities)[order]
    predicted_a, predicted_b = (p.probabilities.argmax(axis=1) for p in (first, second))
    predicted_b = predicted_b[order]
    most = np.argsort(-np.abs(loss_a - loss_b), kind="stable")[:MOST_DIFFERENT]
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
        for i in most.tolist()
    ]

"""Results for users: scores, predictions, tables and figures of one run or several."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from genrebench.errors import StoreError, UsageError
from genrebench.evaluation import error_analysis, metrics
from genrebench.jsontypes import plain
from genrebench.records import Predictions
from genrebench.runs.pages import confusion_table, details, genre_table, what_it_was
from genrebench.runs.record import Run
from genrebench.runs.scored import contradictions
from genrebench.runs.store import RunStore
from genrebench.tables import Shown, ShownSequence, Table, age, frame, number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class RunResult(Shown):
    """A run on disk.

    Parameters
    ----------
    record : Run
        The content of run.json.
    store : RunStore
        The store of the run.
    """

    record: Run
    store: RunStore

    def __repr__(self) -> str:
        loss = self.metrics.get("log_loss")
        return f"<RunResult {self.id}: {self.status}{'' if loss is None else f', log loss {loss:.3f}'}>"

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.record.id

    @property
    def status(self) -> str:
        """One of "running", "finished", "failed" and "interrupted"."""
        return self.record.status

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Scores by metric; None if the run has none.

        Built-in metrics are computed from the predictions, whatever the record says; if these can't be read, all are None.
        """
        return self._scores[0]

    @property
    def problems(self) -> Sequence[str]:
        """One line if the predictions can't be read, or the record says other scores than they give."""
        return self._scores[1]

    @cached_property
    def _scores(self) -> tuple[Mapping[str, float | None], Sequence[str]]:
        recorded = self.record.metrics or dict.fromkeys(metrics.BUILT_IN)
        if not self.record.has_scores:
            return recorded, ()
        try:
            scored = self.store.scored(self.record)
        except StoreError as error:
            return dict.fromkeys(recorded), (str(error),)
        return {**recorded, **scored.scores}, contradictions(self.record, scored)

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return self.store.folder(self.id)

    @cached_property
    def predictions(self) -> Predictions:
        """Probabilities of the test tracks.

        Raises
        ------
        StoreError
            If the run isn't finished, or its predictions are missing or were edited.
        """
        return self.store.predictions(self.record)

    @property
    def curves(self) -> tuple[Mapping[str, Any], ...]:
        """Points of the training curves: fold, epoch, and values by name."""
        return self.store.curves(self.record)

    def genres(self) -> pd.DataFrame:
        """Scores by genre as a pandas DataFrame: support, precision, precision_low, precision_high, recall, f1, log_loss, ...

        Raises
        ------
        UsageError
            If the split has no test tracks.
        StoreError
            As in `predictions`.
        """
        self._test_predictions()
        return frame([_flat(row) for row in self._by_genre], index="genre")

    def genre_scores(self) -> list[dict[str, Any]]:
        """Scores by genre in JSON types, with their intervals; empty without scored test tracks that can be read."""
        p = self._readable_predictions()
        return [] if p is None else list(self._by_genre)

    @cached_property
    def _by_genre(self) -> list[dict[str, Any]]:
        p = self.predictions
        return error_analysis.genre_table(p.labels, p.probabilities, p.genres, p.groups)

    def _readable_predictions(self) -> Predictions | None:
        """The predictions of the test tracks, if there are any that can be read and scored."""
        with contextlib.suppress(StoreError, ValueError):
            if self.record.has_scores and self.predictions.ids and self._by_genre:
                return self.predictions
        return None

    def to_json(self) -> dict[str, Any]:
        """The record in JSON types, as in the output of `genrebench run --format json`."""
        record = self.record
        return {
            "run_id": record.id,
            "status": record.status,
            "task": plain(record.task),
            "model": plain(record.model),
            "seed": record.seed,
            "metrics": dict(self.metrics),
            "timings": dict(record.timings),
            "peak_rss_mb": record.peak_rss_mb,
            "environment": dict(record.environment),
            "facts": plain(record.facts),
            "started": record.started,
            "error": record.error,
        }

    def to_frame(self) -> pd.DataFrame:
        """The predictions as a pandas DataFrame: one row per test track, with genre, fold and a column p:GENRE per genre."""
        p = self.predictions
        rows = zip(p.ids, p.labels.tolist(), p.folds.tolist(), p.probabilities.tolist(), strict=True)
        columns = [f"p:{genre}" for genre in p.genres]
        return frame(
            [
                {"track_id": id_, "genre": p.genres[label], "fold": fold, **dict(zip(columns, values, strict=True))}
                for id_, label, fold, values in rows
            ],
            index="track_id",
        )

    def tables(self) -> list[Table]:
        """Scores by genre and confusions, if any, then what the run was, and everything else in its record."""
        predictions = self._readable_predictions()
        confusions = [] if predictions is None else [confusion_table(predictions)]
        record = self.record
        of_record = [what_it_was(record, self.folder), details(record, self.metrics, self.curves)]
        return [*self.genre_tables(), *confusions, *of_record]

    def genre_tables(self) -> list[Table]:
        """Scores by genre, the lowest F1 first, as one table; none without scored test tracks that can be read."""
        predictions = self._readable_predictions()
        return [] if predictions is None else genre_table(self.genre_scores(), predictions)

    def figure(self, kind: Literal["confusion", "calibration", "curves"] = "confusion") -> Figure:
        """Draw the run.

        Parameters
        ----------
        kind : {"confusion", "calibration", "curves"}
            The confusion matrix, whose rows sum to 1; accuracy against confidence; or the training curves.

        Raises
        ------
        UsageError
            If the split has no test tracks, or the model logged no curves.
        """
        from genrebench.runs import figures

        title = f"{self.id}, {self.record.task.dataset}"
        if kind == "curves":
            return figures.draw_training([(self.id, self.curves)], title)
        draw = {"confusion": figures.draw_confusions, "calibration": figures.draw_reliability}
        if kind not in draw:
            raise UsageError(f"there is no figure {kind!r} of a run; choose confusion, calibration or curves")
        return draw[kind](self._test_predictions(), title)

    def _test_predictions(self) -> Predictions:
        if not self.predictions.ids:
            raise UsageError(f"the split of {self.id} has no test tracks, so there are no predictions to score")
        return self.predictions


class RunResults(ShownSequence[RunResult]):
    """Several runs, in order.

    Parameters
    ----------
    results : iterable of RunResult
    problems : sequence of str
        One line per folder that isn't a readable run.
    """

    def __init__(self, results: Iterable[RunResult], problems: Sequence[str] = ()) -> None:
        self._items = tuple(results)
        self.problems = tuple(problems)

    def __repr__(self) -> str:
        return f"RunResults({', '.join(result.id for result in self)})"

    def to_json(self) -> list[dict[str, Any]]:
        """The records in JSON types."""
        return [result.to_json() for result in self]

    def to_frame(self) -> pd.DataFrame:
        """One row per run as a pandas DataFrame: task, model, scores and timings."""
        return frame(
            [
                {
                    "run": result.id,
                    "status": result.status,
                    "dataset": result.record.task.dataset,
                    "split": result.record.task.split,
                    "model": result.record.model.name,
                    "seed": result.record.seed,
                    **{name: math.nan if value is None else value for name, value in result.metrics.items()},
                    **result.record.timings,
                    "started": result.record.started,
                }
                for result in self
            ],
            index="run",
        )

    def tables(self) -> list[Table]:
        """Scores and timings of the runs, one table per task."""
        by_task: dict[str, list[RunResult]] = {}
        for result in self:
            by_task.setdefault(result.record.task.fingerprint, []).append(result)
        return [self._table(results) for results in by_task.values()]

    @staticmethod
    def _table(results: Sequence[RunResult]) -> Table:
        task = results[0].record.task
        title = f"{task.dataset_title}, split {task.split_title}: {task.counts}, {len(task.genres)} genres"
        columns = ("run", "model", "seed", "status", "log loss", "F1 micro", "F1 macro", "inputs s", "fit s", "predict s")
        below = ("inputs s", "predict s", "fit s", "status", "seed", "F1 macro", "model")
        return Table.of(columns, map(_row, results), title, columns[4:], below=below, drop=("model",))

    def to_table(self) -> Table:
        """Runs on any tasks as one table for programs: one value per cell, with all metrics and timings."""
        rows = [
            {
                "run": result.id,
                "status": result.status,
                "started": result.record.started,
                "dataset": result.record.task.dataset,
                "split": result.record.task.split,
                "split_seed": result.record.task.split_seed,
                "fingerprint": result.record.task.fingerprint,
                "n_test": result.record.task.n_test,
                "model": result.record.model.name,
                "plugin": result.record.model.plugin,
                "version": result.record.model.version,
                "options": json.dumps(plain(result.record.model.changed)) if result.record.model.changed else "",
                "seed": result.record.seed,
                **result.metrics,
                **result.record.timings,
                "peak_rss_mb": result.record.peak_rss_mb,
            }
            for result in self
        ]
        return Table.of_records(rows, ("run", "status", "started", "dataset", "split"))

    def figure(self) -> Figure:
        """Draw the training curves of all runs in one plot.

        Raises
        ------
        UsageError
            If no model logged any.
        """
        from genrebench.runs.figures import draw_training

        return draw_training([(result.id, result.curves) for result in self], f"training of {len(self)} runs")

    def overview(self) -> Table:
        """Runs on any tasks, one row per run, newest first, for `genrebench runs list`."""
        columns = ("run", "dataset", "split", "log loss", "F1 micro", "age", "status", "seed", "model", "started")
        now = datetime.now(UTC)
        rows = [
            (
                result.id,
                result.record.task.dataset,
                result.record.task.split,
                number(result.metrics.get("log_loss")),
                number(result.metrics.get("f1_micro")),
                age(result.record.started, now),
                result.status,
                result.record.seed,
                result.record.model.name,
                result.record.started[:16].replace("T", " "),
            )
            for result in self
        ]
        drop = ["started", "model", "seed", *(["status"] if all(result.status == "finished" for result in self) else [])]
        return Table.of(
            columns, rows, right=("log loss", "F1 micro", "age", "seed"), below=(*drop, "F1 micro", "split"), drop=drop
        )


def _row(result: RunResult) -> tuple[object, ...]:
    record = result.record
    scores = [number(result.metrics.get(name)) for name in ("log_loss", "f1_micro", "f1_macro")]
    times = [number(record.timings.get(name), 1) for name in ("inputs_s", "fit_s", "predict_s")]
    return (record.id, record.model.name, record.seed, record.status, *scores, *times)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of scores by genre, with one column per interval bound, which is nan where there is no interval."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key.endswith("_interval"):
            score = key.removesuffix("_interval")
            flat[f"{score}_low"], flat[f"{score}_high"] = value or (math.nan, math.nan)
        else:
            flat[key] = value
    return flat

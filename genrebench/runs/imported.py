"""Import of predictions made outside genrebench, as a run on the board."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from genrebench.datasets import id_forms
from genrebench.errors import DataError, UsageError
from genrebench.evaluation import metrics
from genrebench.plugin.hosted import checked
from genrebench.records import Task
from genrebench.runs import imported_csv
from genrebench.runs.examples import TaskLabels
from genrebench.runs.job import begin_record
from genrebench.runs.record import ModelRecord, Run, TaskRecord
from genrebench.runs.store import RunStore
from genrebench.tasks.words import spelling_key

PLUGIN = "external"
"""Recorded as the plugin of imported predictions."""


def score(
    task: Task,
    file: Path,
    name: str,
    version: str,
    seed: int,
    store: RunStore,
    say: Callable[[str], None],
    taken: Mapping[str, str],
) -> Run:
    """Score a CSV file of probabilities and record it as a finished run.

    Parameters
    ----------
    task : Task
    file : Path
        As in `genrebench.runs.imported_csv.read`, with one row per test track; other rows are an error.
    name, version : str
        Name and version of the model on the board.
    seed : int
        Number that distinguishes several runs of the same model.
    store : RunStore
    say : callable
        Called with warnings.
    taken : mapping of str to str
        Names that the model can't have, and whose they are.

    Returns
    -------
    Run

    Raises
    ------
    DataError
        If the file can't be read, a genre or a test track is missing, a track has two rows or isn't a test track, or a row
        isn't a probability distribution, or a column genre or fold contradicts the task.
    UsageError
        If the name is invalid or taken, or the split has no test tracks.
    """
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise UsageError(f"--name {name!r} isn't a valid name; use a-z, 0-9 and '-'")
    if name in taken:
        raise UsageError(
            f"--name {name!r} is that of {taken[name]}, whose rows these predictions would look like; choose another"
        )
    test_ids = [id_ for fold in task.split.folds for id_ in fold.test]
    if not test_ids:
        raise UsageError(
            f"the split {task.split.name!r} of {task.dataset.name} has no test tracks to score; choose another --split"
        )
    imported = imported_csv.read(file, task.genres, [track.id for track in task.dataset.tracks])
    rows = imported.rows
    missing = [id_ for id_ in test_ids if id_ not in rows]
    if missing:
        note = id_forms.miss_note(test_ids, rows, file.name, "the test part")
        raise DataError(
            f"{file}: {len(missing)} of {len(test_ids)} test tracks have no row, for example track {missing[0]!r}"
            + (f" ({note})" if note else "")
        )
    extra = sorted(set(rows) - set(test_ids))
    if extra:
        raise DataError(
            f"{file}: {len(extra)} rows aren't for test tracks of this split, for example {extra[0]!r}; check --split"
        )
    _require_same_task(task, file, imported)
    probabilities = [np.array([rows[id_] for id_ in fold.test]).reshape(-1, len(task.genres)) for fold in task.split.folds]
    predictions = TaskLabels(task).predictions([checked(p, len(p), len(task.genres), str(file)) for p in probabilities])
    for text in imported.warnings:
        say(f"warning: {text}")
    model = ModelRecord(name=name, plugin=PLUGIN, version=version, origin="imported")
    run = dataclasses.replace(begin_record(TaskRecord.of(task), model, seed), timings={})
    values = metrics.evaluate(predictions.labels, predictions.probabilities)
    return store.add(dataclasses.replace(run, metrics=values, metrics_version=metrics.VERSION), predictions)


def _require_same_task(task: Task, file: Path, imported: imported_csv.ImportedRows) -> None:
    """Check the columns genre and fold, where the file has them."""
    genre = {track.id: track.genre for track in task.dataset.tracks}
    expected = {
        "genre": genre,
        "fold": {id_: str(number) for number, fold in enumerate(task.split.folds) for id_ in fold.test},
    }
    for column, values in imported.claims.items():
        wrong = [id_ for id_, value in values.items() if value and spelling_key(value) != spelling_key(expected[column][id_])]
        if wrong:
            raise DataError(
                f"{file}: {len(wrong)} of {len(values)} rows have another {column} than the task, for example track "
                f"{wrong[0]!r}: {values[wrong[0]]!r} instead of {expected[column][wrong[0]]!r}; check --dataset and --split"
            )

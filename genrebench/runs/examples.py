"""The labelled parts of a task, cut from its prepared inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genrebench.plugin.contract import Examples
from genrebench.plugin.inputs import Prepared
from genrebench.plugin.lazy import LazyInputs
from genrebench.records import Task
from genrebench.tasks.task import artist_numbers, task_ids


class TaskExamples:
    """The prepared inputs of a task's tracks, cut into labelled parts.

    Parameters
    ----------
    task : Task
    prepared : Prepared
        In the order of `genrebench.tasks.task.task_ids`.
    """

    def __init__(self, task: Task, prepared: Prepared) -> None:
        self._inputs = prepared.inputs
        self._place = {id_: i for i, id_ in enumerate(task_ids(task.split))}
        self._labels = {track.id: task.genres.index(track.genre) for track in task.dataset.tracks}
        self._groups = artist_numbers(task.dataset)

    def __call__(self, ids: Sequence[str]) -> Examples[Any]:
        """Return the examples of some tracks."""
        rows = [self._place[id_] for id_ in ids]
        return Examples(
            self._inputs.subset(rows) if isinstance(self._inputs, LazyInputs) else self._inputs[rows],
            np.array([self._labels[id_] for id_ in ids], dtype=np.int64),
            np.array([self._groups[id_] for id_ in ids], dtype=np.int64),
        )

"""Examples for a model, and its predictions combined with labels and artists, which are hidden from the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.errors import DataError
from genrebench.inputs import prepare
from genrebench.plugin.contract import Examples, select
from genrebench.plugin.inputs import Prepared
from genrebench.records import Predictions, Task
from genrebench.runs.job import Job
from genrebench.session import Session
from genrebench.tasks.task import audio_hashes, is_unchanged


class TaskLabels:
    """Labels and artists of a task's tracks, by track id.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._labels: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._anonymous: set[str] = set()
        numbers: dict[tuple[str, str], int] = {}
        for track in task.dataset.tracks:
            artist = ("track", track.id) if track.artist is None else ("artist", track.artist)
            self._labels[track.id] = task.genres.index(track.genre)
            self._groups[track.id] = numbers.setdefault(artist, len(numbers))
            if track.artist is None:
                self._anonymous.add(track.id)

    def labels(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Index of each track's genre, shape (n_tracks,)."""
        return np.array([self._labels[id_] for id_ in ids], dtype=np.int64)

    def groups(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Anonymous number of each track's artist, shape (n_tracks,); a track without artist has a number of its own."""
        return np.array([self._groups[id_] for id_ in ids], dtype=np.int64)

    def artists(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Like `groups`, but -1 for tracks whose artist isn't known."""
        return np.where([id_ in self._anonymous for id_ in ids], -1, self.groups(ids)).astype(np.int64)

    def predictions(self, probabilities: Sequence[NDArray[np.float64]]) -> Predictions:
        """Combine the probabilities of the test tracks, one array per fold, with labels and artists."""
        folds = self._task.split.folds
        ids = [id_ for fold in folds for id_ in fold.test]
        artists = self.artists(ids)
        return Predictions(
            ids=tuple(ids),
            genres=self._task.genres,
            labels=self.labels(ids),
            folds=np.repeat(np.arange(len(folds), dtype=np.int64), [len(fold.test) for fold in folds]),
            probabilities=np.concatenate(probabilities),
            groups=artists if (artists >= 0).any() else None,
        )


class TaskExamples(TaskLabels):
    """Examples of a task: inputs with labels and artists, for any subset of the tracks.

    Parameters
    ----------
    task : Task
    prepared : Prepared
        Inputs of the split's tracks, in the order of `Split.ids`.
    """

    def __init__(self, task: Task, prepared: Prepared) -> None:
        super().__init__(task)
        self.prepared = prepared
        self._positions = {id_: i for i, id_ in enumerate(task.split.ids)}

    @classmethod
    def prepare(cls, job: Job, session: Session) -> TaskExamples:
        """Compute a model's inputs for all tracks of the task."""
        task, ids = job.task, job.task.split.ids
        context = session.input_context(task.excerpt)
        hashes: Mapping[str, str] = {}
        if job.needs_audio(session):
            hashes = audio_hashes(task.dataset, session.home, ids)
            if not is_unchanged(task, session.home):
                raise DataError("audio files were changed after the task was made from them; run the command again")
        return cls(task, prepare(job.model.input, task.dataset, ids, hashes, context, session.registry))

    def __call__(self, ids: Sequence[str]) -> Examples[Any]:
        """Return the examples of some tracks."""
        selected = select(self.prepared.inputs, [self._positions[id_] for id_ in ids])
        return Examples(selected, self.labels(ids), self.groups(ids))

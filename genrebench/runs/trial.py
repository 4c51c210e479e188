"""The time of a run from trials on a few of its tracks, where no run of its model has been measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain, zip_longest

from genrebench.environment import PeakMemory
from genrebench.inputs import prepare
from genrebench.plugin.contract import Examples, select
from genrebench.plugin.isolation import undisturbed
from genrebench.records import Task
from genrebench.runs.examples import TaskLabels
from genrebench.runs.job import Job
from genrebench.session import Session
from genrebench.tasks.task import audio_hashes

_SIZES = (4, 8, 16, 32, 64, 128)
_SECONDS = 4.0
"""A trial that takes longer is the last one."""


@dataclass(frozen=True)
class Trial:
    """What a run will take, as far as trials tell.

    Parameters
    ----------
    seconds : float
    memory_mb : float
        Peak of the trials, in 10^6 bytes.
    tracks : int
        Number of training tracks of the largest trial.
    """

    seconds: float
    memory_mb: float
    tracks: int


def try_out(job: Job, session: Session, most: int) -> Trial | None:
    """Fit a job's model to more and more of its training tracks, for some seconds, and extrapolate in proportion.

    Parameters
    ----------
    job : Job
    session : Session
    most : int
        Number of tracks whose inputs may be computed.

    Returns
    -------
    Trial or None
        None if the model can't be fitted to so few tracks.
    """
    task = job.task
    spent: list[tuple[int, float]] = []
    predicting = 0.0
    with PeakMemory() as memory, undisturbed():
        for n in _SIZES:
            ids = _few(task, n)
            if n > most or len(ids) < n or (spent and spent[-1][1] > _SECONDS):
                break
            try:
                fit, predict = _timed(job, ids, session)
            except Exception:  # noqa: S112 - a plugin's, which may need more tracks than these
                continue
            spent.append((n, fit))
            predicting = predict / n
    if not spent:
        return None
    n, seconds = spent[-1]
    slope = max(seconds - spent[-2][1], 0.0) / (n - spent[-2][0]) if len(spent) > 1 else seconds / n
    fits = sum(seconds + slope * (len(fold.training) - n) for fold in task.split.folds)
    tests = sum(len(fold.test) + len(fold.validation) for fold in task.split.folds)
    return Trial(max(fits, 0.0) + predicting * tests, memory.peak_mb, n)


def _timed(job: Job, ids: list[str], session: Session) -> tuple[float, float]:
    """Seconds to fit the model to tracks and to predict them."""
    task = job.task
    context = session.input_context(task.excerpt)
    hashes = {} if job.uses_precomputed_features else audio_hashes(task.dataset, session.home, ids)
    prepared = prepare(job.model.input, task.dataset, ids, hashes, context, session.registry)
    labels = TaskLabels(task)
    train = Examples(prepared.inputs, labels.labels(ids), labels.groups(ids))
    none = Examples(select(prepared.inputs, []), labels.labels([]), labels.groups([]))
    model = job.model.build(session.context(task.genres, seed=job.seed, columns=prepared.columns))
    start = time.perf_counter()
    model.fit(train, none)
    fitted = time.perf_counter()
    model.predict(train.inputs)
    return fitted - start, time.perf_counter() - fitted


def _few(task: Task, n: int) -> list[str]:
    """So many training tracks of the first fold, of all genres in turn."""
    genre = {track.id: track.genre for track in task.dataset.tracks}
    by_genre: dict[str, list[str]] = {}
    for id_ in task.split.folds[0].training:
        by_genre.setdefault(genre[id_], []).append(id_)
    turns = chain.from_iterable(zip_longest(*by_genre.values()))
    return [id_ for id_ in turns if id_ is not None][:n]

"""Running models and repeating runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from genrebench.door.opening import Progress, Say, open_models, open_seeds, open_session, open_task
from genrebench.records import Dataset, Exclusion, Task
from genrebench.runs import imported, runner
from genrebench.runs import reproduce as reproduction
from genrebench.runs.job import Job
from genrebench.runs.reproduce import Reproduction
from genrebench.runs.result import RunResult, RunResults
from genrebench.runs.store import RunStore


def run(
    models: Any,
    dataset: str | Path | Dataset | Task = "demo",
    *,
    split: str | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] = (),
    extra_training: str | Path | Dataset | None = None,
    seed: int | None = None,
    seeds: Iterable[int] | None = None,
    options: Mapping[str, Any] | None = None,
    calibrate: bool = False,
    resume: bool = False,
    runs: str | Path = "runs",
    device: str = "auto",
    workers: int | None = None,
    cache: bool = True,
    progress: Progress = False,
    say: Say | None = None,
    each: Callable[[RunResult], object] | None = None,
) -> RunResults:
    """Fit models, score them on the task's test tracks and keep the runs.

    Parameters
    ----------
    models : str, ModelSpec or scikit-learn classifier, or a list of them
        An object needs no plugin; a classifier gets the feature table.
    dataset : str, Path, Dataset or Task
        A registered name, a folder, or what `dataset` or `task` returned. A task has its split already.
    split : str, optional
        As in `genrebench.tasks.splits.make_split`; by default official where there is one, else artist, else stratified.
    split_seed : int
    excerpt : float or "whole"
        The middle seconds of each track.
    exclude : path, or ids
        A CSV list of tracks to leave out, or their ids.
    extra_training : str, Path or Dataset, optional
        A larger dataset that adds training tracks of small genres.
    seed : int, optional
        Seed of the models, 0 by default.
    seeds : iterable of int, optional
        Several seeds: one run each, and one row on the board.
    options : mapping, optional
        Option name to value for all models, or model name to such a mapping.
    calibrate : bool
        Scale the probabilities by a temperature fitted on the validation part.
    resume : bool
        Go on with what was interrupted, and return what has finished already.
    runs : path
        Folder of the runs.
    device, workers, cache, progress, say
        As in `genrebench.door.opening.open_session`.
    each : callable, optional
        Called with each run as it ends, so that nothing is lost where a later one raises.

    Returns
    -------
    RunResults
        In the order of models and seeds. A run that failed says so in its status; it raises nothing.

    Raises
    ------
    GenrebenchError
        If something is refused before it runs, or inputs can't be prepared.
    """
    session = open_session(device=device, workers=workers, cache=cache, progress=progress, say=say)
    hosted = open_models(models, options, session)
    all_seeds = open_seeds(seed, seeds)
    task = open_task(
        dataset,
        session,
        split=split,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=exclude,
        extra_training=extra_training,
    )
    jobs = [Job(task, model, one, calibrate) for model in hosted for one in all_seeds]
    for job in jobs:
        job.check(session)
    store = RunStore(Path(runs))
    results = []
    for job in jobs:
        result = RunResult(runner.run(job, store, session, resume=resume), store)
        results.append(result)
        if each is not None:
            each(result)
    return RunResults(results)


def reproduce(
    run_id: str,
    *,
    dataset: str | Path | Dataset | None = None,
    runs: str | Path = "runs",
    resume: bool = False,
    device: str = "auto",
    workers: int | None = None,
    cache: bool = True,
    progress: Progress = False,
    say: Say | None = None,
) -> Reproduction:
    """Repeat a run from its record, and say how the environment and the scores differ.

    Parameters
    ----------
    run_id : str
    dataset : str, Path or Dataset, optional
        Where the dataset is now; by default where the record says.
    runs, resume, device, workers, cache, progress, say
        As in `run`.

    Returns
    -------
    Reproduction

    Raises
    ------
    UsageError
        If the run's model isn't installed, or its predictions were made elsewhere.
    """
    store = RunStore(Path(runs))
    original = store.load(run_id)
    reproduction.require_repeatable(original)
    task = original.task
    repeated = run(
        original.model.name,
        dataset or task.source or task.dataset,
        split=task.split,
        split_seed=task.split_seed,
        excerpt=task.excerpt,
        exclude=task.excluded,
        extra_training=None if task.extra_training is None else task.extra_training.source or task.extra_training.dataset,
        seed=original.seed,
        options=original.model.options,
        calibrate=original.model.calibrated,
        resume=resume,
        runs=runs,
        device=device,
        workers=workers,
        cache=cache,
        progress=progress,
        say=say,
    )
    return reproduction.compare(original, repeated[0])


def score(
    predictions: str | Path,
    dataset: str | Path | Dataset | Task = "demo",
    *,
    split: str | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] = (),
    name: str = imported.PLUGIN,
    version: str = "0",
    seed: int = 0,
    runs: str | Path = "runs",
    say: Say | None = None,
) -> RunResult:
    """Score probabilities that were predicted elsewhere, and keep them as a run.

    Parameters
    ----------
    predictions : path
        CSV with a row for each test track: track_id, then a column per genre, named as the genre or p:<genre>.
    dataset, split, split_seed, excerpt, exclude, runs, say
        As in `run`.
    name, version : str
        What the model is called on the board.
    seed : int
        Which of several runs of the model this is.

    Raises
    ------
    DataError
        If the file can't be read, lacks a genre or a test track, or a row isn't a distribution.
    """
    session = open_session(say=say)
    task = open_task(dataset, session, split=split, split_seed=split_seed, excerpt=excerpt, exclude=exclude)
    store = RunStore(Path(runs))
    return RunResult(imported.score(task, Path(predictions), name, version, seed, store), store)


def load_run(run_id: str, *, runs: str | Path = "runs") -> RunResult:
    """Read a run from disk.

    Raises
    ------
    StoreError
        If there is no such run or its record is damaged.
    """
    store = RunStore(Path(runs))
    return RunResult(store.load(run_id), store)


def list_runs(*, runs: str | Path = "runs") -> RunResults:
    """Read all runs of a folder, newest first; `problems` names the folders that can't be read."""
    store = RunStore(Path(runs))
    records, problems = store.scan()
    return RunResults([RunResult(record, store) for record in records], problems)


def remove_runs(
    run_ids: str | Iterable[str], *, runs: str | Path = "runs", each: Callable[[str], object] | None = None
) -> None:
    """Remove runs for good; a malformed id is refused before anything is removed.

    Parameters
    ----------
    run_ids : str or iterable of str
    runs : path
    each : callable, optional
        Called with each id when its run is gone.
    """
    store, ids = RunStore(Path(runs)), [run_ids] if isinstance(run_ids, str) else list(run_ids)
    for run_id in ids:
        store.folder(run_id)
    for run_id in ids:
        store.remove(run_id)
        if each is not None:
            each(run_id)

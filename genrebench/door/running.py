"""Run models, and list, load, remove and reproduce runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from genrebench.boards import baselines
from genrebench.door.clusters import on_cluster
from genrebench.door.folders import Progress, open_run, open_stores
from genrebench.door.opening import Say, join_first_process, open_models, open_observers, open_seeds, open_session, open_task
from genrebench.door.splits import Split
from genrebench.plugin.hookspecs import MODEL
from genrebench.plugin.observers import Observer
from genrebench.records import Dataset, Exclusion, Task
from genrebench.runs import grid, imported, model_files
from genrebench.runs import reproduce as reproduction
from genrebench.runs.job import Job
from genrebench.runs.lookup import find_run
from genrebench.runs.reproduce import Reproduction
from genrebench.runs.result import RunResult, RunResults
from genrebench.runs.store import RunStore
from genrebench.session import Session


def run(
    models: Any,
    dataset: str | Path | Dataset | Task = "demo",
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    extra_training: str | Path | Dataset | None = None,
    segments: str = "together",
    seed: int | None = None,
    seeds: Iterable[int] | None = None,
    options: Mapping[str, Any] | None = None,
    calibrate: bool = False,
    resume: bool = False,
    runs: str | Path = "runs",
    device: str = "auto",
    devices: int | None = None,
    workers: int | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    cache: bool = True,
    progress: Progress = False,
    say: Say | None = None,
    each: Callable[[RunResult], object] | None = None,
    follow_links: bool = False,
    observe: str | Observer | Sequence[str | Observer] = (),
) -> RunResults:
    """Fit models, score them on the test tracks and record the runs.

    Parameters
    ----------
    models : str, ModelSpec or scikit-learn classifier, a mapping of name to such an object, or a list of all these
        Names of installed models, or objects, which need no plugin; a classifier gets the feature table. Without a name, a
        classifier is called like its class.
    dataset : str, Path, Dataset or Task
        A registered name, a folder, or the result of `dataset` or `task`. A task already has a split.
    split : str or SplitSpec, optional
        As in `genrebench.tasks.splits.make_split`, or a split of a plugin or of the dataset; by default official if the dataset
        has one, else artist if artists are known, else stratified.
    split_file : path, optional
        A file with a split instead; see `genrebench.datasets.split_file.read`.
    split_seed : int
    excerpt : float or "whole"
        Seconds from the middle of each track.
    exclude : path, or ids
        A CSV file of tracks to exclude (columns id and reason), or their ids.
    extra_training : str, Path or Dataset, optional
        A larger dataset from which training tracks for small genres are added.
    segments : {"together", "apart"}
        Whether tracks whose ids differ by a segment number only, such as "blues.00000.0" and "blues.00000.1", are kept in one
        part like tracks of one artist, where no artist is known.
    seed : int, optional
        Seed of the models; by default 0.
    seeds : iterable of int, optional
        Several seeds: one run per seed, one row on the board.
    options : mapping, optional
        Option name to value for all models, or model name to such a mapping.
    calibrate : bool
        Calibrate the probabilities with a temperature fitted on the validation tracks.
    resume : bool
        Continue interrupted runs, and return finished ones without running them again.
    runs : path
        Folder of the runs.
    device, devices, workers, jobs, cache, progress, say, follow_links
        As in `genrebench.door.opening.open_session`.
    cluster : str, optional
        Do the work on a Dask cluster: the address of its scheduler, its scheduler file, or "local:N" for N processes here.
    observe : str or Observer, or a list of them
        Observers that follow the runs: names such as "mlflow", whose options are in `options` under that name, or objects.
    each : callable, optional
        Called with each run when it ends, so that finished runs are available if a later one raises an exception.

    Returns
    -------
    RunResults
        In the order of models and seeds. A failed run raises no exception; its status is "failed".

    Raises
    ------
    GenrebenchError
        If an argument is invalid, or inputs can't be prepared.
    """
    session = open_session(
        device=device,
        devices=devices,
        workers=workers,
        jobs=jobs,
        cache=cache,
        progress=progress,
        say=say,
        follow_links=follow_links,
    )
    session, options = open_observers(observe, options, session)
    hosted = open_models(models, options, session)
    join_first_process(hosted, session)
    all_seeds = open_seeds(seed, seeds)
    with on_cluster(cluster, session) as session:
        task = open_task(
            dataset,
            session,
            split=split,
            split_file=split_file,
            split_seed=split_seed,
            excerpt=excerpt,
            exclude=exclude,
            extra_training=extra_training,
            segments=segments,
        )
        all_jobs = [Job(task, model, number, calibrate) for model in hosted for number in all_seeds]
        return run_jobs(all_jobs, RunStore(Path(runs)), session, resume=resume, silent=say is None, each=each)


def run_jobs(
    jobs: Sequence[Job],
    store: RunStore,
    session: Session,
    *,
    resume: bool,
    silent: bool,
    each: Callable[[RunResult], object] | None,
) -> RunResults:
    """Run jobs, once all are known to be possible; `silent`: nobody follows the messages."""
    results: dict[int, RunResult] = {}
    for index, record in grid.run_all(jobs, store, session, resume=resume):
        result = results[index] = RunResult(record, store)
        if result.status != "finished" and silent:  # a caller that follows the messages looks at the status
            session.say(f"warning: run {result.id} failed: {result.record.error}")
        if each is not None:
            each(result)
    return RunResults([results[index] for index in range(len(jobs))])


def reproduce(
    run_id: str | RunResult,
    *,
    dataset: str | Path | Dataset | None = None,
    split_file: str | Path | None = None,
    runs: str | Path = "runs",
    resume: bool = False,
    device: str = "auto",
    devices: int | None = None,
    workers: int | None = None,
    cache: bool = True,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Reproduction:
    """Reproduce a run from its record, and compare its environment and scores with the original.

    Parameters
    ----------
    run_id : str or RunResult
    dataset : str, Path or Dataset, optional
        Current location of the dataset; by default as recorded.
    split_file : path, optional
        Current location of the file with the split; by default as recorded.
    runs, resume, device, devices, workers, cache, progress, say, follow_links
        As in `run`.

    Returns
    -------
    Reproduction

    Raises
    ------
    UsageError
        If the run's model isn't installed, or its predictions were imported.
    """
    opened = open_run(run_id, runs)
    original = opened.record
    reproduction.require_reproducible(original)
    task = original.task
    if dataset is None and say is not None:
        say(f"the dataset is read from {task.source or task.dataset!r}, as the record says; name another with --dataset")
    trained = original.model
    model_files.require_named(original.id, trained.file)
    repeated = run(
        trained.file or f"{trained.plugin}:{trained.name}",
        dataset or task.source or task.dataset,
        split=None if split_file or task.split_file else task.split,
        split_file=split_file or task.split_file,
        split_seed=task.split_seed,
        excerpt=task.excerpt,
        exclude=task.excluded,
        segments=task.segments,
        extra_training=None if task.extra_training is None else task.extra_training.source or task.extra_training.dataset,
        seed=original.seed,
        options=original.model.options,
        calibrate=original.model.calibrated,
        resume=resume,
        runs=opened.store.root,
        device=device,
        devices=devices,
        workers=workers,
        cache=cache,
        progress=progress,
        say=say,
        follow_links=follow_links,
    )
    return reproduction.compare(replace(original, metrics=opened.metrics), repeated[0])


def score(
    predictions: str | Path,
    dataset: str | Path | Dataset | Task = "demo",
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    extra_training: str | Path | Dataset | None = None,
    segments: str = "together",
    name: str = imported.PLUGIN,
    version: str = "0",
    seed: int = 0,
    runs: str | Path = "runs",
    say: Say | None = None,
    follow_links: bool = False,
) -> RunResult:
    """Score predictions made outside genrebench, and record them as a run.

    Parameters
    ----------
    predictions : path
        CSV file with one row per test track: track_id and one column per genre, named GENRE or p:GENRE.
    dataset, split, split_file, split_seed, excerpt, exclude, extra_training, segments, runs, say, follow_links
        As in `run`.
    name, version : str
        Name and version of the model on the board.
    seed : int
        Number that distinguishes several runs of the same model.

    Raises
    ------
    DataError
        If the file can't be read, a genre or a test track is missing, a row isn't a probability distribution, or a column
        genre or fold contradicts the task.
    UsageError
        If the name is that of an installed model or of a baseline.
    """
    session = open_session(say=say, follow_links=follow_links)
    task = open_task(
        dataset,
        session,
        split=split,
        split_file=split_file,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=exclude,
        extra_training=extra_training,
        segments=segments,
    )
    store = RunStore(Path(runs))
    models = {model: f"the installed model {model}" for model in session.registry.names(MODEL)}
    taken = models | {baseline: f"the baseline {baseline}" for baseline in baselines.NAMES}
    return RunResult(imported.score(task, Path(predictions), name, version, seed, store, session.say, taken), store)


def load_run(run_id: str, *, runs: str | Path = "runs") -> RunResult:
    """Read a run from disk.

    Parameters
    ----------
    run_id : str
        An id, a beginning that only one id has, "latest" for the newest run, or "MODEL@latest" for the newest of a model.
    runs : path
        Folder of the runs.

    Raises
    ------
    UsageError
        If several ids begin so.
    StoreError
        If there is no such run, or its record is damaged.
    """
    return open_run(run_id, runs)


def list_runs(*, runs: str | Path = "runs") -> RunResults:
    """Read all runs in a folder, newest first; `problems` names runs that can't be read, or whose predictions can't.

    Raises
    ------
    StoreError
        If there is no such folder; the default, ./runs, needn't exist.
    """
    (store,) = open_stores(None if Path(runs) == Path("runs") else runs)
    records, problems = store.scan()
    results = [RunResult(record, store) for record in records]
    return RunResults(results, [*problems, *(problem for result in results for problem in result.problems)])


def remove_runs(
    run_ids: str | RunResult | Iterable[str | RunResult],
    *,
    runs: str | Path = "runs",
    each: Callable[[str], object] | None = None,
) -> None:
    """Remove runs permanently; all ids are checked before any run is removed.

    Parameters
    ----------
    run_ids : str or RunResult, or an iterable of them
        Ids as in `load_run`.
    runs : path
        Where runs that are given by their ids are kept.
    each : callable, optional
        Called with each id after its run is removed.
    """
    several = [run_ids] if isinstance(run_ids, str | RunResult) else list(run_ids)
    named = [(one.store, one.id) if isinstance(one, RunResult) else find_run([RunStore(Path(runs))], one) for one in several]
    pairs = dict.fromkeys(named)
    for store, run_id in pairs:
        store.folder(run_id)
    for store, run_id in pairs:
        store.remove(run_id)
        if each is not None:
            each(run_id)

"""Experiments in a file, for `genrebench.door.running.run`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genrebench.door.clusters import on_cluster
from genrebench.door.folders import Progress
from genrebench.door.opening import Say, join_first_process, open_models, open_observers, open_seeds, open_session, open_task
from genrebench.door.running import run_jobs
from genrebench.experiments import config
from genrebench.experiments.config import Experiment
from genrebench.plugin.observers import Observer
from genrebench.records import Excerpt
from genrebench.runs.job import Job
from genrebench.runs.result import RunResult, RunResults
from genrebench.runs.store import RunStore
from genrebench.session import Session


def run_experiment(
    experiment: str | Path | Experiment,
    *,
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
    """Run the models of an experiment on each of its datasets, with all its seeds.

    Parameters
    ----------
    experiment : path or Experiment
        A TOML file; see `genrebench.experiments.config`. It is kept in the record of each run, as the fact "experiment".
    resume, runs, device, devices, workers, jobs, cluster, cache, progress, say, each, follow_links, observe
        As in `run`.

    Returns
    -------
    RunResults
        In the order of datasets, models and seeds.

    Raises
    ------
    GenrebenchError
        If the file or a value in it is invalid, before anything runs.
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
    session, _ = open_observers(observe, None, session)
    with on_cluster(cluster, session) as session:
        all_jobs = jobs_of(experiment, session)
        return run_jobs(all_jobs, RunStore(Path(runs)), session, resume=resume, silent=say is None, each=each)


def jobs_of(experiment: str | Path | Experiment, session: Session) -> list[Job]:
    """The jobs of an experiment, in the order of datasets, models and seeds."""
    if not isinstance(experiment, Experiment):
        experiment = config.read(Path(experiment))
    hosted = open_models(list(experiment.models), experiment.models, session)
    join_first_process(hosted, session)
    jobs = []
    for dataset in experiment.datasets:
        task = open_task(
            experiment.place(dataset),
            session,
            split=experiment.split,
            split_file=experiment.folds,
            split_seed=experiment.split_seed,
            excerpt=experiment.excerpt,
            exclude=experiment.exclusions,
            extra_training=None if experiment.extra_training is None else experiment.place(experiment.extra_training),
            segments=experiment.segments,
        )
        kept = experiment.to_json()
        jobs += [Job(task, model, seed, experiment.calibrate, kept) for model in hosted for seed in experiment.seeds]
    return jobs


def write_experiment(
    file: str | Path,
    models: Any,
    dataset: str | Path = "demo",
    *,
    split: str | None = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | None = None,
    extra_training: str | Path | None = None,
    segments: str = "together",
    seed: int | None = None,
    seeds: Iterable[int] | None = None,
    options: Mapping[str, Any] | None = None,
    calibrate: bool = False,
) -> Experiment:
    """Write the arguments of `run` as a file for `run_experiment`.

    Parameters
    ----------
    file : path
        The TOML file to write.
    models : str or list of str
        Names of installed models.
    dataset, split, split_file, split_seed, excerpt, exclude, extra_training, segments, seed, seeds, options, calibrate
        As in `run`.
    """
    hosted = open_models(models, options, open_session(devices=None))
    given = {model.name: {**(options or {}), **dict((options or {}).get(model.name, {}))} for model in hosted}
    experiment = Experiment(
        models={
            model.name: {key: value for key, value in model.option_values.items() if key in given[model.name]}
            for model in hosted
        },
        datasets=(str(dataset),),
        split=split,
        split_file=None if split_file is None else str(split_file),
        split_seed=split_seed,
        excerpt=30 if (length := Excerpt.parse(excerpt).seconds) == 30 else "whole" if length is None else length,
        exclude=None if exclude is None else str(exclude),
        extra_training=None if extra_training is None else str(extra_training),
        segments=segments,
        seeds=tuple(open_seeds(seed, seeds)),
        calibrate=calibrate,
    )
    experiment.write(Path(file))
    return experiment

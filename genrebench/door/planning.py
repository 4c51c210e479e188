"""What runs will need, before they are done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genrebench.door.experiment_files import jobs_of
from genrebench.door.folders import Progress
from genrebench.door.opening import Say, open_models, open_seeds, open_session, open_task
from genrebench.door.splits import Split
from genrebench.experiments.config import Experiment
from genrebench.records import Dataset, Exclusion, Task
from genrebench.runs.job import Job
from genrebench.runs.needs import Needs, needs_of
from genrebench.runs.store import RunStore


def needs(
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
    runs: str | Path = "runs",
    device: str = "auto",
    workers: int | None = None,
    jobs: int = 1,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Needs:
    """Say what `run` will need with these arguments: time, disk, memory, and what is cached already.

    Times are those measured on this machine: of earlier runs in `runs`, and of the inputs of a few clips, which are computed
    now and kept in the cache. Runs that have finished need nothing, as with ``resume=True``.

    Parameters
    ----------
    models : as in `run`, or Experiment or path of its TOML file
        With an experiment, the task, the options and the seeds are its own.
    dataset, split, split_file, split_seed, excerpt, exclude, extra_training, segments, seed, seeds, options, calibrate
        As in `run`.
    runs, device, workers, jobs, progress, say, follow_links
        As in `run`.

    Raises
    ------
    GenrebenchError
        As in `run`.
    """
    session = open_session(device=device, workers=workers, jobs=jobs, progress=progress, say=say, follow_links=follow_links)
    if isinstance(models, Experiment) or (isinstance(models, str | Path) and str(models).endswith(".toml")):
        all_jobs = jobs_of(models, session)
    else:
        hosted = open_models(models, options, session)
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
        all_jobs = [Job(task, model, number, calibrate) for model in hosted for number in open_seeds(seed, seeds)]
    for job in all_jobs:
        job.check(session)
    return needs_of(all_jobs, RunStore(Path(runs)), session)

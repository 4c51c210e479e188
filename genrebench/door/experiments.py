"""Experiments that need several runs, or that evaluate one run under several conditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genrebench.door.clusters import on_cluster
from genrebench.door.folders import Progress
from genrebench.door.opening import Say, open_models, open_seeds, open_session, open_task
from genrebench.door.splits import Split
from genrebench.errors import UsageError
from genrebench.experiments.ablation.ablate import SECONDS
from genrebench.experiments.ablation.outcome import Ablation
from genrebench.experiments.ablation.run import ablate_run, check_ablation
from genrebench.experiments.leakage import measure
from genrebench.experiments.leakage.outcome import Leakage
from genrebench.records import Dataset, Exclusion, Task
from genrebench.runs.grid import finished_runs
from genrebench.runs.job import Job
from genrebench.runs.store import RunStore


def leakage(
    model: Any,
    dataset: str | Path | Dataset | Task = "demo",
    *,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    draws: int = 3,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    segments: str = "together",
    seed: int | None = None,
    seeds: Iterable[int] | None = None,
    options: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    device: str = "auto",
    workers: int | None = None,
    jobs: int = 1,
    cluster: str | None = None,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Leakage:
    """Measure how much a model gains if the same artists are in training and test.

    The test set is the same for two training sets of the same size and genre counts: one without and one with other tracks of
    the test artists. This is repeated with other test artists, so that interval and test include the variance between artists,
    training sets and trainings. The runs are stored in RUNS/.leakage and aren't on any board; finished runs there are reused.

    Parameters
    ----------
    model : str, ModelSpec or scikit-learn classifier
    split_file : path, optional
        A file with a split, whose tracks alone are used, such as those of a paper; parts and folds in it don't matter here.
    draws : int
        How often test artists are drawn, with split seeds `split_seed`, `split_seed` + 1 and so on. Each takes two runs per
        seed.
    dataset, split_seed, excerpt, exclude, segments, seed, seeds, options
        As in `run`.
    runs, device, workers, jobs, cluster, progress, say, follow_links
        As in `run`.

    Raises
    ------
    UsageError
        If no artist is known, or no genre has enough artists.
    RunError
        If a run fails.
    """
    if not isinstance(draws, int) or isinstance(draws, bool) or draws < 1:
        raise UsageError(f"draws = {draws!r} isn't a positive number; give 3, for instance")
    session = open_session(device=device, workers=workers, jobs=jobs, progress=progress, say=say, follow_links=follow_links)
    (hosted,) = open_models([model], options, session)
    all_seeds = open_seeds(seed, seeds)
    with on_cluster(cluster, session) as session:
        task = open_task(
            dataset,
            session,
            split=None if split_file is not None or isinstance(dataset, Task) else "stratified",
            split_file=split_file,
            split_seed=split_seed,
            excerpt=excerpt,
            exclude=exclude,
            segments=segments,
        )
        return measure.measure(task, hosted, all_seeds, RunStore(measure.folder(Path(runs))), session, draws=draws)


def ablate(
    model: Any,
    dataset: str | Path | Dataset | Task = "demo",
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    segments: str = "together",
    seed: int | None = None,
    options: Mapping[str, Any] | None = None,
    seconds: Sequence[float] = SECONDS,
    runs: str | Path = "runs",
    device: str = "auto",
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Ablation:
    """Score a trained run on its test tracks in order, shuffled, reversed and shortened.

    A finished run of the same job is used if there is one; otherwise the model is run first. Frames are shuffled one by one,
    waveforms in segments of 50 ms.

    Parameters
    ----------
    model : str or ModelSpec
        A model with frames or waveforms as input.
    dataset, split, split_file, split_seed, excerpt, exclude, segments, seed, options
        As in `run`.
    runs, device, workers, cluster, progress, say, follow_links
        As in `run`.
    seconds : sequence of float
        Also score tracks shortened to their first 1, 3, ... seconds.

    Raises
    ------
    UsageError
        If the model's input has no temporal order, or the split has no test tracks.
    RunError
        If the run fails.
    """
    session = open_session(device=device, workers=workers, progress=progress, say=say, follow_links=follow_links)
    (hosted,) = open_models([model], options, session)
    with on_cluster(cluster, session) as session:
        task = open_task(
            dataset,
            session,
            split=split,
            split_file=split_file,
            split_seed=split_seed,
            excerpt=excerpt,
            exclude=exclude,
            segments=segments,
        )
        job, store = Job(task, hosted, open_seeds(seed, None)[0]), RunStore(Path(runs))
        check_ablation(job, session, seconds)
        run = finished_runs([job], store, session)[0]
        return ablate_run(run, job, store, session, seconds=seconds)

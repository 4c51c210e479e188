"""`genrebench run`: fit models on a task and keep the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, echo, fail, number, print_json, print_table, say, warn
from genrebench.errors import GenrebenchError, UsageError

if TYPE_CHECKING:
    from genrebench.records import Run
    from genrebench.runs.reproduce import Reproduction


def command(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL...", help="Models to run, see 'genrebench plugins list'.")
    ] = None,
    dataset: _task.DatasetOption = "demo",
    split: _task.SplitOption = None,
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    seed: _task.SeedOption = None,
    seeds: _task.SeedsOption = None,
    settings: _task.SettingsOption = None,
    device: _task.DeviceOption = "auto",
    runs: _task.RunsOption = Path("runs"),
    extra_training: Annotated[
        str | None,
        typer.Option("--extra-training", metavar="DATASET", help="Add training tracks of small genres from a larger dataset."),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Scale the probabilities by a temperature fitted on the validation part.")
    ] = False,
    like: Annotated[
        str | None, typer.Option("--like", metavar="RUN_ID", help="Repeat a run from its record; give no model then.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted; skip what has finished.")] = False,
    workers: _task.WorkersOption = None,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="Decode audio at each access instead of once into the cache: less disk, more time."),
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Fit models, score them on the task's test tracks and keep the runs.

    Example: genrebench run svm-baseline --dataset ./my-music --seeds 0,1,2
    """
    from genrebench.plugin.options import parse_options
    from genrebench.plugin.registry import registry
    from genrebench.runs import reproduce as reproduction
    from genrebench.runs import runner
    from genrebench.runs.store import RunStore

    found, store = registry(), RunStore(runs)
    around = _task.session(found, device, workers, cached=not no_cache)
    original = store.load(like) if like else None
    if original is not None:
        repeat = reproduction.recipe(original)
        others = (models, settings, seeds, split, exclude, extra_training, calibrate, split_seed, excerpt != "30")
        if any(others) or seed is not None:
            raise UsageError(
                "--like repeats a run as it was: beside it go only --dataset, --runs, --device, --workers, --no-cache, --resume"
            )
        source = repeat.dataset if dataset == "demo" else dataset
        task = _task.make_task(
            found, source, repeat.split, repeat.split_seed, repeat.excerpt, repeat.exclude, repeat.extra_training
        )
        offers, all_seeds, calibrate = {repeat.model: found.model(repeat.model)}, [repeat.seed], repeat.calibrate
        options = {repeat.model: parse_options(repeat.model, offers[repeat.model].spec.options, repeat.options)}
    else:
        if not models:
            raise UsageError("name a model to run; 'genrebench plugins list' shows the installed ones")
        offers = {name: found.model(name) for name in models}
        chosen = _task.parse_settings(models, settings or [])
        options = {name: parse_options(name, offer.spec.options, chosen[name]) for name, offer in offers.items()}
        all_seeds = _task.parse_seeds(seed, seeds)
        task = _task.make_task(found, dataset, split, split_seed, excerpt, exclude, extra_training)
    for name, offer in offers.items():
        runner.refuse_unfit(task, offer, options[name], around)
    finished: list[Run] = []
    stopped: BaseException | None = None
    try:
        finished.extend(
            runner.run(task, offer, options[name], one, store, around, resume=resume, calibrate=calibrate)
            for name, offer in offers.items()
            for one in all_seeds
        )
    except (GenrebenchError, KeyboardInterrupt) as error:  # what has finished is told all the same
        stopped = error
    if isinstance(stopped, KeyboardInterrupt):
        say("what is done is kept: the same command with --resume goes on from there")
    if stopped is not None and not finished:
        raise stopped
    if form is Format.json:
        print_json([as_json(run) for run in finished])
    else:
        print_runs(finished, runs)
    if original is not None and finished[0].status == "finished":
        _print_reproduction(reproduction.compare(original, finished[0]))
    failed = [run for run in finished if run.status != "finished"]
    for run in failed:
        fail(f"run {run.id} failed: {run.error}; the traceback is in {runs / run.id / 'error.txt'}", 1)
    if stopped is not None:
        raise stopped
    if failed:
        raise typer.Exit(1)


def as_json(run: Run) -> dict[str, Any]:
    """Return a run in the contract's keys."""
    metrics = run.metrics or dict.fromkeys(("log_loss", "f1_micro", "f1_macro", "f1_weighted", "calibration_error"))
    return {
        "run_id": run.id,
        "status": run.status,
        "task": run.task,
        "model": run.model,
        "seed": run.seed,
        "metrics": metrics,
        "timings": run.timings,
        "peak_rss_mb": run.peak_rss_mb,
        "environment": run.environment,
        "facts": run.facts,
        "started": run.started,
        "error": run.error,
    }


def _print_reproduction(found: Reproduction) -> None:
    """Say on stderr what differs from the original run."""
    if not found.same_task:
        warn(f"the data of {found.original} were others, or cut otherwise: the scores don't compare")
    for name, (before, after) in found.environment.items():
        say(f"{name}: {before or 'absent'} then, {after or 'absent'} now")
    for name, (was, now) in found.scores.items():
        say(f"{name}: {was:.6f} then, {now:.6f} now")
    say(f"the scores {'agree' if found.agree else 'do not agree'} with {found.original}")


def print_runs(finished: list[Run], folder: Path) -> None:
    """Print runs of one task as a table."""
    from genrebench.boards.comparability import split_title

    task = finished[0].task
    made = " (synthetic music)" if task["synthetic"] else ""
    title = (
        f"{task['dataset']}{made}, split {split_title(task)}: {task['n_training']} training, "
        f"{task['n_validation']} validation, {task['n_test']} test tracks, {len(task['genres'])} genres"
    )
    columns = ("run", "model", "seed", "status", "log loss", "F1 micro", "F1 macro", "inputs s", "fit s", "predict s")
    rows = []
    for run in finished:
        metrics = run.metrics or {}
        scores = [number(metrics.get(name)) for name in ("log_loss", "f1_micro", "f1_macro")]
        times = [number(run.timings.get(name), 1) for name in ("inputs_s", "fit_s", "predict_s")]
        rows.append((run.id, run.model["name"], run.seed, run.status, *scores, *times))
    print_table(title, columns, rows, right=columns[4:])
    if not task["n_test"]:
        echo("The split has no test tracks, so there are no scores and no row on a board.")
    elif any(run.status == "finished" for run in finished):
        where = "" if folder == Path("runs") else f" --runs {folder}"
        echo(f"Next: genrebench leaderboard{where}")

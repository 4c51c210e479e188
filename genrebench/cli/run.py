"""`genrebench run`: fit models on a task and keep the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, fail, number, print_json, print_table
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from genrebench.records import Run


def command(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Models to run, see 'genrebench plugins list'.")],
    dataset: _task.DatasetOption = "demo",
    split: _task.SplitOption = None,
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the model. [default: 0]")] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Several seeds, 0,1,2: a run each, one row on the board.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[MODEL.]KEY=VALUE", help="Set an option of the models; may be repeated."),
    ] = None,
    device: _task.DeviceOption = "auto",
    runs: _task.RunsOption = Path("runs"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted; skip what has finished.")] = False,
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Fit models, score them on the task's test tracks and keep the runs.

    Example: genrebench run svm-baseline --dataset ./my-music --seeds 0,1,2
    """
    from genrebench import runner
    from genrebench.options import parse_options
    from genrebench.plugins import registry
    from genrebench.store import RunStore

    found = registry()
    offers = {name: found.model(name) for name in models}
    chosen = parse_settings(models, settings or [])
    options = {name: parse_options(name, offer.spec.options, chosen[name]) for name, offer in offers.items()}
    all_seeds = _seeds(seed, seeds)
    around = _task.surroundings(found, device, workers)
    task = _task.make_task(found, dataset, split, split_seed, excerpt, exclude)
    store = RunStore(runs)
    finished = [
        runner.run(task, offer, options[name], number_, store, around, resume=resume)
        for name, offer in offers.items()
        for number_ in all_seeds
    ]
    if form is Format.json:
        print_json([as_json(run) for run in finished])
    else:
        print_runs(finished, runs)
    failed = [run for run in finished if run.status != "finished"]
    for run in failed:
        fail(f"run {run.id} failed: {run.error}", 1)
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


def print_runs(finished: list[Run], folder: Path) -> None:
    """Print runs of one task as a table."""
    task = finished[0].task
    made = " (synthetic music)" if task["synthetic"] else ""
    title = (
        f"{task['dataset']}{made}, split {task['split']}: {task['n_training']} training, {task['n_validation']} validation, "
        f"{task['n_test']} test tracks, {len(task['genres'])} genres"
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
        typer.echo("The split has no test tracks, so there are no scores and no row on a board.")
    elif any(run.status == "finished" for run in finished):
        where = "" if folder == Path("runs") else f" --runs {folder}"
        typer.echo(f"Next: genrebench leaderboard{where}")


def _seeds(seed: int | None, seeds: str | None) -> list[int]:
    if seeds is None:
        return [seed or 0]
    if seed is not None:
        raise UsageError("give --seed or --seeds, not both")
    try:
        result = [int(part) for part in seeds.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {seeds!r} is no list of whole numbers such as 0,1,2") from None
    if min(result) < 0:
        raise UsageError(f"--seeds {seeds!r} holds a negative number; seeds are 0 or more")
    return list(dict.fromkeys(result))


def parse_settings(models: list[str], settings: list[str]) -> dict[str, dict[str, str]]:
    """Sort KEY=VALUE and MODEL.KEY=VALUE by model."""
    result: dict[str, dict[str, str]] = {name: {} for name in models}
    for text in settings:
        key, equals, value = text.partition("=")
        owner, dot, name = key.partition(".")
        if not equals or not key:
            raise UsageError(f"--set {text!r} is not of the form KEY=VALUE or MODEL.KEY=VALUE")
        if dot and owner not in result:
            raise UsageError(f"--set {text!r}: {owner!r} is not among the models of this command ({', '.join(models)})")
        for model in [owner] if dot else models:
            result[model][name if dot else key] = value
    return result

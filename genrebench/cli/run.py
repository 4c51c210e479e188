"""`genrebench run`: fit models on a task and keep the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, echo, fail, print_json, print_tables, say
from genrebench.errors import GenrebenchError, UsageError

if TYPE_CHECKING:
    from genrebench.runs.result import RunResult, RunResults


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
        str | None, typer.Option("--like", metavar="RUN_ID", help="The old name of 'genrebench reproduce RUN_ID'.")
    ] = None,
    resume: _task.ResumeOption = False,
    workers: _task.WorkersOption = None,
    no_cache: _task.NoCacheOption = False,
    form: FormatOption = Format.table,
) -> None:
    """Fit models, score them on the task's test tracks and keep the runs.

    Example: genrebench run svm-baseline --dataset ./my-music --seeds 0,1,2
    """
    import genrebench as gb

    if like is not None:
        others = (models, settings, seeds, split, exclude, extra_training, calibrate, split_seed, excerpt != "30")
        if any(others) or seed is not None:
            raise UsageError(
                "--like repeats a run as it was: beside it go only --dataset, --runs, --device, --workers, --no-cache, --resume"
            )
        say(f"--like is now a command of its own: genrebench reproduce {like}")
        source = None if dataset == "demo" else dataset
        outcome = gb.reproduce(
            like,
            dataset=source,
            runs=runs,
            resume=resume,
            device=device,
            workers=workers,
            cache=not no_cache,
            **_task.watched(),
        )
        show([outcome.repeated], runs, form)
        for note in outcome.notes():
            say(note)
        exit_code([outcome.repeated], runs)
        return
    if not models:
        raise UsageError("name a model to run; 'genrebench plugins list' shows the installed ones")
    finished: list[RunResult] = []
    stopped: BaseException | None = None
    try:
        gb.run(
            models,
            dataset,
            split=split,
            split_seed=split_seed,
            excerpt=excerpt,
            exclude=_task.exclusions(exclude),
            extra_training=extra_training,
            seed=seed,
            seeds=_task.parse_seeds(seeds),
            options=_task.parse_settings(models, settings),
            calibrate=calibrate,
            resume=resume,
            runs=runs,
            device=device,
            workers=workers,
            cache=not no_cache,
            each=finished.append,
            **_task.watched(),
        )
    except (GenrebenchError, KeyboardInterrupt) as error:  # what has finished is shown all the same
        stopped = error
    if isinstance(stopped, KeyboardInterrupt):
        say("what is done is kept: the same command with --resume goes on from there")
    if stopped is not None and not finished:
        raise stopped
    show(finished, runs, form)
    if stopped is not None:
        raise stopped
    exit_code(finished, runs)


def show(finished: list[RunResult], folder: Path, form: Format) -> None:
    """Print runs of one task, and what to do next."""
    from genrebench.runs.result import RunResults

    results: RunResults = RunResults(finished)
    if form is Format.json:
        print_json(results.to_json())
        return
    print_tables(results.tables())
    if not finished[0].record.task.n_test:
        echo("The split has no test tracks, so there are no scores and no row on a board.")
    elif any(result.status == "finished" for result in finished):
        where = "" if folder == Path("runs") else f" --runs {folder}"
        echo(f"Next: genrebench leaderboard{where}")


def exit_code(finished: list[RunResult], folder: Path) -> None:
    """Name the runs that failed; exit code 1 if there is one."""
    failed = [result.record for result in finished if result.status != "finished"]
    for run in failed:
        fail(f"run {run.id} failed: {run.error}; the traceback is in {folder / run.id / 'error.txt'}", 1)
    if failed:
        raise typer.Exit(1)

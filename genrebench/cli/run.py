"""`genrebench run`: fit and score models on a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _complete, _task
from genrebench.cli._output import Format, FormatOption, echo, fail, print_json, print_result, print_text, say
from genrebench.errors import GenrebenchError, UsageError

if TYPE_CHECKING:
    from genrebench.runs.result import RunResult, RunResults


def command(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL...",
            autocompletion=_complete.models,
            help="Models to run, see 'genrebench plugins list'; files such as ./model.py.",
        ),
    ] = None,
    dataset: _task.DatasetOption = "demo",
    split: _task.SplitOption = None,
    split_file: _task.SplitFileOption = None,
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    follow_links: _task.FollowLinksOption = False,
    segments: _task.SegmentsOption = "together",
    seed: _task.SeedOption = None,
    seeds: _task.SeedsOption = None,
    settings: _task.SettingsOption = None,
    device: _task.DeviceOption = "auto",
    devices: _task.DevicesOption = None,
    runs: _task.RunsOption = Path("runs"),
    extra_training: _task.ExtraTrainingOption = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Calibrate probabilities with a temperature fitted on the validation tracks.")
    ] = False,
    like: Annotated[
        str | None,
        typer.Option(
            "--like", metavar="RUN_ID", autocompletion=_complete.runs, help="Old name of 'genrebench reproduce RUN_ID'."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE.toml", help="Run the experiment in this file: datasets, split, models, seeds."),
    ] = None,
    save_config: Annotated[
        Path | None,
        typer.Option(
            "--save-config", metavar="FILE.toml", help="Write this command as an experiment for --config, and run it."
        ),
    ] = None,
    resume: _task.ResumeOption = False,
    workers: _task.WorkersOption = None,
    jobs: _task.JobsOption = 1,
    cluster: _task.ClusterOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the runs will need: time, disk, memory, and what is cached already.")
    ] = False,
    no_cache: _task.NoCacheOption = False,
    observe: Annotated[
        list[str] | None,
        typer.Option("--observe", metavar="NAME", help="Follow the runs with an observer, such as mlflow; may be repeated."),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Fit models, score them on the test tracks and record the runs.

    Example: genrebench run svm-baseline --dataset ./my-music --seeds 0,1,2
    """
    import genrebench as gb

    if like is not None:
        others = (models, settings, seeds, split, split_file, exclude, extra_training, calibrate, split_seed)
        if any(others) or (excerpt, segments) != ("30", "together") or seed is not None:
            raise UsageError(
                "--like reproduces a run as it was; it can only be combined with --dataset, --runs, --device, --devices, "
                "--workers, --no-cache, --follow-links and --resume"
            )
        say(f"--like has been replaced by a command: genrebench reproduce {like}")
        source = None if dataset == "demo" else dataset
        result = gb.reproduce(
            like,
            dataset=source,
            runs=runs,
            resume=resume,
            device=device,
            devices=devices,
            workers=workers,
            cache=not no_cache,
            follow_links=follow_links,
            **_task.terminal(),
        )
        show([result.repeated], runs, form)
        for note in result.notes():
            say(note)
        exit_code([result.repeated], runs)
        return
    if config is not None:
        said = (models, settings, seeds, split, split_file, exclude, extra_training, calibrate, split_seed, save_config)
        if any(said) or (dataset, excerpt, segments) != ("demo", "30", "together") or seed is not None:
            raise UsageError(
                "--config says what is run; it can only be combined with --runs, --device, --devices, --workers, --jobs, "
                "--cluster, --no-cache, --follow-links, --resume and --format"
            )
    elif not models:
        raise UsageError("name a model to run; list the installed models with 'genrebench plugins list'")
    finished: list[RunResult] = []
    stopped: BaseException | None = None
    machine: dict[str, Any] = {
        "resume": resume,
        "runs": runs,
        "device": device,
        "devices": devices,
        "workers": workers,
        "jobs": jobs,
        "cluster": cluster,
        "observe": observe or (),
        "cache": not no_cache,
        "follow_links": follow_links,
        "each": finished.append,
        **_task.terminal(),
    }
    experiment: dict[str, Any] = {
        "split": split,
        "split_file": split_file,
        "split_seed": split_seed,
        "excerpt": excerpt,
        "exclude": exclude,
        "segments": segments,
        "extra_training": extra_training,
        "seed": seed,
        "seeds": _task.parse_seeds(seeds),
        "options": _task.parse_settings(models or [], settings, observe or []),
        "calibrate": calibrate,
    }
    if save_config is not None:
        gb.write_experiment(save_config, models, dataset, **experiment)
        say(f"wrote {save_config}; repeat it with: genrebench run --config {save_config}")
    if dry_run:
        asked = {name: machine[name] for name in ("runs", "device", "workers", "jobs", "follow_links", "progress", "say")}
        if config is not None:
            print_result(gb.needs(config, **asked), form)
        else:
            print_result(gb.needs(models, dataset, **experiment, **asked), form)
        return
    try:
        if config is not None:
            finished = list(gb.run_experiment(config, **machine))
        else:
            finished = list(gb.run(models, dataset, **experiment, **machine))
    except (GenrebenchError, KeyboardInterrupt) as error:  # finished runs are still shown
        stopped = error
    if isinstance(stopped, KeyboardInterrupt):
        say("completed work is saved; the same command with --resume continues from there")
    if stopped is not None and not finished:
        raise stopped
    show(finished, runs, form)
    if stopped is not None:
        raise stopped
    exit_code(finished, runs)


def show(finished: list[RunResult], folder: Path, form: Format) -> None:
    """Print runs, what their scores mean, and the next step."""
    import genrebench as gb
    from genrebench.runs.result import RunResults

    results: RunResults = RunResults(finished)
    if form is Format.json:
        print_json(results.to_json())
        return
    print_result(results)
    if not any(result.record.task.n_test for result in finished):
        print_text("The split has no test tracks, so there are no scores and no row on a board.")
        return
    for summary in gb.summarise_runs(finished):
        echo()
        print_result(summary)
    models = list(dict.fromkeys(result.record.model.name for result in finished if result.status == "finished"))
    if models:
        option = "" if folder == Path("runs") else f" --runs {folder}"
        compared = f", or genrebench compare {' '.join(models[:2])}{option}" if len(models) > 1 else ""
        echo()
        print_text(f"Next: genrebench leaderboard{option}{compared}")


def exit_code(finished: list[RunResult], folder: Path) -> None:
    """Print the errors of failed runs, and exit with code 1 if there are any."""
    failed = [result.record for result in finished if result.status != "finished"]
    for run in failed:
        fail(f"run {run.id} failed: {run.error}; the traceback is in {folder / run.id / 'error.txt'}", 1)
    if failed:
        raise typer.Exit(1)

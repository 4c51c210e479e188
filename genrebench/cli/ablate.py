"""`genrebench ablate`: does order in time matter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _task, _timeline
from genrebench.cli._output import Format, FormatOption, clean, echo, number, print_json, print_table, say
from genrebench.errors import RunError, UsageError

if TYPE_CHECKING:
    from genrebench.experiments.ablation.outcome import Ablation
    from genrebench.records import Run


def command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model of frames or waveforms.")],
    dataset: _task.DatasetOption = "demo",
    split: _task.SplitOption = None,
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    seed: _task.SeedOption = None,
    settings: _task.SettingsOption = None,
    seconds: Annotated[str, typer.Option("--seconds", help="Also score the first so many seconds of each track.")] = "1,3,10",
    figure: Annotated[Path | None, typer.Option("--figure", help="Write a figure: .png, .svg or .pdf.")] = None,
    device: _task.DeviceOption = "auto",
    runs: _task.RunsOption = Path("runs"),
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Score one trained run on test tracks in order, shuffled, reversed and cut short.

    A finished run of the same work is used; else the model is run first. Frames are shuffled one by one, waveforms in segments
    of 50 ms.
    """
    from genrebench.experiments.ablation import run as rescoring
    from genrebench.plugin.options import parse_options
    from genrebench.plugin.registry import registry
    from genrebench.runs import runner
    from genrebench.runs.store import RunStore

    lengths = _lengths(seconds)
    if figure is not None:
        _timeline.require_suffix(figure)
    found, store = registry(), RunStore(runs)
    offer = found.model(model)
    options = parse_options(model, offer.spec.options, _task.parse_settings([model], settings or [])[model])
    around = _task.session(found, device, workers)
    task = _task.make_task(found, dataset, split, split_seed, excerpt, exclude)
    rescoring.refuse_unfit(task, offer, options, lengths)
    runner.refuse_unfit(task, offer, options, around)
    run = runner.run(task, offer, options, seed or 0, store, around, resume=True)
    if run.status != "finished":
        raise RunError(f"run {run.id} failed: {run.error}")
    outcome = rescoring.ablate_run(run, task, offer, options, store, around, seconds=lengths)
    if form is Format.json:
        for note in outcome.notes():
            say(note)
        print_json(_as_json(run, outcome))
    else:
        _print(run, outcome)
    if figure is not None:
        _draw(figure, run, outcome)


def _as_json(run: Run, outcome: Ablation) -> dict[str, Any]:
    from genrebench.boards.comparability import without_tracks

    return {
        "run_id": run.id,
        "task": without_tracks(run.task),
        "model": run.model,
        "seed": run.seed,
        **outcome.to_json(),
    }


def _title(run: Run, outcome: Ablation) -> tuple[str, str]:
    """What was ablated, and how."""
    from genrebench.boards.comparability import split_title

    made = " (synthetic music)" if run.task["synthetic"] else ""
    return (
        f"{run.model['name']} on {run.task['dataset']}{made}, split {split_title(run.task)}",
        f"run {run.id}, seed {run.seed}: {outcome.n_tracks} test tracks; shuffled: {outcome.shuffled}",
    )


def _print(run: Run, outcome: Ablation) -> None:
    rows = [
        (
            row.condition,
            number(row.log_loss),
            "" if row is outcome.rows[0] else f"{row.log_loss_difference:+.3f} ± {row.log_loss_error:.3f}",
            number(row.f1_micro),
            "" if row is outcome.rows[0] else f"{row.f1_micro_difference:+.3f} ± {row.f1_micro_error:.3f}",
        )
        for row in outcome.rows
    ]
    rows += [(found.name, number(found.log_loss), "", number(found.f1_micro), "") for found in outcome.references]
    columns = ("tracks", "log loss", "change", "F1 micro", "change of F1")
    print_table(", ".join(_title(run, outcome)), columns, rows, right=columns[1:])
    for line in (f"±: {outcome.error}.", *outcome.notes()):
        echo(line)


def _draw(out: Path, run: Run, outcome: Ablation) -> None:
    from genrebench.experiments.ablation import figure

    try:
        figure.draw(outcome, "\n".join(map(clean, _title(run, outcome)))).savefig(out, dpi=120)
    except OSError as error:
        raise UsageError(f"can't write the figure {str(out)!r}: {error.strerror or error}") from None


def _lengths(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--seconds {text!r} is no list of numbers such as 1,3,10") from None

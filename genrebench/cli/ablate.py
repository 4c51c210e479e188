"""`genrebench ablate`: does order in time matter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, number, print_json, print_table
from genrebench.errors import RunError, UsageError


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
    from genrebench import ablation, rescoring, runner
    from genrebench.options import parse_options
    from genrebench.plugins import registry
    from genrebench.store import RunStore

    lengths = _lengths(seconds)
    found, store = registry(), RunStore(runs)
    offer = found.model(model)
    options = parse_options(model, offer.spec.options, _task.parse_settings([model], settings or [])[model])
    rescoring.refuse_tables(offer, options)
    around = _task.surroundings(found, device, workers)
    task = _task.make_task(found, dataset, split, split_seed, excerpt, exclude)
    run = runner.run(task, offer, options, seed or 0, store, around, resume=True)
    if run.status != "finished":
        raise RunError(f"run {run.id} failed: {run.error}")
    outcome = rescoring.ablate_run(run, task, offer, options, store, around, seconds=lengths)
    if figure is not None:
        try:
            ablation.figure(outcome).savefig(figure, dpi=120)
        except (OSError, ValueError) as error:
            raise UsageError(f"can't write the figure {str(figure)!r}: {error}") from None
    if form is Format.json:
        print_json({"run_id": run.id, "model": model, **outcome.to_json()})
        return
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
    made = " (synthetic music)" if task.dataset.synthetic else ""
    title = f"{model} on {task.dataset.name}{made}: {outcome.n_tracks} test tracks, shuffled by {outcome.shuffled}"
    columns = ("tracks", "log loss", "change", "F1 micro", "change of F1")
    print_table(title, columns, rows, right=columns[1:])


def _lengths(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--seconds {text!r} is no list of numbers such as 1,3,10") from None

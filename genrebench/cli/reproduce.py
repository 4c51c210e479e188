"""`genrebench reproduce`: repeat a run from its record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task, run
from genrebench.cli._output import Format, FormatOption, print_json, print_result


def command(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run to repeat, see 'genrebench runs list'.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Where the dataset is now. [default: where the record says]")
    ] = None,
    runs: _task.RunsOption = Path("runs"),
    device: _task.DeviceOption = "auto",
    resume: _task.ResumeOption = False,
    workers: _task.WorkersOption = None,
    no_cache: _task.NoCacheOption = False,
    form: FormatOption = Format.table,
) -> None:
    """Repeat a run from its record, and say how the environment and the scores differ.

    The repeated run is a run like any other, and stands on the board in the place of the original.
    """
    import genrebench as gb

    outcome = gb.reproduce(
        run_id,
        dataset=dataset,
        runs=runs,
        resume=resume,
        device=device,
        workers=workers,
        cache=not no_cache,
        **_task.watched(),
    )
    if form is Format.json:
        print_json(outcome.to_json())
    else:
        print_result(outcome)
    run.exit_code([outcome.repeated], runs)

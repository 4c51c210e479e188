"""`genrebench reproduce`: reproduce a run from its record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _complete, _task, run
from genrebench.cli._output import Format, FormatOption, print_result


def command(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", autocompletion=_complete.runs, help=_task.RUN_HELP)],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Current location of the dataset. [default: as recorded]")
    ] = None,
    split_file: _task.SplitFileOption = None,
    runs: _task.RunsOption = Path("runs"),
    device: _task.DeviceOption = "auto",
    devices: _task.DevicesOption = None,
    resume: _task.ResumeOption = False,
    workers: _task.WorkersOption = None,
    no_cache: _task.NoCacheOption = False,
    follow_links: _task.FollowLinksOption = False,
    form: FormatOption = Format.table,
) -> None:
    """Reproduce a run from its record, and show the differences in environment and scores.

    The new run is an ordinary run, and replaces the original on the board.
    """
    import genrebench as gb

    result = gb.reproduce(
        run_id,
        dataset=dataset,
        split_file=split_file,
        runs=runs,
        resume=resume,
        device=device,
        devices=devices,
        workers=workers,
        cache=not no_cache,
        follow_links=follow_links,
        **_task.terminal(),
    )
    print_result(result, form)
    run.exit_code([result.repeated], runs)

"""`genrebench submission`: the challenge's file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, print_json, say, warn


def command(
    run_id: Annotated[str, typer.Option("--run", metavar="ID", help="The run whose model predicts.")],
    clips: Annotated[Path, typer.Option("--clips", help="Folder of unlabelled clips, with its subfolders.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write.")],
    runs: _task.RunsOption = Path("runs"),
    device: _task.DeviceOption = "auto",
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Predict a folder of clips into the challenge's format.

    Clips that can't be decoded or are silent are listed and get the frequencies of the training genres; none is dropped.
    """
    import genrebench as gb

    written = gb.write_submission(run_id, clips, out, runs=runs, device=device, workers=workers, **_task.watched())
    if form is Format.json:
        print_json(written.to_json())
        return
    for prediction in written.problems:
        warn(f"{prediction.path}: {prediction.problem}; its row holds the training prior")
    say(f"wrote {len(written.predictions)} rows to {out}, {len(written.problems)} of them with the training prior")

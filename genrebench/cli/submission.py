"""`genrebench submission`: write a submission file for the challenge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, print_json, say, warn


def command(
    run_id: _task.ModelOfRunOption,
    clips: Annotated[Path, typer.Option("--clips", help="Folder of unlabelled clips; subfolders are included.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write.")],
    runs: _task.RunsOption = Path("runs"),
    device: _task.DeviceOption = "auto",
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Classify a folder of clips and write a submission file in the challenge's format.

    Clips that can't be decoded or are silent are listed and get the genre frequencies of the training tracks; none is dropped.
    """
    import genrebench as gb

    written = gb.write_submission(run_id, clips, out, runs=runs, device=device, workers=workers, **_task.terminal())
    if form is Format.json:
        print_json(written.to_json())
        return
    for prediction in written.problems:
        warn(f"{prediction.path}: {prediction.problem}; the genre frequencies of the training tracks are used instead")
    say(
        f"wrote {len(written.predictions)} rows to {out}, "
        f"{len(written.problems)} of them with the genre frequencies of the training tracks"
    )

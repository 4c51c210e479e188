"""`genrebench report`: the boards as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, echo, print_json, warn_all
from genrebench.errors import UsageError


def command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the report; an earlier report there is replaced.")] = Path(
        "report"
    ),
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only this dataset's boards. [default: all]")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only boards of this split.")] = None,
    runs: _task.RunsListOption = None,
    audio: Annotated[
        list[str] | None,
        typer.Option(
            "--audio", metavar="DATASET", help="Copy clips of this dataset beside their predictions; may be repeated."
        ),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Write the boards, a page for each run and one for each comparison, to be opened from disk in any browser."""
    from genrebench import report
    from genrebench.plugin.registry import registry
    from genrebench.runs.store import RunStore

    folders = _task.run_folders(runs)
    clips = {}
    for name in audio or []:
        found = _task.load_dataset(name, registry())
        clips[found.name] = {track.id: track.path for track in found.tracks if track.path is not None}
        if not clips[found.name]:
            raise UsageError(f"{name} has no audio to be heard; leave out --audio {name}")
    page, problems = report.write([RunStore(folder) for folder in folders], out, dataset=dataset, split=split, audio=clips)
    warn_all(problems)
    if form is Format.json:
        print_json({"page": str(page), "problems": problems})
    else:
        echo(f"wrote {page}; open it in a browser")

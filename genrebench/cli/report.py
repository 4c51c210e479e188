"""`genrebench report`: write the HTML report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, print_json, print_text, warn_all


def command(
    out: Annotated[Path, typer.Option("--out", help="Folder of the report; an existing report is replaced.")] = Path("report"),
    dataset: _task.BoardsOfDatasetOption = None,
    split: _task.BoardsOfSplitOption = None,
    runs: _task.RunsListOption = None,
    metrics: _task.MetricsOption = None,
    audio: Annotated[
        list[str] | None,
        typer.Option("--audio", metavar="DATASET", help="Include audio of this dataset in the report; may be repeated."),
    ] = None,
    follow_links: _task.FollowLinksOption = False,
    form: FormatOption = Format.table,
) -> None:
    """Write an HTML report of boards, runs and comparisons, which opens from disk in any browser."""
    import genrebench as gb

    written = gb.write_report(
        out,
        dataset=dataset,
        split=split,
        runs=runs,
        audio=audio or [],
        follow_links=follow_links,
        metrics=_task.parse_metrics(metrics),
        **_task.terminal(),
    )
    warn_all(written.problems)
    if form is Format.json:
        print_json(written.to_json())
    else:
        print_text(f"wrote {written.page}; open it in a browser")

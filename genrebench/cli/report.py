"""`genrebench report`: write the HTML report."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, print_json, print_text, say, warn_all


def command(
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the report; of an existing one the pages that changed are made again.")
    ] = Path("report"),
    dataset: _task.BoardsOfDatasetOption = None,
    split: _task.BoardsOfSplitOption = None,
    runs: _task.RunsListOption = None,
    metrics: _task.MetricsOption = None,
    columns: Annotated[
        str | None, typer.Option("--columns", help="Columns of the boards, as in 'genrebench leaderboard'.")
    ] = None,
    audio: Annotated[
        list[str] | None,
        typer.Option("--audio", metavar="DATASET", help="Include audio of this dataset in the report; may be repeated."),
    ] = None,
    follow_links: _task.FollowLinksOption = False,
    workers: _task.WorkersOption = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    serve: Annotated[
        int | None,
        typer.Option(
            "--serve", metavar="PORT", min=0, max=65535, help="Serve it on this computer, at this port (0: any), until Ctrl-C."
        ),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Write an HTML report of boards, runs and comparisons, which opens from disk in any browser."""
    import genrebench as gb

    with contextlib.ExitStack() as stack:
        served = None if serve is None else stack.enter_context(gb.serve_report(out, serve))
        written = gb.write_report(
            out,
            dataset=dataset,
            split=split,
            runs=runs,
            audio=audio or [],
            follow_links=follow_links,
            metrics=_task.parse_metrics(metrics),
            columns=columns,
            workers=workers,
            **_task.terminal(),
        )
        warn_all(written.problems)
        if form is Format.json:
            print_json(written.to_json())
        else:
            print_text(f"wrote {written.page}" + ("" if open_it or served else "; open it in a browser, or use --open"))
        address = served.address if served else written.page.absolute().as_uri()
        if open_it:
            import webbrowser

            if not webbrowser.open(address):
                say(f"there is no browser here to open {address}")
        if served:
            say(f"serving it at {address} for this computer; Ctrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                served.forever()

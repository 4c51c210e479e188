"""`genrebench leaderboard`: rank the finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import (
    ListFormat,
    ListFormatOption,
    echo,
    markdown,
    print_json,
    print_list,
    print_markdown,
    print_tables,
    say,
    warn_all,
)
from genrebench.tables import printable


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only boards of this dataset. [default: all]")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only boards of this split.")] = None,
    runs: _task.RunsListOption = None,
    metrics: _task.MetricsOption = None,
    references: Annotated[
        bool,
        typer.Option("--references", help="Show all published scores. [default: only those on the dataset of the board]"),
    ] = False,
    form: ListFormatOption = ListFormat.table,
) -> None:
    """Rank the finished runs, with one board per task, since only scores on the same task are comparable."""
    import genrebench as gb

    boards = gb.leaderboard(dataset, split=split, runs=runs, references=references, metrics=_task.parse_metrics(metrics))
    warn_all(boards.problems)
    if form is ListFormat.json:
        print_json(boards.to_json())
        return
    if not boards:
        where = f" on {dataset}" if dataset else ""
        folders = ", ".join(repr(str(folder)) for folder in runs or [Path("runs")])
        say(f"there are no finished runs{where} in {folders}; start with: genrebench run svm-baseline")
    if form is ListFormat.csv:
        print_list(form, boards.to_table())
        return
    for board in boards:
        for table in board.tables():
            if form is ListFormat.md:
                echo(f"### {markdown(table.title or '')}\n")
                print_markdown(table)
                echo()
            else:
                print_tables([table])
        for line in board.notes():
            # one paragraph per line, separate from the title of the next board
            echo((markdown(line) if form is ListFormat.md else printable(line)) + "\n")
    references_shown = boards.reference_table()
    if form is ListFormat.table and references_shown is not None:
        print_tables([references_shown])

"""`genrebench leaderboard`: rank the finished runs."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _figure, _task
from genrebench.cli._output import (
    ListFormat,
    echo,
    markdown,
    print_json,
    print_list,
    print_markdown,
    print_tables,
    say,
    warn_all,
)
from genrebench.errors import UsageError
from genrebench.tables import printable


class _Format(enum.StrEnum):
    """Formats of boards."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"
    latex = "latex"


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only boards of this dataset. [default: all]")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only boards of this split.")] = None,
    runs: _task.RunsListOption = None,
    metrics: _task.MetricsOption = None,
    references: Annotated[
        bool,
        typer.Option("--references", help="Show all published scores. [default: only those on the dataset of the board]"),
    ] = False,
    figure: _figure.FigureOption = None,
    form: Annotated[_Format, typer.Option("--format", help="Output format; latex is a table for a paper.")] = _Format.table,
) -> None:
    """Rank the finished runs, with one board per task, since only scores on the same task are comparable."""
    import genrebench as gb

    _figure.require_writable(figure)
    boards = gb.leaderboard(dataset, split=split, runs=runs, references=references, metrics=_task.parse_metrics(metrics))
    warn_all(boards.problems)
    if figure is not None:
        if len(boards) != 1:
            raise UsageError(f"a figure shows one board, and there are {len(boards)}; choose one with --dataset and --split")
        _figure.save(boards[0].figure(), figure)
    if form is _Format.json:
        print_json(boards.to_json())
        return
    if not boards:
        where = f" on {dataset}" if dataset else ""
        folders = ", ".join(repr(str(folder)) for folder in runs or [Path("runs")])
        say(f"there are no finished runs{where} in {folders}; start with: genrebench run svm-baseline")
    if form is _Format.csv:
        print_list(ListFormat.csv, boards.to_table())
        return
    if form is _Format.latex:
        echo("\n\n".join(board.to_latex() for board in boards))
        return
    for board in boards:
        for table in board.tables():
            if form is _Format.md:
                echo(f"### {markdown(table.title or '')}\n")
                print_markdown(table)
                echo()
            else:
                print_tables([table])
        for line in board.notes():
            # one paragraph per line, separate from the title of the next board
            echo((markdown(line) if form is _Format.md else printable(line)) + "\n")
    references_shown = boards.reference_table()
    if form is _Format.table and references_shown is not None:
        print_tables([references_shown])

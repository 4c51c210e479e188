"""`genrebench leaderboard`: rank the finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import (
    ListFormat,
    ListFormatOption,
    echo,
    markdown,
    print_json,
    print_list,
    print_result,
    print_table,
    say,
    warn_all,
)

if TYPE_CHECKING:
    from genrebench.boards.rows import Board


def command(
    dataset: _task.BoardsOfDatasetOption = None,
    split: _task.BoardsOfSplitOption = None,
    runs: _task.RunsListOption = None,
    references: Annotated[
        bool,
        typer.Option("--references", help="Show all published scores. [default: only those on the dataset of the board]"),
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            help="Columns after rank and model: names separated by commas, 'default' or 'all'. Such as calibration_error, "
            "brier, f1_weighted, fit_s, predict_s, memory, parameters, runs, METRIC of a plugin, METRIC_interval. CSV and JSON "
            "have all.",
        ),
    ] = None,
    form: ListFormatOption = ListFormat.table,
) -> None:
    """Rank the finished runs, with one board per task, since only scores on the same task are comparable."""
    import genrebench as gb
    from genrebench.progress import late_progress

    boards = gb.leaderboard(dataset, split=split, runs=runs, references=references, columns=columns, progress=late_progress)
    warn_all(boards.problems)
    if form is ListFormat.json:
        print_json(boards.to_json())
        return
    if not boards:
        where = f" on {dataset}" if dataset else ""
        option = f" --dataset {dataset}" if dataset else ""
        folders = ", ".join(repr(str(folder)) for folder in runs or [Path("runs")])
        say(f"there are no finished runs{where} in {folders}; start with: genrebench run svm-baseline{option}")
    if form is ListFormat.csv:
        print_list(form, boards.to_table())
        return
    if form in (ListFormat.md, ListFormat.latex):
        for board in boards:
            _print_for_papers(form, board)
        return
    for board in boards:
        print_result(board)
        echo()
    references_shown = boards.reference_table()
    if references_shown is not None:
        print_table(references_shown)


def _print_for_papers(form: ListFormat, board: Board) -> None:
    from genrebench.tables import printable

    for table in board.tables():
        if form is ListFormat.md:
            echo(f"### {markdown(table.title or '')}\n")
        print_list(form, table)
        echo()
    for line in board.notes():  # one paragraph per line
        echo((markdown(line) if form is ListFormat.md else f"% {printable(line)}") + "\n")

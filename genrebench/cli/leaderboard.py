"""`genrebench leaderboard`: rank the finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.cli import _figure, _task
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
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from genrebench.boards.rows import Board


def command(
    dataset: _task.BoardsOfDatasetOption = None,
    split: _task.BoardsOfSplitOption = None,
    runs: _task.RunsListOption = None,
    metrics: _task.MetricsOption = None,
    references: Annotated[
        bool,
        typer.Option("--references", help="Show all published scores. [default: only those on the dataset of the board]"),
    ] = False,
    figure: _figure.FigureOption = None,
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

    _figure.require_writable(figure)
    boards = gb.leaderboard(
        dataset,
        split=split,
        runs=runs,
        references=references,
        metrics=_task.parse_metrics(metrics),
        columns=columns,
        progress=late_progress,
    )
    warn_all(boards.problems)
    if figure is not None:
        if len(boards) != 1:
            raise UsageError(f"a figure shows one board, and there are {len(boards)}; choose one with --dataset and --split")
        _figure.save(boards[0].figure(), figure)
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
    if form is ListFormat.latex:
        echo("\n\n".join(board.to_latex() for board in boards))
        return
    if form is ListFormat.md:
        for board in boards:
            _print_markdown(board)
        return
    for board in boards:
        print_result(board)
        echo()
    references_shown = boards.reference_table()
    if references_shown is not None:
        print_table(references_shown)


def _print_markdown(board: Board) -> None:
    for table in board.tables():
        echo(f"### {markdown(table.title or '')}\n")
        print_list(ListFormat.md, table)
        echo()
    for line in board.notes():  # one paragraph per line
        echo(markdown(line) + "\n")

"""`genrebench compare`: compare two models on the same test set."""

from __future__ import annotations

from typing import Annotated

import typer

from genrebench.cli import _complete, _figure, _task
from genrebench.cli._output import Format, FormatOption, print_json, print_result

NameArgument = Annotated[
    str, typer.Argument(autocompletion=_complete.sides, help=f"A model's name, a row id of a board, or a run. {_task.RUN_HELP}")
]


def command(
    a: NameArgument,
    b: NameArgument,
    dataset: _task.BoardsOfDatasetOption = None,
    split: _task.BoardsOfSplitOption = None,
    runs: _task.RunsListOption = None,
    metrics: _task.MetricsOption = None,
    top: Annotated[int, typer.Option("--top", min=0, help="Number of tracks to show, those that differ most.")] = 5,
    figure: _figure.FigureOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Show whether one model is better than another, by how much, and on which tracks.

    Differences in log loss are A minus B: if they are negative, A is better.
    """
    import genrebench as gb
    from genrebench.progress import late_progress

    _figure.require_writable(figure)
    comparison = gb.compare(
        a, b, dataset=dataset, split=split, runs=runs, metrics=_task.parse_metrics(metrics), progress=late_progress
    )
    if figure is not None:
        _figure.save(comparison.figure(), figure)
    if form is Format.json:
        print_json(comparison.to_json())
    else:
        print_result(comparison.with_top(top))

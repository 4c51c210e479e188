"""`genrebench predict`: classify audio files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.cli import _figure, _strip, _task
from genrebench.cli._output import Format, FormatOption, fail, print_json, results
from genrebench.tables import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genrebench.runs.file_predictions import FilePrediction

BAR_WIDTH = 30
"""Length of the bar for probability 1, in characters."""


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files.")],
    run_id: Annotated[str, typer.Option("--run", metavar="ID", help="The run whose model to use, see 'genrebench runs list'.")],
    runs: _task.RunsOption = Path("runs"),
    timeline: Annotated[bool, typer.Option("--timeline", help="Also show probabilities per second.")] = False,
    figure: _figure.FigureOption = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of genres to show per file.")] = 5,
    device: _task.DeviceOption = "auto",
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Classify audio files with the model of a finished run; --figure plots the timeline of each file.

    For files that can't be decoded or are silent, the genre frequencies of the training tracks are shown instead, and the exit
    code is 1.
    """
    import genrebench as gb

    _figure.require_writable(figure)
    with_timeline = timeline or figure is not None
    predictions = gb.predict(
        files, run_id, timeline=with_timeline, runs=runs, device=device, workers=workers, **_task.terminal()
    )
    if figure is not None:
        _figure.save(predictions.figure(), figure)
    if form is Format.json:
        print_json(predictions.to_json())
    else:
        for prediction in predictions:
            _print(prediction, predictions.genres, top, timeline)
    problems = [prediction for prediction in predictions if prediction.problem]
    for prediction in problems:
        fail(f"{prediction.path}: {prediction.problem}; the genre frequencies of the training tracks are used instead", 1)
    if problems:
        raise typer.Exit(1)


def _print(prediction: FilePrediction, genres: Sequence[str], top: int, timeline: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=results())
    console.print(Text(printable(prediction.path), style="bold"))
    if prediction.problem:
        console.print(Text(f"  {printable(prediction.problem)}; these are the genre frequencies of the training tracks:"))
    width = max(len(printable(genre)) for genre in genres)
    for i in (-prediction.probabilities).argsort(kind="stable")[:top]:
        p = float(prediction.probabilities[i])
        bar = "█" * round(p * BAR_WIDTH)
        console.print(Text(f"  {printable(genres[i]):<{width}}  {p:6.1%}  {bar}"))
    if timeline and prediction.timeline is not None:
        for line in _strip.strip(prediction.timeline, genres, top, console.width):
            console.print(Text(line), no_wrap=True, crop=True)

"""`genrebench predict`: a person's own files."""

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

BAR = 30


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files.")],
    run_id: Annotated[
        str, typer.Option("--run", metavar="ID", help="The run whose model predicts, see 'genrebench runs list'.")
    ],
    runs: _task.RunsOption = Path("runs"),
    timeline: Annotated[bool, typer.Option("--timeline", help="Also show the genres second by second.")] = False,
    figure: _figure.FigureOption = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many genres to show per file.")] = 5,
    device: _task.DeviceOption = "auto",
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Classify audio files with the model of a finished run; a figure shows the genres along each file.

    A file that can't be decoded or is silent gets the frequencies of the training genres, and exit code 1.
    """
    import genrebench as gb

    _figure.require_writable(figure)
    along = timeline or figure is not None
    predictions = gb.predict(files, run_id, timeline=along, runs=runs, device=device, workers=workers, **_task.watched())
    if figure is not None:
        _figure.save(predictions.figure(), figure)
    if form is Format.json:
        print_json(predictions.to_json())
    else:
        for prediction in predictions:
            _print(prediction, predictions.genres, top, timeline)
    problems = [prediction for prediction in predictions if prediction.problem]
    for prediction in problems:
        fail(f"{prediction.path}: {prediction.problem}; the training prior stands in", 1)
    if problems:
        raise typer.Exit(1)


def _print(prediction: FilePrediction, genres: Sequence[str], top: int, timeline: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=results())
    console.print(Text(printable(prediction.path), style="bold"))
    if prediction.problem:
        console.print(Text(f"  {printable(prediction.problem)}; these are the frequencies of the training genres:"))
    width = max(len(printable(genre)) for genre in genres)
    for i in (-prediction.probabilities).argsort(kind="stable")[:top]:
        p = float(prediction.probabilities[i])
        bar = "█" * round(p * BAR)
        console.print(Text(f"  {printable(genres[i]):<{width}}  {p:6.1%}  {bar}"))
    if timeline and prediction.timeline is not None:
        for line in _strip.strip(prediction.timeline, genres, top, console.width):
            console.print(Text(line), no_wrap=True, crop=True)

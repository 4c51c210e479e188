"""`genrebench predict`: classify audio files."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.cli import _figure, _strip, _task
from genrebench.cli._output import echo, fail, print_json, print_text, say, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genrebench.runs.file_predictions import FilePrediction


class _Format(enum.StrEnum):
    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


BAR_WIDTH = 30
"""Length of the bar for probability 1, in characters."""


def command(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Audio files, folders of them, and playlists (.m3u, .m3u8).")
    ],
    run_id: _task.ModelOfRunOption,
    runs: _task.RunsOption = Path("runs"),
    timeline: Annotated[bool, typer.Option("--timeline", help="Also show probabilities per second.")] = False,
    figure: _figure.FigureOption = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Number of genres to show per file.")] = 5,
    min_confidence: Annotated[
        float, typer.Option("--min-confidence", help="Answer 'unsure' if the likeliest genre has a lower probability.")
    ] = 0.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the predictions to a .csv, .json or .jsonl file instead of showing them."),
    ] = None,
    device: _task.DeviceOption = "auto",
    workers: _task.WorkersOption = None,
    form: Annotated[_Format, typer.Option("--format", help="Output format.")] = _Format.table,
) -> None:
    """Classify audio files with the model of a finished run; --figure plots the timeline of each file.

    Folders are searched with their subfolders. For files that don't exist, can't be decoded or are silent, the genre
    frequencies of the training tracks are shown instead, the other files are classified all the same, and the exit code is 1.
    """
    import genrebench as gb

    _figure.require_writable(figure)
    predictions = gb.predict(
        files,
        run_id,
        timeline=timeline or figure is not None,
        min_confidence=min_confidence,
        out=out,
        runs=runs,
        device=device,
        workers=workers,
        **_task.terminal(),
    )
    if figure is not None:
        _figure.save(predictions.figure(), figure)
    if out is not None:
        say(f"wrote {len(predictions)} predictions to {out}")
    elif form is _Format.json:
        print_json(predictions.to_json())
    elif form is not _Format.table:
        echo(predictions.to_csv() if form is _Format.csv else predictions.to_jsonl(), end="")
    else:
        for prediction in predictions:
            _print(prediction, predictions.genres, top, timeline)
    problems = [prediction for prediction in predictions if prediction.problem]
    for prediction in problems:
        fail(f"{prediction.path}: {prediction.problem}; the genre frequencies of the training tracks are used instead", 1)
    if problems:
        raise typer.Exit(1)


def _print(prediction: FilePrediction, genres: Sequence[str], top: int, timeline: bool) -> None:
    from genrebench.layout import length
    from genrebench.tables import printable

    answer = "" if prediction.genre in {None, *genres} else f": {prediction.genre}"
    print_text(f"{prediction.path}{answer}")
    if prediction.problem:
        print_text(f"  {prediction.problem}; these are the genre frequencies of the training tracks:")
    names = [printable(genre) for genre in genres]
    longest = max(map(length, names))
    bar = max(0, min(BAR_WIDTH, width() - longest - 12))
    for i in (-prediction.probabilities).argsort(kind="stable")[:top]:
        p = float(prediction.probabilities[i])
        echo(f"  {names[i]}{' ' * (longest - length(names[i]))}  {p:6.1%}  {'█' * round(p * bar)}".rstrip())
    if timeline and prediction.timeline is not None:
        for line in _strip.strip(prediction.timeline, genres, top, width()):
            echo(line)

"""`genrebench predict`: a person's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _task, _timeline
from genrebench.cli._output import Format, FormatOption, clean, fail, print_json, results
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genrebench.runs.predict import Answer

BAR = 30


def command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio files.")],
    run_id: Annotated[
        str, typer.Option("--run", metavar="ID", help="The run whose model answers, see 'genrebench runs list'.")
    ],
    runs: _task.RunsOption = Path("runs"),
    timeline: Annotated[bool, typer.Option("--timeline", help="Also show the genres second by second.")] = False,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Write the timelines as a figure: .png, .svg or .pdf.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many genres to show a file.")] = 5,
    device: _task.DeviceOption = "auto",
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Classify audio files with the model of a finished run.

    A file that can't be decoded or is silent gets the frequencies of the training genres, and exit code 1.
    """
    from genrebench.plugin.registry import registry
    from genrebench.runs.predict import predict
    from genrebench.runs.store import RunStore

    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no file {str(file)!r}")
    if figure is not None:
        _timeline.require_suffix(figure)
    found, store = registry(), RunStore(runs)
    run = store.load(run_id)
    wanted = timeline or figure is not None
    around = _task.session(found, device, workers)
    answers = predict(run, store, found, list(dict.fromkeys(files)), around, timeline=wanted)
    genres = [str(genre) for genre in run.task["genres"]]
    if figure is not None:
        _timeline.draw(figure, answers, genres)
    if form is Format.json:
        print_json([_as_json(answer, genres) for answer in answers])
    else:
        for answer in answers:
            _print(answer, genres, top, timeline)
    for answer in answers:
        if answer.problem:
            fail(f"{answer.path}: {answer.problem}; the training prior stands in", 1)
    if any(answer.problem for answer in answers):
        raise typer.Exit(1)


def _as_json(answer: Answer, genres: Sequence[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "file": str(answer.path),
        "genre": None if answer.problem else genres[int(answer.probabilities.argmax())],
        "probabilities": dict(zip(genres, answer.probabilities.tolist(), strict=True)),
        "problem": answer.problem,
    }
    if answer.timeline is not None:
        result["timeline"] = {
            "seconds": answer.timeline.seconds.tolist(),
            "probabilities": [dict(zip(genres, row.tolist(), strict=True)) for row in answer.timeline.probabilities],
        }
    return result


def _print(answer: Answer, genres: Sequence[str], top: int, timeline: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=results())
    console.print(Text(clean(answer.path), style="bold"))
    if answer.problem:
        console.print(Text(f"  {clean(answer.problem)}; these are the frequencies of the training genres:"))
    width = max(len(clean(genre)) for genre in genres)
    for i in (-answer.probabilities).argsort(kind="stable")[:top]:
        p = float(answer.probabilities[i])
        bar = "█" * round(p * BAR)
        console.print(Text(f"  {clean(genres[i]):<{width}}  {p:6.1%}  {bar}"))
    if timeline and answer.timeline is not None:
        for line in _timeline.strip(answer.timeline, genres, top, console.width):
            console.print(Text(line), no_wrap=True, crop=True)

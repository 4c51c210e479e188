"""`genrebench predict`: a person's own files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, clean, fail, print_json, results
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genrebench.predicting import Answer

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
    from genrebench.plugins import registry
    from genrebench.predicting import predict
    from genrebench.store import RunStore

    for file in files:
        if not file.is_file():
            raise UsageError(f"there is no file {str(file)!r}")
    found, store = registry(), RunStore(runs)
    run = store.load(run_id)
    wanted = timeline or figure is not None
    around = _task.surroundings(found, device, workers)
    answers = predict(run, store, found, list(dict.fromkeys(files)), around, timeline=wanted)
    genres = [str(genre) for genre in run.task["genres"]]
    if figure is not None:
        _draw(figure, answers, genres)
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
    width = max(len(clean(genre)) for genre in genres)
    for i in (-answer.probabilities).argsort(kind="stable")[:top]:
        p = float(answer.probabilities[i])
        bar = "█" * round(p * BAR)
        console.print(Text(f"  {clean(genres[i]):<{width}}  {p:6.1%}  {bar}"))
    if timeline and answer.timeline is not None:
        _strip(console, answer, genres, top)


def _strip(console: Any, answer: Answer, genres: Sequence[str], top: int) -> None:
    """Print a line of blocks a genre: the fuller the block, the likelier the genre in that second."""
    from rich.text import Text

    assert answer.timeline is not None  # noqa: S101 - the caller looked
    p = answer.timeline.probabilities
    order = (-p.mean(axis=0)).argsort(kind="stable")[:top]
    width = max(len(clean(genre)) for genre in genres)
    blocks = " ▁▂▃▄▅▆▇█"
    for i in order:
        strip = "".join(blocks[round(float(value) * (len(blocks) - 1))] for value in p[:, i])
        console.print(Text(f"  {clean(genres[i]):<{width}}  {strip}"), no_wrap=True, crop=True)
    console.print(Text(f"  {'':<{width}}  0 s .. {answer.timeline.seconds[-1]:.0f} s"))


def _draw(out: Path, answers: Sequence[Answer], genres: Sequence[str]) -> None:
    """Draw one panel a file, a curve a genre."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with_line = [answer for answer in answers if answer.timeline is not None]
    if not with_line:
        raise UsageError("no file has a timeline to draw")
    figure, axes = plt.subplots(len(with_line), 1, figsize=(9, 2.6 * len(with_line)), squeeze=False, layout="constrained")
    for axis, answer in zip(axes[:, 0], with_line, strict=True):
        assert answer.timeline is not None  # noqa: S101 - chosen above
        for genre, curve in zip(genres, answer.timeline.probabilities.T, strict=True):
            axis.plot(answer.timeline.seconds, curve, label=genre.replace("$", r"\$"))
        axis.set(title=answer.path.name.replace("$", r"\$"), xlabel="seconds", ylabel="probability", ylim=(0, 1))
    axes[0, 0].legend(fontsize="x-small", ncols=2, loc="upper left", bbox_to_anchor=(1, 1))
    try:
        figure.savefig(out, dpi=120)
    except (OSError, ValueError) as error:
        raise UsageError(f"can't write the figure {str(out)!r}: {error}") from None
    finally:
        plt.close(figure)

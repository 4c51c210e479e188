"""`genrebench compare`: two models on one test set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, echo, number, print_json, print_table

if TYPE_CHECKING:
    from genrebench.boards.compare import Comparison

NameArgument = Annotated[str, typer.Argument(help="A run id, a row id of a board, or a model's name.")]


def command(
    a: NameArgument,
    b: NameArgument,
    dataset: Annotated[str | None, typer.Option("--dataset", help="Look for models' names on this dataset's boards.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Look for models' names on boards of this split.")] = None,
    runs: _task.RunsListOption = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many of the tracks that differ most to show.")] = 5,
    form: FormatOption = Format.table,
) -> None:
    """Say whether one model is better than another, by how much, and where.

    Differences are A minus B in log loss: below 0, A is better.
    """
    from genrebench.boards.compare import compare
    from genrebench.runs.store import RunStore

    found = compare([RunStore(folder) for folder in _task.run_folders(runs)], a, b, dataset, split)
    if form is Format.json:
        print_json(found.to_json())
    else:
        _print(found, top)


def _print(found: Comparison, top: int) -> None:
    from genrebench.boards.comparability import split_title

    sides = [(side["name"], number(side["log_loss"]), number(side["f1_micro"])) for side in (found.a, found.b)]
    low, high = found.interval
    gap = ("A - B, 95 %", f"{found.difference:+.3f} ({low:+.3f} .. {high:+.3f})", f"{found.f1_micro['difference']:+.3f}")
    title = (
        f"{found.task['dataset']}, split {split_title(found.task)}, "
        f"{found.n_tracks} test tracks by {found.n_units} {found.unit}s"
    )
    print_table(title, ("model", "log loss", "F1 micro"), [*sides, gap], right=("log loss", "F1 micro"))
    columns = ("genre", "tracks", "difference", "p", "p, corrected")
    genres = [
        (g["genre"], g["tracks"], f"{g['difference']:+.3f}", number(g["p_value"]), number(g["p_adjusted"]))
        for g in found.genres
    ]
    print_table("by genre", columns, genres, right=columns[1:])
    if top:
        headings = ("track", "genre", "A says", "B says", "loss A", "loss B")
        tracks = [
            (t["track"], t["genre"], t["answer_a"], t["answer_b"], number(t["loss_a"]), number(t["loss_b"]))
            for t in found.tracks[:top]
        ]
        print_table("tracks that differ most", headings, tracks, right=headings[4:])
    test = found.f1_micro
    echo(f"Right on A's side alone: {test['only_a']}, on B's: {test['only_b']}; McNemar's exact p = {test['p_value']:.2g}.")
    echo(found.sentence)

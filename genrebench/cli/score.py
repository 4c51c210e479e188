"""`genrebench score`: score predictions made outside genrebench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task, run
from genrebench.cli._output import Format, FormatOption, say


def command(
    predictions: Annotated[
        Path,
        typer.Argument(metavar="PREDICTIONS.csv", help="CSV file with track_id and one column of probabilities per genre."),
    ],
    dataset: _task.DatasetOption = "demo",
    split: _task.SplitOption = None,
    split_file: _task.SplitFileOption = None,
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    extra_training: _task.ExtraTrainingOption = None,
    follow_links: _task.FollowLinksOption = False,
    segments: _task.SegmentsOption = "together",
    name: Annotated[str, typer.Option("--name", help="Name of the model on the board.")] = "external",
    version: Annotated[str, typer.Option("--model-version", help="Version of the model.")] = "0",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Number that distinguishes several runs of the same model.")] = 0,
    runs: _task.RunsOption = Path("runs"),
    form: FormatOption = Format.table,
) -> None:
    """Score predictions made outside genrebench and put them on the board.

    The file has one row per test track of the split: track_id and one column per genre, named GENRE or p:GENRE.
    """
    import genrebench as gb

    result = gb.score(
        predictions,
        dataset,
        split=split,
        split_file=split_file,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=exclude,
        extra_training=extra_training,
        follow_links=follow_links,
        segments=segments,
        name=name,
        version=version,
        seed=seed,
        runs=runs,
        say=say,
    )
    run.show([result], runs, form)

"""`genrebench score`: a row for a model outside Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task, run
from genrebench.cli._output import Format, FormatOption, say


def command(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS.csv", help="track_id and a column of probabilities per genre.")
    ],
    dataset: _task.DatasetOption = "demo",
    split: _task.SplitOption = None,
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    name: Annotated[str, typer.Option("--name", help="What the model is called on the board.")] = "external",
    version: Annotated[str, typer.Option("--model-version", help="The model's version.")] = "0",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which of several runs of the model this is.")] = 0,
    runs: _task.RunsOption = Path("runs"),
    form: FormatOption = Format.table,
) -> None:
    """Score probabilities that were predicted elsewhere and put them on the board.

    The file has one row per test track of the split: track_id, then one column per genre, named as the genre or p:<genre>.
    """
    import genrebench as gb

    result = gb.score(
        predictions,
        dataset,
        split=split,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=_task.exclusions(exclude),
        name=name,
        version=version,
        seed=seed,
        runs=runs,
        say=say,
    )
    run.show([result], runs, form)

"""`genrebench score`: a row for a model outside Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import Format, FormatOption, print_json
from genrebench.cli.run import as_json, print_runs


def command(
    predictions: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS.csv", help="track_id and a column of probabilities a genre.")
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

    The file has a row for each test track of the split: track_id, then a column a genre, named as the genre or p:<genre>.
    """
    from genrebench.plugin.registry import registry
    from genrebench.runs import imported as external
    from genrebench.runs.store import RunStore

    task = _task.make_task(registry(), dataset, split, split_seed, excerpt, exclude)
    run = external.score(task, predictions, name, version, seed, RunStore(runs))
    if form is Format.json:
        print_json([as_json(run)])
    else:
        print_runs([run], runs)

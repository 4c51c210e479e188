"""`genrebench leakage`: how much a model gains from artist leakage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _figure, _task
from genrebench.cli._output import Format, FormatOption, print_result


def command(
    model: _task.ModelArgument,
    dataset: _task.DatasetOption = "demo",
    split_file: Annotated[
        Path | None, typer.Option("--split-file", metavar="FILE", help="A CSV file with a split, whose tracks alone are used.")
    ] = None,
    split_seed: _task.SplitSeedOption = 0,
    draws: Annotated[int, typer.Option(min=1, help="How often test artists are drawn; each takes two runs per seed.")] = 3,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    follow_links: _task.FollowLinksOption = False,
    segments: _task.SegmentsOption = "together",
    seed: _task.SeedOption = None,
    seeds: _task.SeedsOption = None,
    settings: _task.SettingsOption = None,
    figure: _figure.FigureOption = None,
    device: _task.DeviceOption = "auto",
    runs: _task.RunsOption = Path("runs"),
    workers: _task.WorkersOption = None,
    jobs: _task.JobsOption = 1,
    cluster: _task.ClusterOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Measure how much a model gains if the same artists are in training and test.

    The test set is the same for two training sets of the same size and genre counts: one without and one with other tracks of
    the test artists. This is repeated with other test artists. The runs are stored in RUNS/.leakage and aren't on any board;
    finished runs there are reused.
    """
    import genrebench as gb

    _figure.require_writable(figure)
    result = gb.leakage(
        model,
        dataset,
        split_file=split_file,
        split_seed=split_seed,
        draws=draws,
        excerpt=excerpt,
        exclude=exclude,
        follow_links=follow_links,
        segments=segments,
        seed=seed,
        seeds=_task.parse_seeds(seeds),
        options=_task.parse_settings([model], settings),
        runs=runs,
        device=device,
        workers=workers,
        jobs=jobs,
        cluster=cluster,
        **_task.terminal(),
    )
    print_result(result, form)
    if figure is not None:
        _figure.save(result.figure(), figure)

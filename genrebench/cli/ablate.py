"""`genrebench ablate`: whether a model uses temporal order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genrebench.cli import _complete, _figure, _task
from genrebench.cli._output import Format, FormatOption, print_json, print_result, say
from genrebench.errors import UsageError


def command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", autocompletion=_complete.models, help="A model with frames or waveforms as input.")
    ],
    dataset: _task.DatasetOption = "demo",
    split: _task.SplitOption = None,
    split_file: _task.SplitFileOption = None,
    split_seed: _task.SplitSeedOption = 0,
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    follow_links: _task.FollowLinksOption = False,
    segments: _task.SegmentsOption = "together",
    seed: _task.SeedOption = None,
    settings: _task.SettingsOption = None,
    seconds: Annotated[str, typer.Option("--seconds", help="Also score tracks shortened to these lengths.")] = "1,3,10",
    figure: _figure.FigureOption = None,
    device: _task.DeviceOption = "auto",
    runs: _task.RunsOption = Path("runs"),
    workers: _task.WorkersOption = None,
    cluster: _task.ClusterOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Score a trained run on its test tracks in order, shuffled, reversed and shortened.

    A finished run of the same job is used if there is one; otherwise the model is run first. Frames are shuffled one by one,
    waveforms in segments of 50 ms.
    """
    import genrebench as gb

    lengths = _lengths(seconds)
    _figure.require_writable(figure)
    result = gb.ablate(
        model,
        dataset,
        split=split,
        split_file=split_file,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=exclude,
        follow_links=follow_links,
        segments=segments,
        seed=seed,
        options=_task.parse_settings([model], settings),
        seconds=lengths,
        runs=runs,
        device=device,
        workers=workers,
        cluster=cluster,
        **_task.terminal(),
    )
    if form is Format.json:
        for remark in result.remarks():
            say(remark)
        print_json(result.to_json())
    else:
        print_result(result)
    if figure is not None:
        _figure.save(result.figure(), figure)


def _lengths(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--seconds {text!r} isn't a list of numbers such as 1,3,10") from None

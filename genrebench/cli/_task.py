"""Options shared by several commands, and parsing of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genrebench.errors import UsageError

DatasetOption = Annotated[
    str, typer.Option("--dataset", help="A registered name (see 'genrebench data list'), a folder, or mirdata:NAME.")
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="official, artist, stratified, artist-cv5, first-80, challenge, or one of a plugin or of the dataset, see "
        "'genrebench plugins list'. "
        "[default: official if the dataset has one, else artist if artists are known, else stratified]",
    ),
]
SplitFileOption = Annotated[
    Path | None,
    typer.Option(
        "--split-file",
        metavar="FILE",
        help="A split in a CSV file with the columns id and part (training, validation, test), or id and fold, or all three.",
    ),
]
SplitSeedOption = Annotated[int, typer.Option("--split-seed", min=0, help="Seed of the split.")]
ExcerptOption = Annotated[str, typer.Option("--excerpt", help="Seconds from the middle of each track, or 'whole'.")]
ExcludeOption = Annotated[
    Path | None, typer.Option("--exclude", help="CSV file of tracks to exclude, with columns id and reason.")
]
FollowLinksOption = Annotated[
    bool,
    typer.Option("--follow-links", help="Follow links in the dataset's folder that lead out of it, to another folder or disk."),
]
SegmentsOption = Annotated[
    str,
    typer.Option(
        "--segments",
        metavar="together|apart",
        help="Whether tracks whose ids differ by a segment number only (song.0, song.1) are kept in one part like tracks of "
        "one artist, where no artist is known.",
    ),
]
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder of the runs.")]
RunsListOption = Annotated[list[Path] | None, typer.Option("--runs", help="Folder of runs; may be repeated. [default: runs]")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes to use. [default: all processors]")]
NoCacheOption = Annotated[
    bool,
    typer.Option("--no-cache", help="Decode audio on every access instead of caching it: less disk space, more time."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Continue interrupted runs and skip finished ones.")]

MetricsOption = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="NAME,...",
        help="Metrics to show beside the log loss, such as brier,f1_weighted or those of plugins, with their intervals.",
    ),
]

SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the model. [default: 0]")]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", help="Several seeds, such as 0,1,2: one run per seed, averaged on the board.")
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="[MODEL.]KEY=VALUE", help="Set an option of the models; may be repeated."),
]


def terminal() -> dict[str, Any]:
    """Keyword arguments for the functions of `genrebench` that show progress and messages in the terminal."""
    from genrebench.cli._output import say
    from genrebench.progress import show_progress

    return {"progress": show_progress, "say": say}


def parse_seeds(seeds: str | None) -> list[int] | None:
    """Parse --seeds."""
    if seeds is None:
        return None
    try:
        return [int(part) for part in seeds.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {seeds!r} isn't a list of whole numbers such as 0,1,2") from None


def parse_metrics(metrics: str | None) -> list[str] | None:
    """Parse --metrics."""
    return None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]


def parse_settings(models: list[str], settings: list[str] | None) -> dict[str, dict[str, str]]:
    """Parse KEY=VALUE and MODEL.KEY=VALUE into the options of each model."""
    result: dict[str, dict[str, str]] = {name: {} for name in models}
    for text in settings or []:
        key, equals, value = text.partition("=")
        owner, dot, name = key.partition(".")
        if not equals or not key:
            raise UsageError(f"--set {text!r} isn't of the form KEY=VALUE or MODEL.KEY=VALUE")
        if dot and owner not in result:
            raise UsageError(f"--set {text!r}: {owner!r} isn't among the models of this command ({', '.join(models)})")
        for model in [owner] if dot else models:
            result[model][name if dot else key] = value
    return result

"""Options that several commands share, and how their text is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genrebench.errors import UsageError

DatasetOption = Annotated[str, typer.Option("--dataset", help="A registered name (see 'genrebench data list') or a folder.")]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="official, artist, stratified, artist-cv5, first-80 or challenge. "
        "[default: official where there is one, else artist, else stratified]",
    ),
]
SplitSeedOption = Annotated[int, typer.Option("--split-seed", min=0, help="Seed of the split.")]
ExcerptOption = Annotated[str, typer.Option("--excerpt", help="Middle SECONDS of each track, or 'whole'.")]
ExcludeOption = Annotated[Path | None, typer.Option("--exclude", help="CSV list of tracks to leave out: id, reason.")]
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder of the runs.")]
RunsListOption = Annotated[list[Path] | None, typer.Option("--runs", help="Folder of runs; may be repeated. [default: runs]")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes to use. [default: all processors]")]
NoCacheOption = Annotated[
    bool,
    typer.Option("--no-cache", help="Decode audio at each access instead of once into the cache: less disk, more time."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted; skip what has finished.")]

SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the model. [default: 0]")]
SeedsOption = Annotated[str | None, typer.Option("--seeds", help="Several seeds, 0,1,2: one run each, one row on the board.")]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="[MODEL.]KEY=VALUE", help="Set an option of the models; may be repeated."),
]


def watched() -> dict[str, Any]:
    """How the functions of `genrebench` show this terminal what they do: arguments for them."""
    from genrebench.cli._output import say
    from genrebench.progress import show_progress

    return {"progress": show_progress, "say": say}


def exclusions(exclude: Path | None) -> Path | tuple[()]:
    """What the functions of `genrebench` take for --exclude."""
    return () if exclude is None else exclude


def parse_seeds(seeds: str | None) -> list[int] | None:
    """Read --seeds."""
    if seeds is None:
        return None
    try:
        return [int(part) for part in seeds.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {seeds!r} is no list of whole numbers such as 0,1,2") from None


def parse_settings(models: list[str], settings: list[str] | None) -> dict[str, dict[str, str]]:
    """Sort KEY=VALUE and MODEL.KEY=VALUE by model."""
    result: dict[str, dict[str, str]] = {name: {} for name in models}
    for text in settings or []:
        key, equals, value = text.partition("=")
        owner, dot, name = key.partition(".")
        if not equals or not key:
            raise UsageError(f"--set {text!r} is not of the form KEY=VALUE or MODEL.KEY=VALUE")
        if dot and owner not in result:
            raise UsageError(f"--set {text!r}: {owner!r} is not among the models of this command ({', '.join(models)})")
        for model in [owner] if dot else models:
            result[model][name if dot else key] = value
    return result

"""Options shared by several commands, and parsing of their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from genrebench.cli import _complete
from genrebench.errors import UsageError

DatasetOption = Annotated[
    str,
    typer.Option(
        "--dataset",
        autocompletion=_complete.datasets,
        help="A registered name (see 'genrebench data list'), a folder, the URL of one, or mirdata:NAME.",
    ),
]
BoardsOfDatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", autocompletion=_complete.datasets, help="Only boards of this dataset. [default: all]"),
]
BoardsOfSplitOption = Annotated[
    str | None, typer.Option("--split", autocompletion=_complete.splits, help="Only boards of this split.")
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        autocompletion=_complete.models,
        help="Name of a model, see 'genrebench plugins list', or a file such as ./model.py.",
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        autocompletion=_complete.splits,
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
ExtraTrainingOption = Annotated[
    str | None,
    typer.Option("--extra-training", metavar="DATASET", help="Add training tracks for small genres from this larger dataset."),
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
MAX_SEEDS = 100_000
"""Largest length of a range of seeds, so that a typo doesn't ask for billions of runs."""

RUN_HELP = "A run: its id or the beginning of it, 'latest', or MODEL@latest; see 'genrebench runs list'."
ModelOfRunOption = Annotated[
    str, typer.Option("--run", metavar="ID", autocompletion=_complete.runs, help=f"The run whose model to use. {RUN_HELP}")
]
RunsOption = Annotated[Path, typer.Option("--runs", help="Folder of the runs.")]
RunsListOption = Annotated[list[Path] | None, typer.Option("--runs", help="Folder of runs; may be repeated. [default: runs]")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 (the second GPU) or mps.")]
DevicesOption = Annotated[
    int | None,
    typer.Option(
        "--devices",
        min=1,
        help="Devices that train one model together, if it can: GPUs, or processes on a CPU. [default: 1, or as many as "
        "torchrun starts]",
    ),
]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Processes to use. [default: all processors]")]
JobsOption = Annotated[
    int,
    typer.Option("--jobs", min=1, help="Runs at the same time, in processes of their own, which share the workers and memory."),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS|FILE|local:N",
        help="Do the work on a Dask cluster: the address of its scheduler, its scheduler file, or N processes here.",
    ),
]
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
    str | None, typer.Option("--seeds", help="Several seeds, such as 0,1,2 or 0..9: one run per seed, averaged on the board.")
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
    """Parse --seeds: numbers and ranges with both ends, such as 0,1,2 or 0..9."""
    if seeds is None:
        return None
    result: list[int] = []
    for part in seeds.split(","):
        numbers = re.fullmatch(r"\s*([0-9]{1,9})(?:\.\.([0-9]{1,9}))?\s*", part)
        if numbers is None:
            meant = re.sub(r"([0-9])\s*(?:-|\.{3}|:)\s*([0-9])", r"\1..\2", seeds)
            hint = f"; did you mean {meant}?" if meant != seeds else ""
            raise UsageError(f"--seeds {seeds!r} isn't a list of whole numbers such as 0,1,2 or 0..9{hint}")
        first = int(numbers[1])
        last = first if numbers[2] is None else int(numbers[2])
        if last < first or last - first >= MAX_SEEDS:
            raise UsageError(f"--seeds {part.strip()}: a range goes from a smaller number to a larger one, such as 0..9")
        result += range(first, last + 1)
    return result


def parse_metrics(metrics: str | None) -> list[str] | None:
    """Parse --metrics."""
    return None if metrics is None else [name.strip() for name in metrics.split(",") if name.strip()]


def parse_settings(models: list[str], settings: list[str] | None, observers: Sequence[str] = ()) -> dict[str, dict[str, str]]:
    """Parse KEY=VALUE and MODEL.KEY=VALUE into the options of each model; "dist:forest" and "./forest.py" are also "forest"."""
    everyone = [*models, *observers]
    result: dict[str, dict[str, str]] = {name: {} for name in everyone}
    short = {name: name.removesuffix(".py").rpartition("/")[2].rpartition(":")[2] for name in everyone}
    for text in settings or []:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {text!r} isn't of the form KEY=VALUE or MODEL.KEY=VALUE")
        named = [name for name in everyone if key.startswith((f"{name}.", f"{short[name]}."))]
        owner, dot, _ = key.partition(".")
        if dot and not named:
            raise UsageError(f"--set {text!r}: {owner!r} isn't among the models of this command ({', '.join(everyone)})")
        for model in named or models:
            result[model][key.rpartition(".")[2] if named else key] = value
    return result

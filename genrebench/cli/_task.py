"""Options and steps that the commands which need a task share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genrebench.plugin.registry import Registry
    from genrebench.records import Dataset, Excerpt, Exclusion, Task
    from genrebench.session import Session

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

SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the model. [default: 0]")]
SeedsOption = Annotated[str | None, typer.Option("--seeds", help="Several seeds, 0,1,2: a run each, one row on the board.")]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="[MODEL.]KEY=VALUE", help="Set an option of the models; may be repeated."),
]


def run_folders(runs: list[Path] | None) -> list[Path]:
    """Return the folders of runs that the user named, which have to be there, or the default one."""
    for folder in runs or []:
        if not folder.is_dir():
            raise StoreError(f"there is no folder of runs {str(folder)!r}; 'genrebench run MODEL --runs {folder}' makes it")
    return runs or [Path("runs")]


def home() -> Path:
    """Return the folder of data and caches: GENREBENCH_HOME, else the platform's user data folder."""
    given = os.environ.get("GENREBENCH_HOME")
    if given:
        return Path(given).expanduser().resolve()
    import platformdirs

    return Path(platformdirs.user_data_dir("genrebench", appauthor=False))


def load_dataset(name: str, registry: Registry) -> Dataset:
    """Read the dataset that the user named."""
    from genrebench.cli._output import show_progress
    from genrebench.datasets import resolve

    return resolve(name, registry.dataset_specs(), home(), show_progress)


def parse_excerpt(text: str) -> Excerpt:
    """Read --excerpt."""
    from genrebench.records import Excerpt

    if text == "whole":
        return Excerpt(None)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise UsageError(f"--excerpt {text!r} is neither 'whole' nor a number of seconds above 0")
    return Excerpt(seconds)


def make_task(
    registry: Registry,
    dataset: str,
    split: str | None,
    split_seed: int,
    excerpt: str | Excerpt,
    exclude: Path | Sequence[Exclusion] | None,
    extra_training: str | None = None,
) -> Task:
    """Build the task from the command line's options and print its warnings."""
    from genrebench.cli._output import warn
    from genrebench.tasks import task as tasks

    window = parse_excerpt(excerpt) if isinstance(excerpt, str) else excerpt
    exclusions = tasks.read_exclusions(exclude) if isinstance(exclude, Path) else exclude or ()
    task = tasks.make_task(
        load_dataset(dataset, registry),
        home(),
        split=split,
        split_seed=split_seed,
        excerpt=window,
        exclude=exclusions,
        source=dataset,
        larger=load_dataset(extra_training, registry) if extra_training else None,
        larger_source=extra_training or "",
    )
    for text in task.split.warnings:
        warn(text)
    return task


def session(registry: Registry, device: str = "auto", workers: int | None = None, *, cached: bool = True) -> Session:
    """Build the session of runs that this terminal watches."""
    from genrebench.cli._output import say, show_progress
    from genrebench.environment import cpus
    from genrebench.session import Session

    if device not in ("auto", "cpu", "cuda", "mps"):
        raise UsageError(f"--device {device!r} is none of auto, cpu, cuda, mps")

    def log(fold: int, epoch: int, values: Mapping[str, float]) -> None:
        say(f"fold {fold + 1} epoch {epoch}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()))

    return Session(
        home=home(),
        device=device,
        workers=workers or cpus(),
        progress=show_progress,
        log=log,
        say=say,
        input_specs=registry.input_specs(),
        metric_specs=registry.metric_specs(),
        cached=cached,
    )


def parse_seeds(seed: int | None, seeds: str | None) -> list[int]:
    """Read --seed and --seeds."""
    if seeds is None:
        return [seed or 0]
    if seed is not None:
        raise UsageError("give --seed or --seeds, not both")
    try:
        result = [int(part) for part in seeds.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {seeds!r} is no list of whole numbers such as 0,1,2") from None
    if min(result) < 0:
        raise UsageError(f"--seeds {seeds!r} holds a negative number; seeds are 0 or more")
    return list(dict.fromkeys(result))


def parse_settings(models: list[str], settings: list[str]) -> dict[str, dict[str, str]]:
    """Sort KEY=VALUE and MODEL.KEY=VALUE by model."""
    result: dict[str, dict[str, str]] = {name: {} for name in models}
    for text in settings:
        key, equals, value = text.partition("=")
        owner, dot, name = key.partition(".")
        if not equals or not key:
            raise UsageError(f"--set {text!r} is not of the form KEY=VALUE or MODEL.KEY=VALUE")
        if dot and owner not in result:
            raise UsageError(f"--set {text!r}: {owner!r} is not among the models of this command ({', '.join(models)})")
        for model in [owner] if dot else models:
            result[model][name if dot else key] = value
    return result

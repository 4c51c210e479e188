"""`genrebench data`: what datasets there are and what is in them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genrebench.cli import _task
from genrebench.cli._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    byte_progress,
    echo,
    print_json,
    print_list,
    print_table,
    say,
    show_progress,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genrebench.records import Dataset, Exclusion

app = typer.Typer(no_args_is_help=True, help="List, show, get and check datasets, and extract their features.")
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A registered name or a folder.")]
MusicArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="A registered name, or a folder; a flat one without labels will do.")
]


@app.command("list")
def list_(form: ListFormatOption = ListFormat.table) -> None:
    """List the registered datasets; any folder of music is one too."""
    from genrebench.plugin.registry import registry

    offers = {name: found[0] for name, found in sorted(registry().datasets.items())}
    columns = ("dataset", "summary", "from")
    rows = [(name, offer.spec.summary, offer.plugin.distribution) for name, offer in offers.items()]
    print_list(form, None, columns, rows, lambda: [dict(zip(("name", "summary", "plugin"), row, strict=True)) for row in rows])


@app.command()
def show(
    dataset: DatasetArgument,
    split: _task.SplitOption = None,
    split_seed: _task.SplitSeedOption = 0,
    form: FormatOption = Format.table,
) -> None:
    """Count a dataset's tracks by genre, part of the split and artist; say how long they are and where features come from."""
    from genrebench.datasets.summary import summarise
    from genrebench.plugin.registry import registry

    found = _task.load_dataset(dataset, registry())
    value = summarise(found, split, split_seed)
    if form is Format.json:
        print_json(value)
        return
    facts = [(key, _text(item)) for key, item in value.items() if key != "genres"]
    print_table(None, ("what", "value"), facts)
    columns = ("genre", "tracks", "artists", "training", "validation", "test")
    print_table(None, columns, [[row[key] for key in columns] for row in value["genres"]], right=columns[1:])


@app.command()
def get(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="fma-small, fma-medium or fma-large.")],
    metadata: Annotated[
        bool, typer.Option("--metadata", help="Without the audio: enough for svm-baseline on the distributed features.")
    ] = False,
    source: Annotated[
        str | None, typer.Option("--from", help="A mirror (http, https) or a local folder that holds the archives.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Download, verify and unpack a dataset; what is there is skipped, what was interrupted goes on."""
    from genrebench.datasets import download

    with byte_progress() as progress:
        got = download.get(dataset, _task.home(), metadata_only=metadata, source=source, progress=progress)
    if form is Format.json:
        print_json(dataclasses.asdict(got) | {"folder": str(got.folder)})
        return
    for folder in got.present:
        echo(f"{folder} is there already")
    for folder in got.unpacked:
        echo(f"{folder} unpacked and verified")
    echo(f"{got.bytes_fetched / 1e6:.1f} MB fetched; the data lies in {got.folder}")
    echo(f"Next: genrebench data show {dataset}")


@app.command()
def check(
    dataset: MusicArgument,
    split: _task.SplitOption = None,
    split_seed: _task.SplitSeedOption = 0,
    exclude: _task.ExcludeOption = None,
    exclusions: Annotated[
        Path | None,
        typer.Option(
            "--exclusions",
            help="Write a list (id, reason) that --exclude takes: the faulty tracks, all but one of each set of copies, and "
            "what --exclude left out.",
        ),
    ] = None,
    workers: _task.WorkersOption = None,
    form: ListFormatOption = ListFormat.table,
) -> None:
    """Decode every clip and report what is wrong with a dataset; exit code 1 if a track is faulty.

    A second check reads what the first has found out, as long as the files are the same; an interrupted one goes on.
    """
    from genrebench import files
    from genrebench.datasets import check as doctor
    from genrebench.plugin.registry import registry

    if exclusions is not None:
        files.require_place(exclusions)
    left_out = _read_exclusions(exclude)
    found = _load_music(dataset, left_out)
    cut, before = doctor.cut(found, split, split_seed)
    around = _task.session(registry(), workers=workers)
    findings = doctor.check(found, cut, home=around.home, workers=around.workers, progress=around.progress, before=before)
    columns = ("severity", "kind", "track", "detail")
    rows = [(f.severity, f.kind, f.track, f.detail) for f in findings]
    if form is ListFormat.table and not rows:
        echo(f"Nothing is wrong with {found.name}.")
    else:
        print_list(form, None, columns, rows, lambda: [dict(zip(columns, row, strict=True)) for row in rows])
    if exclusions is not None:
        n = doctor.write_exclusions(findings, exclusions, left_out)
        say(f"wrote a list of {n} tracks to {exclusions}{f'; leave them out with --exclude {exclusions}' if n else ''}")
    counts = ", ".join(f"{name}s: {sum(f.severity == name for f in findings)}" for name in doctor.SEVERITIES)
    say(f"{len(found.tracks)} tracks; {counts}")
    if any(f.severity == "fault" for f in findings):
        raise typer.Exit(1)


@app.command()
def features(
    dataset: MusicArgument,
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write, in the form of FMA's features.csv.")],
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    workers: _task.WorkersOption = None,
) -> None:
    """Compute FMA's 518 columns from the audio of a dataset or of a flat folder of files."""
    from genrebench.inputs import export as extraction
    from genrebench.plugin.registry import registry

    around = _task.session(registry(), workers=workers)
    paths = extraction.clips_of(_load_music(dataset, _read_exclusions(exclude)))
    n = extraction.write_features(paths, out, _task.parse_excerpt(excerpt), around)
    say(f"wrote {n} rows of 518 columns to {out}")


def _read_exclusions(exclude: Path | None) -> list[Exclusion]:
    from genrebench.tasks import task as tasks

    return tasks.read_exclusions(exclude) if exclude is not None else []


def _load_music(name: str, left_out: Sequence[Exclusion]) -> Dataset:
    """Read a dataset, or a flat folder without labels, and leave tracks out of it."""
    from genrebench.datasets import resolve
    from genrebench.plugin.registry import registry
    from genrebench.tasks import task as tasks

    found = resolve(name, registry().dataset_specs(), _task.home(), show_progress, labelled=False)
    unknown = tasks.unknown_ids(left_out, found)
    if unknown is not None:
        warn(unknown)
    return tasks.without(found, left_out)


def _text(item: Any) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key}: {_text(part)}" for key, part in item.items())
    if isinstance(item, list):
        return "; ".join(map(str, item)) or "none"
    return "unknown" if item is None else f"{item:.1f}" if isinstance(item, float) else str(item)

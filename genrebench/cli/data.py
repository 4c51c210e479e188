"""`genrebench data`: what datasets there are and what is in them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from genrebench import files
from genrebench.cli import _task
from genrebench.cli._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    echo,
    print_json,
    print_list,
    print_result,
    say,
)

app = typer.Typer(no_args_is_help=True, help="List, show, get and check datasets, and extract their features.")
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A registered name or a folder.")]
MusicArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="A registered name, or a folder; a flat one without labels will do.")
]


@app.command("list")
def list_(form: ListFormatOption = ListFormat.table) -> None:
    """List the registered datasets; any folder of music is one too."""
    import genrebench as gb

    datasets = gb.list_datasets()
    if form is ListFormat.json:
        print_json(datasets.to_json())
    else:
        print_list(form, *datasets.tables())


@app.command()
def show(
    dataset: DatasetArgument,
    split: _task.SplitOption = None,
    split_seed: _task.SplitSeedOption = 0,
    form: FormatOption = Format.table,
) -> None:
    """Count a dataset's tracks by genre, part of the split and artist; say how long they are and where features come from."""
    import genrebench as gb

    summary = gb.describe(dataset, split=split, split_seed=split_seed, **_task.watched())
    if form is Format.json:
        print_json(summary.to_json())
    else:
        print_result(summary)


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
    import genrebench as gb
    from genrebench.progress import byte_progress

    with byte_progress() as progress:
        got = gb.get_dataset(dataset, metadata=metadata, source=source, progress=progress)
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
    import genrebench as gb

    if exclusions is not None:
        files.require_place(exclusions)
    report = gb.check_dataset(
        dataset,
        split=split,
        split_seed=split_seed,
        exclude=_task.exclusions(exclude),
        workers=workers,
        **_task.watched(),
    )
    if form is ListFormat.json:
        print_json(report.to_json())
    elif form is ListFormat.table and not report.findings:
        echo(f"Nothing is wrong with {report.dataset.name}.")
    else:
        print_list(form, report.to_table())
    if exclusions is not None:
        n = report.write_exclusions(exclusions)
        say(f"wrote a list of {n} tracks to {exclusions}{f'; leave them out with --exclude {exclusions}' if n else ''}")
    for note in report.notes():
        say(note)
    if report.has_faults:
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
    import genrebench as gb

    n = gb.write_features(dataset, out, excerpt=excerpt, exclude=_task.exclusions(exclude), workers=workers, **_task.watched())
    say(f"wrote {n} rows of 518 columns to {out}")

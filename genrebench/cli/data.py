"""`genrebench data`: list, describe, download and check datasets."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from genrebench import files
from genrebench.cli import _complete, _task
from genrebench.cli._group import Group
from genrebench.cli._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    print_json,
    print_list,
    print_result,
    print_table,
    print_text,
    say,
)

app = typer.Typer(
    cls=Group, no_args_is_help=True, help="List, describe, download and check datasets, and extract their features."
)
DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", autocompletion=_complete.datasets, help="A registered name or a folder.")
]
MusicArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        autocompletion=_complete.datasets,
        help="A registered name or a folder, which may be flat and without labels.",
    ),
]


@app.command("list")
def list_(form: ListFormatOption = ListFormat.table) -> None:
    """List the registered datasets; folders of music needn't be registered."""
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
    split_file: _task.SplitFileOption = None,
    split_seed: _task.SplitSeedOption = 0,
    follow_links: _task.FollowLinksOption = False,
    segments: _task.SegmentsOption = "together",
    form: FormatOption = Format.table,
) -> None:
    """Show the number of tracks by genre, part and artist, their durations, and the source of the features."""
    import genrebench as gb

    summary = gb.describe(
        dataset,
        split=split,
        split_file=split_file,
        split_seed=split_seed,
        segments=segments,
        follow_links=follow_links,
        **_task.terminal(),
    )
    print_result(summary, form)


@app.command()
def get(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="A registered dataset that can be downloaded, such as fma-small.")
    ],
    metadata: Annotated[
        bool,
        typer.Option("--metadata", help="Only metadata and features, without audio; for FMA enough for svm-baseline."),
    ] = False,
    source: Annotated[
        str | None, typer.Option("--from", help="A mirror (http, https) or a local folder with the files.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """Download, verify and unpack a dataset; existing files are skipped, interrupted downloads are resumed."""
    import genrebench as gb

    result = gb.get_dataset(dataset, metadata=metadata, source=source, progress=True)
    if form is Format.json:
        print_json(result)
        return
    for folder in result.present:
        print_text(f"{folder} already exists")
    for folder in result.unpacked:
        print_text(f"{folder} unpacked and verified")
    print_text(f"{result.bytes_fetched / 1e6:.1f} MB downloaded; the data is in {result.folder}")
    print_text(f"Next: genrebench data show {dataset}")


@app.command()
def check(
    dataset: MusicArgument,
    split: _task.SplitOption = None,
    split_file: _task.SplitFileOption = None,
    split_seed: _task.SplitSeedOption = 0,
    exclude: _task.ExcludeOption = None,
    follow_links: _task.FollowLinksOption = False,
    segments: _task.SegmentsOption = "together",
    exclusions: Annotated[
        Path | None,
        typer.Option(
            "--exclusions",
            help="Write a CSV file (id, reason) for --exclude: faulty tracks, all but one track of each set of duplicates, and "
            "the tracks already excluded with --exclude.",
        ),
    ] = None,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read all files again, and report those that changed unnoticed.")
    ] = False,
    workers: _task.WorkersOption = None,
    cluster: _task.ClusterOption = None,
    form: ListFormatOption = ListFormat.table,
) -> None:
    """Decode every clip and report problems with a dataset; exit code 1 if a track is faulty.

    Results are cached, so checking unchanged files again is fast and an interrupted check can be resumed.
    """
    import genrebench as gb

    if exclusions is not None:
        files.require_place(exclusions)
    report = gb.check_dataset(
        dataset,
        split=split,
        split_file=split_file,
        split_seed=split_seed,
        exclude=exclude,
        follow_links=follow_links,
        segments=segments,
        rehash=rehash,
        workers=workers,
        cluster=cluster,
        **_task.terminal(),
    )
    if form is ListFormat.json:
        print_json(report.to_json())
    elif form is ListFormat.table and not report.findings:
        print_text(f"No problems found in {report.dataset.name}.")
    elif form is ListFormat.table:
        print_table(*report.tables())
    else:
        print_list(form, report.to_table())
    if exclusions is not None:
        n = report.write_exclusions(exclusions)
        say(f"wrote {n} tracks to {exclusions}{f'; exclude them with --exclude {exclusions}' if n else ''}")
    for note in report.notes():
        say(note)
    if report.has_faults:
        raise typer.Exit(1)


@app.command("split")
def split_(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write, with track_id, fold, part, genre and group.")],
    split: _task.SplitOption = None,
    split_file: _task.SplitFileOption = None,
    split_seed: _task.SplitSeedOption = 0,
    exclude: _task.ExcludeOption = None,
    extra_training: _task.ExtraTrainingOption = None,
    follow_links: _task.FollowLinksOption = False,
    segments: _task.SegmentsOption = "together",
    workers: _task.WorkersOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Write which tracks train, validate and test, so that a model outside Python can be trained on exactly this task.

    Tracks of one group are by one artist. Put the model's predictions for the test tracks on the board with 'genrebench score'.
    """
    import genrebench as gb

    chosen: dict[str, Any] = {
        "split": split,
        "split_file": split_file,
        "split_seed": split_seed,
        "exclude": exclude,
        "extra_training": extra_training,
        "follow_links": follow_links,
        "segments": segments,
    }
    task = gb.write_split(dataset, out, **chosen, workers=workers, **_task.terminal())
    print_result(task, form)
    words = ["genrebench", "score", "PREDICTIONS.csv", "--dataset", dataset]
    for name, value in chosen.items():
        if value and value != "together":
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    say(f"wrote {out}; score predictions for the test tracks with: {shlex.join(words)}")


@app.command()
def features(
    dataset: MusicArgument,
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write, in the format of FMA's features.csv.")],
    excerpt: _task.ExcerptOption = "30",
    exclude: _task.ExcludeOption = None,
    follow_links: _task.FollowLinksOption = False,
    workers: _task.WorkersOption = None,
    cluster: _task.ClusterOption = None,
) -> None:
    """Compute FMA's 518 features from the audio of a dataset or of a flat folder of files."""
    import genrebench as gb

    n = gb.write_features(
        dataset,
        out,
        excerpt=excerpt,
        exclude=exclude,
        follow_links=follow_links,
        workers=workers,
        cluster=cluster,
        **_task.terminal(),
    )
    say(f"wrote {n} rows of 518 columns to {out}")

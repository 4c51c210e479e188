"""`genrebench data`: what datasets there are and what is in them."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from genrebench.cli import _task
from genrebench.cli._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    byte_progress,
    print_json,
    print_list,
    print_table,
)

app = typer.Typer(no_args_is_help=True, help="List, show, get and check datasets, and extract their features.")
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A registered name or a folder.")]


@app.command("list")
def list_(form: ListFormatOption = ListFormat.table) -> None:
    """List the registered datasets; any folder of music is one too."""
    from genrebench.plugins import registry

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
    from genrebench.plugins import registry
    from genrebench.summaries import summarise

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
    from genrebench import download

    with byte_progress() as progress:
        got = download.get(dataset, _task.home(), metadata_only=metadata, source=source, progress=progress)
    if form is Format.json:
        print_json(dataclasses.asdict(got) | {"folder": str(got.folder)})
        return
    for folder in got.present:
        typer.echo(f"{folder} is there already")
    for folder in got.unpacked:
        typer.echo(f"{folder} unpacked and verified")
    typer.echo(f"{got.bytes_fetched / 1e6:.1f} MB fetched; the data lies in {got.folder}")
    typer.echo(f"Next: genrebench data show {dataset}")


def _text(item: Any) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{key}: {_text(part)}" for key, part in item.items())
    if isinstance(item, list):
        return "; ".join(map(str, item)) or "none"
    return "unknown" if item is None else f"{item:.1f}" if isinstance(item, float) else str(item)

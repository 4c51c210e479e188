"""What a row is called where two look alike, and whether a pretrained model has seen the data of its board."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genrebench.boards.row import Row


def told_apart(rows: Sequence[Row]) -> list[Row]:
    """Give rows of one model name and the same changed options the version, and the distribution where these differ."""
    alike = Counter(map(_look, rows))
    distributions = {look: {row.plugin for row in rows if _look(row) == look} for look in alike}

    def name(row: Row) -> str:
        if alike[_look(row)] == 1 or row.baseline:
            return row.model
        owner = f"{row.plugin}:" if len(distributions[_look(row)]) > 1 else ""
        return f"{owner}{row.model} {row.version}".rstrip()

    return [replace(row, shown_as=name(row)) for row in rows]


def has_seen(trained_on: Sequence[str], dataset: str) -> bool:
    """Whether a model that was trained on these data sets may have seen the test tracks of a dataset.

    A name stands for all that begins with it, and the subsets of FMA are parts of each other: "fma-large" has the tracks of
    fma-medium, "gtzan" those of gtzan-fault-filtered. Capitals, blanks and underscores don't matter.
    """
    mine = _plain(dataset)
    return any(_related(_plain(name), mine) for name in trained_on)


def _related(name: str, other: str) -> bool:
    nested = name.startswith("fma-") and other.startswith("fma-")
    return nested or name == other or other.startswith(f"{name}-") or name.startswith(f"{other}-")


def _plain(name: str) -> str:
    return "-".join(name.lower().replace("_", " ").replace("-", " ").split())


def _look(row: Row) -> tuple[str, str, bool]:
    return row.model, json.dumps(dict(row.changed), sort_keys=True, default=str), row.calibrated


def dataset_name(dataset: str) -> str:
    """The name that runs record for `dataset`, which is a name or a folder."""
    path = Path(dataset).expanduser()
    folder = dataset in (".", "..") or len(path.parts) > 1 or dataset.startswith("./") or dataset.endswith("/")
    return path.resolve().name if folder else dataset

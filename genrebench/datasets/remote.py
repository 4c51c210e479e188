"""Datasets at a URL: tracks.csv and features.csv are fetched when the dataset is opened, audio when it is used.

The URL is that of a folder with a tracks.csv, or of the tracks.csv itself, in any file system that fsspec knows: S3 and what
speaks its language, HTTP, and others with a package of their own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from genrebench.datasets import folder as folders
from genrebench.datasets.table import read_records
from genrebench.errors import DataError, UsageError
from genrebench.mirror import SUFFIX, Mirror
from genrebench.records import Dataset

FOLDER = "remote"
"""Of the cache."""


def load(url: str, home: Path) -> Dataset:
    """Load the dataset at a URL.

    Parameters
    ----------
    url : str
    home : Path
        genrebench's data folder; copies are kept in its cache.

    Raises
    ------
    UsageError
        If the URL has a user or password in it, or needs packages that aren't installed.
    DataError
        If there is no tracks.csv, it can't be fetched or has changed, or the dataset is invalid.
    """
    if urlsplit(url).username or urlsplit(url).password:
        raise UsageError("leave user and password out of the URL, since runs record it; give them by the environment")
    base = url.rstrip("/").removesuffix("/tracks.csv")
    mirror = Mirror(base, home / "cache" / FOLDER / f"{hashlib.sha256(base.encode()).hexdigest()[:16]}{SUFFIX}")
    try:
        mirror.create()
        table = mirror.refresh("tracks.csv", needed=True)
    except FileNotFoundError as error:
        bucket = "" if "bucket" not in str(error).lower() else f" ({error})"
        raise DataError(f"there is no {base}/tracks.csv{bucket}; a dataset at a URL needs one") from None
    if table is not None:
        _expect_audio(mirror, table)
    mirror.refresh("features.csv", needed=False)
    dataset = folders.load(mirror.files)
    return dataclasses.replace(dataset, note=f"{dataset.note}, at {base}")


def _expect_audio(mirror: Mirror, table: Path) -> None:
    """Make places for the files that a table names; what is wrong with it is said when it is read as a dataset."""
    records = read_records(table)
    _, header = next(records, (0, []))
    names = [name.strip() for name in header]
    if "path" not in names:
        return
    column = names.index("path")
    for _, cells in records:
        text = cells[column].strip().replace("\\", "/") if column < len(cells) else ""
        path = PurePosixPath(text)
        if text and not path.is_absolute() and ".." not in path.parts:
            with contextlib.suppress(OSError, ValueError):  # no name for a file here: the dataset says so
                mirror.expect(str(path))

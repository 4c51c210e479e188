"""Precomputed feature values that come with a dataset: features.csv, with one header row or FMA's three."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genrebench.datasets.table import clean, read_records
from genrebench.errors import DataError
from genrebench.records import FeatureValues

MAX_COLUMNS = 100_000
"""More columns aren't features but, as a rule, a transposed table, and take longer than anybody waits."""


class Header(NamedTuple):
    """A parsed header: the number of its last line, and the feature columns (without the track id)."""

    last_line: int
    columns: tuple[tuple[str, ...], ...]


def read_header(path: Path) -> Header:
    """Read the header of a features.csv.

    Parameters
    ----------
    path : Path
        Either one header row that starts with ``track_id``, or FMA's format: three rows (feature, statistics, number) and a
        row with nothing but ``track_id``.

    Returns
    -------
    Header

    Raises
    ------
    DataError
        If the file has neither format, no feature column, or a column twice.
    """
    rows: list[list[str]] = []
    last_line = 0
    for line, cells in read_records(path):
        if len(cells) > MAX_COLUMNS:
            raise DataError(
                f"{path}, line {line}: {len(cells):,} columns are too many, at most {MAX_COLUMNS:,}; keep fewer features, or "
                "compute them in a model or an input of a plugin"
            )
        rows.append([clean(cell, "the column name", f"{path}, line {line}") for cell in cells])
        last_line = line
        if rows[-1][0] == "track_id" or len(rows) == 4:
            break
    if not rows:
        raise DataError(f"{path} is empty; its first row must name the columns")
    if rows[-1][0] != "track_id" or len(rows) not in (1, 4) or len({len(row) for row in rows}) > 1:
        raise DataError(
            f"{path}: the first column must be 'track_id' (one header row, or FMA's three above it), not {rows[0][0]!r}"
        )
    columns = (
        tuple(zip(*(row[1:] for row in rows[:3]), strict=True)) if len(rows) == 4 else tuple((name,) for name in rows[0][1:])
    )
    if not columns:
        raise DataError(f"{path} has no feature column besides 'track_id'")
    if len(set(columns)) < len(columns):
        duplicate = next(column for column, count in Counter(columns).items() if count > 1)
        raise DataError(f"{path} has the column {column_name(duplicate)!r} twice; keep one")
    return Header(last_line, columns)


def read_features(path: Path, track_ids: Collection[str]) -> FeatureValues:
    """Read the feature values of some tracks.

    Parameters
    ----------
    path : Path
        As in `read_header`.
    track_ids : collection of str
        Other rows are skipped; ids without a row are missing from the result.

    Returns
    -------
    FeatureValues
        One row per track, in the file's order. A row whose cells are all empty is skipped; a single empty cell is read as NaN,
        which is an error only if its track and column are used.

    Raises
    ------
    DataError
        If a row has too many or too few cells, a track id appears twice, or a cell isn't a number.
    """
    header = read_header(path)
    requested = frozenset(track_ids)
    ids: list[str] = []
    seen: dict[str, int] = {}
    values: list[NDArray[np.float64]] = []
    for line, cells in read_records(path):
        if line <= header.last_line:
            continue
        if len(cells) != len(header.columns) + 1:
            raise DataError(f"{path}, line {line}: {len(cells)} cells, but the header has {len(header.columns) + 1}")
        track = clean(cells[0], "track_id", f"{path}, line {line}")
        if track in seen:
            raise DataError(f"{path}, line {line}: track_id {track!r} appears twice, first in line {seen[track]}; keep one")
        seen[track] = line
        if track in requested and any(cells[1:]):
            ids.append(track)
            values.append(_numbers(cells[1:], header.columns, f"{path}, line {line}"))
    return FeatureValues(tuple(ids), header.columns, np.array(values).reshape(len(ids), len(header.columns)))


def _numbers(cells: Sequence[str], columns: Sequence[tuple[str, ...]], where: str) -> NDArray[np.float64]:
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:  # a cell is empty or not a number: parse them one by one
        return np.array([_number(cell, column, where) for cell, column in zip(cells, columns, strict=True)])


def _number(cell: str, column: tuple[str, ...], where: str) -> float:
    try:
        return float(cell) if cell.strip() else math.nan
    except ValueError:
        raise DataError(f"{where}, column {column_name(column)!r}: {cell!r} is not a number") from None


def column_name(column: Sequence[str]) -> str:
    """The levels of a column's name joined: "mfcc/mean/01"."""
    return "/".join(column)

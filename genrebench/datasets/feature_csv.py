"""Precomputed feature values that come with a dataset: features.csv, with one header row or FMA's three."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genrebench.datasets import id_forms
from genrebench.datasets.table import clean, is_blank_header, number, other_separator, read_records, without_numbers
from genrebench.errors import DataError
from genrebench.records import FeatureValues

MAX_COLUMNS = 100_000
"""More columns aren't features but, as a rule, a transposed table, and take longer than anybody waits."""

MAX_VALUE = float(np.sqrt(np.finfo(np.float32).max))
"""Largest feature value, 1.8e19: squares of larger ones are infinite in single precision, with which many models calculate."""

SAVE = (
    "save it with pd.read_csv('fma_metadata/features.csv', index_col=0, header=[0, 1, 2]).to_csv('features.csv'), which keeps "
    "its header rows and the track ids in front"
)
"""How FMA's table is saved again so that it can be read."""


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
        row with nothing but ``track_id``. FMA's table saved again by pandas is read as well: without that last row, or with
        fewer header rows.

    Returns
    -------
    Header

    Raises
    ------
    DataError
        If the file has neither format, no feature column, or a column twice.
    """
    first = []
    for line, cells in islice(read_records(path), 4):
        if len(cells) > MAX_COLUMNS:
            raise DataError(
                f"{path}, line {line}: {len(cells):,} columns are too many, at most {MAX_COLUMNS:,}; keep fewer features, or "
                "compute them in a model or an input of a plugin"
            )
        first.append((line, cells))
    if not first:
        raise DataError(f"{path} is empty; its first row must name the columns")
    starts = [cells[0].strip() for _, cells in first]
    if starts[0] == "track_id":  # one row, or several if pandas has saved FMA's table with the index as a column
        n_levels = next((n for n, start in enumerate(starts[1:], 1) if not is_blank_header(start)), len(starts))
        n_rows = n_levels
    elif "track_id" in starts:
        n_levels = starts.index("track_id")
        n_rows = n_levels + 1
    else:
        of_fma = starts[:2] == ["", ""] or not {"feature", "features", "statistics", "number"}.isdisjoint(starts)
        named = [[cell.strip() for cell in cells] for _, cells in first]
        if of_fma or any("track_id" in names for names in named[1:]):
            hint = f"; {SAVE}"
        elif "track_id" in named[0]:
            hint = f"; move the column 'track_id', which is number {named[0].index('track_id') + 1}, to the front"
        else:
            hint = other_separator(named[0])
        raise DataError(
            f"{path}: the first column must be 'track_id' (one header row, or FMA's three above it), not {starts[0]!r}{hint}"
        )
    rows = [[clean(cell, "the column name", f"{path}, line {line}") for cell in cells] for line, cells in first[:n_rows]]
    if len({len(row) for row in rows}) > 1:
        raise DataError(f"{path}: the {n_rows} rows of the header have different numbers of cells")
    columns = _column_names([row[1:] for row in rows[:n_levels]])
    if not columns:
        raise DataError(f"{path} has no feature column besides 'track_id'")
    counts = Counter(columns)
    if len(counts) < len(columns):
        duplicate = next(column for column in columns if counts[column] > 1)
        hint = "" if counts[duplicate] == 2 else f", or, if it is FMA's table, {SAVE}"
        times = "twice" if counts[duplicate] == 2 else f"{counts[duplicate]} times"
        raise DataError(f"{path} has the column {column_name(duplicate)!r} {times}; keep one{hint}")
    return Header(first[n_rows - 1][0], columns)


def _column_names(levels: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Names of the columns from the rows of a header.

    With several rows, cells that a spreadsheet has merged get the name at their left, and the numbers that pandas adds to
    repeated names of the first row are removed.
    """
    if len(levels) == 1:
        return tuple((name,) for name in levels[0])
    filled = []
    for level in levels[:-1]:
        names: list[str] = []
        for cell in level:
            names.append(names[-1] if names and is_blank_header(cell) else cell)
        filled.append(without_numbers(names))
    return tuple(zip(*filled, levels[-1], strict=True))


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
        and a number beyond `MAX_VALUE` as infinite, which are errors only if their track and column are used. An id that is
        written differently than in `track_ids` is that of its track if only one can be meant; `notes` says so, and which ids
        have no row.

    Raises
    ------
    DataError
        If a row has too many or too few cells, a track id appears twice, or a cell isn't a number.
    """
    header = read_header(path)
    requested = frozenset(track_ids)
    result, found = _read(path, header, {id_: id_ for id_ in requested})
    if requested <= found:
        return result
    matched = id_forms.match(requested, found)
    if matched:
        result, _ = _read(path, header, {id_: id_ for id_ in requested & found} | matched)
    met = found | set(matched.values())
    notes = (
        id_forms.match_note(matched, path.name, "tracks.csv"),
        id_forms.miss_note(requested, met - matched.keys(), path.name, "tracks.csv"),
    )
    return replace(result, notes=tuple(note for note in notes if note is not None))


def _read(path: Path, header: Header, track_of: Mapping[str, str]) -> tuple[FeatureValues, set[str]]:
    """The rows of some tracks, by the ids of the file, and all ids of the file."""
    ids: list[str] = []
    seen: dict[str, int] = {}
    values = array("d")  # grows in place: a list of rows would be there twice at the end
    for line, cells in read_records(path):
        if line <= header.last_line:
            continue
        if len(cells) != len(header.columns) + 1:
            raise DataError(f"{path}, line {line}: {len(cells)} cells, but the header has {len(header.columns) + 1}")
        track = clean(cells[0], "track_id", f"{path}, line {line}")
        if track in seen:
            raise DataError(f"{path}, line {line}: track_id {track!r} appears twice, first in line {seen[track]}; keep one")
        seen[track] = line
        if track in track_of and any(cells[1:]):
            ids.append(track_of[track])
            values.frombytes(_numbers(cells[1:], header.columns, f"{path}, line {line}").tobytes())
    table = np.frombuffer(values, dtype=np.float64).reshape(len(ids), len(header.columns))
    return FeatureValues(tuple(ids), header.columns, table), set(seen)


def _numbers(cells: Sequence[str], columns: Sequence[tuple[str, ...]], where: str) -> NDArray[np.float64]:
    try:
        if "_" in "".join(cells):  # no number, see `table.number`; a test of each cell would take longer than parsing them
            raise ValueError
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:  # a cell is empty or not a number: parse them one by one
        values = np.array([_number(cell, column, where) for cell, column in zip(cells, columns, strict=True)])
    too_large = np.abs(values) > MAX_VALUE
    values[too_large] = np.copysign(np.inf, values[too_large])
    return values


def _number(cell: str, column: tuple[str, ...], where: str) -> float:
    try:
        return number(cell) if cell.strip() else math.nan
    except ValueError:
        raise DataError(f"{where}, column {column_name(column)!r}: {cell!r} is not a number") from None


def empty_columns(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each column has no value in any row, shape (n_columns,); False for a table without rows."""
    empty: NDArray[np.bool_] = np.isnan(values).sum(axis=0) == max(len(values), 1)
    return empty


def column_name(column: Sequence[str]) -> str:
    """The levels of a column's name joined: "mfcc/mean/01"."""
    return "/".join(column)

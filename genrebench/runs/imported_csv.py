"""Reading of predictions made outside genrebench: a CSV file as spreadsheets, pandas and other programs write it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genrebench.datasets import id_forms
from genrebench.datasets.table import clean, find_columns, number, read_records
from genrebench.errors import DataError, did_you_mean
from genrebench.plugin.hosted import SUM_TOLERANCE

CLAIMS = ("genre", "fold")
"""Columns that are compared with the task."""

MIN_DECIMALS = 3
"""Decimals from which rounded rows are renormalised; with fewer, too much is lost."""

_MAX_SHIFT = 400  # decimals beyond which a float is 0


@dataclass(frozen=True)
class ImportedRows:
    """Predictions in a file.

    Parameters
    ----------
    rows : dict of str to list of float
        Probabilities by track id, in the order of the genres.
    warnings : list of str
        What was taken otherwise than it is written.
    claims : dict of str to dict of str to str
        What the columns genre and fold say, by column and track id; a column that isn't there is left out.
    """

    rows: dict[str, list[float]]
    warnings: list[str] = field(default_factory=list)
    claims: dict[str, dict[str, str]] = field(default_factory=dict)


def read(file: Path, genres: Sequence[str], track_ids: Collection[str]) -> ImportedRows:
    """Read the probabilities of tracks.

    Parameters
    ----------
    file : Path
        CSV file with `track_id` and one column per genre, named GENRE or p:GENRE; the columns genre and
        fold are kept for comparison with the task, others ignored. Cells are
        stripped, names composed (NFC). Rows that are rounded to three decimals or more are renormalised.
    genres : sequence of str
    track_ids : collection of str
        All ids of the dataset. An id that is written differently is taken if only one can be meant.

    Returns
    -------
    ImportedRows

    Raises
    ------
    DataError
        If the file can't be read, a column is missing, a track has two rows, or a row isn't a probability distribution.
    """
    records = read_records(file)
    first, header = next(records, (1, []))
    id_column = find_columns(file, header, ("track_id",))["track_id"]
    names = [clean(cell, "the column name", f"{file}, line {first}") for cell in header]
    columns = [_column(file, names, genre) for genre in genres]
    used = {id_column, *columns}
    claimed = {name: names.index(name) for name in CLAIMS if names.count(name) == 1 and names.index(name) not in used}
    claims: dict[str, dict[str, str]] = {name: {} for name in claimed}
    rows: dict[str, list[float]] = {}
    lines: dict[str, int] = {}
    decimals = 0
    for line, cells in records:
        where = f"{file}, line {line}"
        if len(cells) != len(header):
            raise DataError(f"{where}: {len(cells)} cells, but the header has {len(header)}; quote cells that contain a comma")
        id_ = clean(cells[id_column], "track_id", where)
        if id_ in rows:
            raise DataError(f"{where}: track {id_!r} already has a row, in line {lines[id_]}; keep one")
        lines[id_] = line
        rows[id_] = [_probability(cells[column], f"{where}, column {names[column]!r}") for column in columns]
        for name, column in claimed.items():
            claims[name][id_] = clean(cells[column], name, where)
        decimals = max(decimals, *(_decimals(cells[column]) for column in columns))
    warnings = _renormalise(file, rows, lines, decimals)
    matched = id_forms.match(track_ids, rows)
    if (note := id_forms.match_note(matched, file.name, "the dataset")) is not None:
        warnings.append(note)
    return ImportedRows(
        {matched.get(id_, id_): row for id_, row in rows.items()},
        warnings,
        {name: {matched.get(id_, id_): value for id_, value in values.items()} for name, values in claims.items()},
    )


def _column(file: Path, names: Sequence[str], genre: str) -> int:
    found = [name for name in (f"p:{genre}", genre) if name in names]
    if not found:
        others = [name for name in names if name != "track_id"]
        raise DataError(f"{file} has no column {'p:' + genre!r} for the genre {genre!r}; {did_you_mean(genre, others)}")
    return find_columns(file, names, found[:1])[found[0]]


def _probability(cell: str, where: str) -> float:
    try:
        value = number(cell)
    except ValueError:
        hint = "; write decimals with a point" if cell.count(",") == 1 else ""
        raise DataError(f"{where}: {cell!r} isn't a number{hint}") from None
    if not 0 <= value <= 1 + SUM_TOLERANCE:
        raise DataError(f"{where}: {cell!r} isn't a probability")
    return value


def _decimals(cell: str) -> int:
    """Decimals of a number; those of a number in scientific notation are counted as if written out."""
    mantissa, _, exponent = cell.strip().casefold().partition("e")
    shift = min(max(float(exponent or 0), -_MAX_SHIFT), _MAX_SHIFT)  # an exponent may have thousands of digits
    return max(0, len(mantissa.partition(".")[2]) - int(shift))


def _renormalise(file: Path, rows: dict[str, list[float]], lines: dict[str, int], decimals: int) -> list[str]:
    """Renormalise rows whose sum is off by rounding or cutting off each value at `decimals`; the warnings."""
    sums = {id_: sum(row) for id_, row in rows.items() if abs(sum(row) - 1) > SUM_TOLERANCE}
    for id_, total in sums.items():
        where = f"{file}, line {lines[id_]}: the row of track {id_!r} sums to {total:.6g} instead of 1"
        if abs(total - 1) > len(rows[id_]) * 10.0**-decimals + SUM_TOLERANCE:
            raise DataError(where)
        if decimals < MIN_DECIMALS:
            raise DataError(f"{where}; it is rounded to {decimals} decimals, write four or more")
        rows[id_] = [value / total for value in rows[id_]]
    if not sums:
        return []
    low, high = min(sums.values()), max(sums.values())
    return [
        f"{len(sums)} of {len(rows)} rows of {file.name} are rounded to {decimals} decimals and sum to {low:.6g} .. "
        f"{high:.6g}; they are renormalised"
    ]

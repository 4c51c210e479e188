"""Lists of tracks to exclude: written by the data check or by hand, and saved by spreadsheets."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from genrebench.datasets.table import find_columns, read_records
from genrebench.errors import DataError, UsageError
from genrebench.records import Exclusion

DEFAULT_REASON = "left out by the user"


def read_exclusions(path: Path) -> list[Exclusion]:
    """Read a list of tracks to exclude.

    Parameters
    ----------
    path : Path
        A CSV file with the column `id` (or `track_id`) and, optionally, `reason`; the columns may also be separated by
        semicolons or tabs, as spreadsheets do in many countries.

    Returns
    -------
    list of Exclusion
        In the file's order; rows without an id are skipped.

    Raises
    ------
    UsageError
        If the file can't be read, isn't CSV or has no column `id`.
    """
    try:
        records = read_records(path, ",;\t")
        _, header = next(records, (0, []))
        if header and header[0].strip().lower().startswith("sep="):  # how Excel is told the separator
            _, header = next(records, (0, []))
        names = [cell.strip().lower() for cell in header]
        key = "track_id" if "track_id" in names and "id" not in names else "id"
        columns = find_columns(path, names, (key,), ("reason",))
        result = []
        for line, cells in records:
            if len(cells) <= columns[key]:
                raise DataError(f"{path}, line {line}: {len(cells)} cells, but the column {key!r} is number {columns[key] + 1}")
            reason = cells[columns["reason"]].strip() if columns.get("reason", len(cells)) < len(cells) else ""
            id_ = unicodedata.normalize("NFC", cells[columns[key]].strip())
            if id_:
                result.append(Exclusion(id_, reason or DEFAULT_REASON))
        return result
    except UsageError:
        raise
    except DataError as error:
        raise UsageError(f"the exclusion list can't be read: {error}; it has the columns id and reason") from None

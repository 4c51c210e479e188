"""Tables to download as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genrebench.tables import spreadsheet_cell


def as_csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A table as CSV, in which no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_cell(cell) for cell in row] for row in (columns, *rows))
    return out.getvalue().encode("utf-8", "replace")


def records_as_csv(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Records as CSV; an interval has two columns, other lists are joined."""
    flat = [dict(_cells(record)) for record in records]
    columns = list(dict.fromkeys(key for record in flat for key in record))
    return as_csv(columns, ([record.get(column, "") for column in columns] for record in flat))


def _cells(record: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
    for key, value in record.items():
        name = key.removesuffix("_interval") if key.endswith("_interval") else ""
        if key == "interval" or name:
            low, high = value or (None, None)
            prefix = f"{name}_" if name else ""
            yield f"{prefix}low", low
            yield f"{prefix}high", high
        else:
            yield key, " and ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _cell(value: object) -> object:
    return "" if value is None else value if isinstance(value, int | float) else spreadsheet_cell(value)

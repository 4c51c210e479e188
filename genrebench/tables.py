"""Results as tables: for display in a terminal or a notebook, and as pandas DataFrames."""

from __future__ import annotations

import copy
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

if TYPE_CHECKING:
    import pandas as pd


T = TypeVar("T")

FORMULA = tuple("=+-@＝＋－＠|")
"""How the formulas of spreadsheets begin."""


@dataclass(frozen=True)
class Table:
    """A table for display.

    Parameters
    ----------
    columns : tuple of str
    rows : tuple of tuple of str
    title : str or None
    right : tuple of str
        Columns to align at the right, such as numbers.
    optional : tuple of str
        Columns to leave out where there isn't room for all, the first one first.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str | None = None
    right: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, columns: Sequence[str], rows: Iterable[Iterable[object]], title: str | None = None, right: Sequence[str] = ()
    ) -> Table:
        """Create a table from any values; None is an empty cell."""
        cells = (tuple("" if cell is None else str(cell) for cell in row) for row in rows)
        return cls(tuple(columns), tuple(cells), title, tuple(right))

    def to_frame(self) -> pd.DataFrame:
        """The cells as a pandas frame of text."""
        return frame([dict(zip(self.columns, row, strict=True)) for row in self.rows])

    def fitted(self, width: int, padding: int = 3) -> tuple[Table, tuple[str, ...]]:
        """The table without those optional columns that don't fit in `width` characters, and their names."""
        needed = {
            name: padding + max(map(len, cells)) for name, *cells in zip(self.columns, self.columns, *self.rows, strict=True)
        }
        left_out = 0
        while left_out < len(self.optional) and sum(needed.values()) > width:
            del needed[self.optional[left_out]]
            left_out += 1
        kept = [i for i, name in enumerate(self.columns) if name in needed]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(needed), rows=rows, optional=()), self.optional[:left_out]

    def to_text(self) -> str:
        """The table as text, for `print`."""
        rows = [tuple(map(printable, row)) for row in (self.columns, *self.rows)]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.rjust(width) if name in self.right else cell.ljust(width)
                for name, cell, width in zip(self.columns, row, widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([printable(self.title), *lines] if self.title else lines)

    def to_html(self) -> str:
        """The table in HTML; all text is escaped."""
        align = dict.fromkeys(self.right, ' style="text-align: right"')
        head = "".join(f"<th{align.get(name, '')}>{html.escape(printable(name))}</th>" for name in self.columns)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td{align.get(name, '')}>{html.escape(printable(cell))}</td>"
                for name, cell in zip(self.columns, row, strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        caption = (
            f'<caption style="text-align: left; caption-side: top">{html.escape(printable(self.title))}</caption>'
            if self.title
            else ""
        )
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Shown:
    """Base class of results, which are displayed as tables followed by notes."""

    def to_json(self) -> Any:
        """The result in JSON types."""
        raise NotImplementedError

    def tables(self) -> list[Table]:
        """The tables, in order of display."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Notes below the tables, one per line."""
        return []

    def to_frame(self) -> pd.DataFrame:
        """The first table as a pandas frame; results with numbers override this."""
        return self.tables()[0].to_frame() if self.tables() else frame([])

    def __repr__(self) -> str:
        title = next((table.title for table in self.tables() if table.title), None)
        return f"<{type(self).__name__}: {printable(title)}>" if title else f"<{type(self).__name__}>"

    def __str__(self) -> str:
        """The tables and notes as text."""
        notes = "\n".join(map(printable, self.notes()))
        return "\n\n".join([*(table.to_text() for table in self.tables()), *([notes] if notes else [])])

    def _repr_html_(self) -> str:
        """HTML for notebooks; all text is escaped."""
        return "".join(table.to_html() for table in self.tables()) + self._notes_html()

    def _notes_html(self) -> str:
        return "".join(f"<p>{html.escape(printable(note))}</p>" for note in self.notes())


class ShownSequence(Sequence[T], Shown):
    """A sequence of results; slices are sequences of the same type."""

    _items: tuple[T, ...]

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> T | Self:
        """A result, or a slice of the results."""
        if not isinstance(index, slice):
            return self._items[index]
        selected = copy.copy(self)
        selected._items = self._items[index]
        return selected


def printable(value: object) -> str:
    """Return `value` as text without control characters, which could control the terminal; they are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in str(value))


def printable_lines(text: str) -> str:
    """Return `printable` text whose line breaks are kept."""
    return "\n".join(map(printable, text.split("\n")))


def spreadsheet_cell(value: object) -> str:
    """Return `printable` text that a spreadsheet doesn't take for a formula; numbers stay numbers.

    A cell that begins like a formula gets an apostrophe, with which spreadsheets mark text.
    """
    text = printable(value)
    if not text.lstrip(" \"'").startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def plot_text(text: str) -> str:
    """Return printable text for matplotlib, with dollar signs escaped, so that it isn't read as mathematics."""
    return printable(text).replace("$", r"\$")


def counted(number: int, unit: str) -> str:
    """Return a number of things in words: "one track", "3 tracks"."""
    return f"one {unit}" if number == 1 else f"{number} {unit}s"


def number(value: float | None, digits: int = 3) -> str:
    """Format a score for display; None is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def frame(rows: Iterable[Mapping[str, Any]], index: str | None = None) -> pd.DataFrame:
    """Create a pandas DataFrame from rows; pandas is imported here because the command line doesn't need it."""
    import pandas as pd

    result = pd.DataFrame(list(rows))
    return result if index is None or result.empty else result.set_index(index)

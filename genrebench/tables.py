"""Results as tables: for display in a terminal or a notebook, and as pandas DataFrames."""

from __future__ import annotations

import copy
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from genrebench.layout import Grid, lines, paragraph

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd


T = TypeVar("T")

FORMULA = tuple("=+-@＝＋－＠|")
"""How the formulas of spreadsheets begin."""


@dataclass(frozen=True)
class Table(Grid):
    """A table for display.

    Parameters
    ----------
    title : str or None
    **grid
        As in `genrebench.layout.Grid`.
    """

    title: str | None = None

    @classmethod
    def of(
        cls,
        columns: Sequence[str],
        rows: Iterable[Iterable[object]],
        title: str | None = None,
        right: Sequence[str] = (),
        **grid: Any,
    ) -> Table:
        """Create a table from any values; None is an empty cell."""
        cells = (tuple("" if cell is None else str(cell) for cell in row) for row in rows)
        return cls(tuple(columns), tuple(cells), tuple(right), title=title, **grid)

    @classmethod
    def of_records(cls, records: Sequence[Mapping[str, object]], first: Sequence[str] = ()) -> Table:
        """Create a table from mappings of column to value, which needn't have all columns; `first` are there in any case."""
        columns = list(dict.fromkeys([*first, *(column for record in records for column in record)]))
        return cls.of(columns, [[record.get(column) for column in columns] for record in records])

    def to_frame(self) -> pd.DataFrame:
        """The cells as a pandas frame of text."""
        return frame([dict(zip(self.columns, row, strict=True)) for row in self.rows])

    def to_text(self, width: int | None = None) -> str:
        """The table as text, for `print`; lines have at most `width` characters, see `genrebench.layout`."""
        columns, right, text, below, drop = (
            tuple(map(printable, names)) for names in (self.columns, self.right, self.text, self.below, self.drop)
        )
        rows = tuple(tuple(map(printable, row)) for row in self.rows)
        name = None if self.name is None else printable(self.name)
        grid = Grid(columns, rows, right, text, below, drop, name, self.matrix)
        title = paragraph(printable(self.title), width) if self.title else []
        return "\n".join([*title, *lines(grid, width)])

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

    def heading(self) -> list[str]:
        """What the result comes to, one sentence per line, above the tables."""
        return []

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

    def to_text(self, width: int | None = None) -> str:
        """The heading, the tables and the notes as text; lines have at most `width` characters."""
        above, below = (
            ["\n".join(line for text in texts for line in paragraph(printable(text), width))]
            for texts in (self.heading(), self.notes())
        )
        return "\n\n".join(filter(None, [*above, *(table.to_text(width) for table in self.tables()), *below]))

    def __str__(self) -> str:
        """The heading, the tables and the notes as text, for `print`."""
        return self.to_text()

    def _repr_html_(self) -> str:
        """HTML for notebooks; all text is escaped."""
        heading, notes = map(paragraphs_html, (self.heading(), self.notes()))
        return heading + "".join(table.to_html() for table in self.tables()) + notes


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


def paragraphs_html(lines_of_text: Iterable[str]) -> str:
    """Lines of text as paragraphs in HTML; all text is escaped."""
    return "".join(f"<p>{html.escape(printable(line))}</p>" for line in lines_of_text)


def printable(value: object) -> str:
    """Return `value` as text without control characters, which could control the terminal; they are shown as escapes."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


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


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': "''",
        "`": r"\textasciigrave{}",
    }
)


def latex_text(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return printable(text).translate(_LATEX).replace("--", "-{}-{}")  # two hyphens would be a dash


def plot_text(text: str) -> str:
    """Return printable text for matplotlib, with dollar signs escaped, so that it isn't read as mathematics."""
    return printable(text).replace("$", r"\$")


def setting(name: str, value: object) -> str:
    """An option as it is given to --set: "C=10"; a whole number has no point."""
    return f"{name}={int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value}"


def counted(number: int, unit: str) -> str:
    """Return a number of things in words: "one track", "3 tracks"."""
    return f"one {unit}" if number == 1 else f"{number} {unit}s"


def number(value: float | None, digits: int = 3) -> str:
    """Format a score for display; None is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def age(started: str, now: datetime) -> str:
    """How long ago a time in ISO format was, roughly: "5 min", "3 h", "12 d"; empty if it is none."""
    try:
        seconds = (now - type(now).fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def frame(rows: Iterable[Mapping[str, Any]], index: str | None = None) -> pd.DataFrame:
    """Create a pandas DataFrame from rows; pandas is imported here because the command line doesn't need it."""
    import pandas as pd

    result = pd.DataFrame(list(rows))
    return result if index is None or result.empty else result.set_index(index)

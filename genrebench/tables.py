"""Results as tables for people: in a terminal, in a notebook, and as frames for programs."""

from __future__ import annotations

import copy
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

if TYPE_CHECKING:
    import pandas as pd


T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """A table as a person reads it.

    Parameters
    ----------
    columns : tuple of str
    rows : tuple of tuple of str
    title : str or None
    right : tuple of str
        Columns that hold numbers, and are aligned at the right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str | None = None
    right: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, columns: Sequence[str], rows: Iterable[Iterable[object]], title: str | None = None, right: Sequence[str] = ()
    ) -> Table:
        """Make a table of any values; None is an empty cell."""
        cells = (tuple("" if cell is None else str(cell) for cell in row) for row in rows)
        return cls(tuple(columns), tuple(cells), title, tuple(right))

    def to_html(self) -> str:
        """The table in HTML; everything is escaped."""
        align = dict.fromkeys(self.right, ' style="text-align: right"')
        head = "".join(f"<th{align.get(name, '')}>{html.escape(name)}</th>" for name in self.columns)
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
    """A result that is shown as tables and sentences; its subclasses say which."""

    def tables(self) -> list[Table]:
        """Tables, in the order in which a person reads them."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Sentences below the tables, one per line."""
        return []

    def _repr_html_(self) -> str:
        """HTML for notebooks; everything in it is escaped."""
        notes = "".join(f"<p>{html.escape(printable(note))}</p>" for note in self.notes())
        return "".join(table.to_html() for table in self.tables()) + notes


class ShownSequence(Sequence[T], Shown):
    """Several results in order; a slice of them is a sequence of the same kind."""

    _items: tuple[T, ...]

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> T | Self:
        """One result, or a slice of them."""
        if not isinstance(index, slice):
            return self._items[index]
        part = copy.copy(self)
        part._items = self._items[index]
        return part


def printable(value: object) -> str:
    """Return `value` as text that can't steer a terminal: control characters are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in str(value))


def number(value: float | None, digits: int = 3) -> str:
    """Return a score as people read it, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def frame(rows: Iterable[Mapping[str, Any]], index: str | None = None) -> pd.DataFrame:
    """Make a pandas frame of rows; pandas is imported here, since the command line does without."""
    import pandas as pd

    made = pd.DataFrame(list(rows))
    return made if index is None or made.empty else made.set_index(index)

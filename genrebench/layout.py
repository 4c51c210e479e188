"""Tables and paragraphs as lines of text that fit a width.

A number, a name or an id is never broken: a table that is too wide loses columns, moves columns below its rows, or wraps its
columns of prose at words. Only what is by itself longer than the width makes a line longer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

GAP = "  "
INDENT = "      "
"""What the lines below a row begin with."""

MIN_TEXT = 18
"""Characters below which a column of prose moves below its row instead of being wrapped more narrowly."""

MIN_NAME = 6
"""Characters below which the column of names isn't narrowed."""

GLUE = "\u00a0"
"""Stands for a blank at which no line is broken; `printable` text has none of its own."""

_TOGETHER = (
    (r" (=|<|>|≤|≥|\.\.|±) (?=\S)", rf"{GLUE}\1{GLUE}"),
    (r"(?<![^\s(])(±|rank|ranks|F1) (?=\d)", rf"\1{GLUE}"),
    (r"(?<=\w) (?=\d+(?:,|$))", GLUE),
    (r"(?<=\d) (?=(?:%|s|ms|min|h|MB|GB|Hz|kHz|nats)(?!\w))", GLUE),
)
"""Blanks between a number and its unit, its sign, or what it counts, as in "Rock 3, Ska 1"."""


@dataclass(frozen=True)
class Grid:
    """What a table shows, as text.

    Parameters
    ----------
    columns : tuple of str
    rows : tuple of tuple of str
    right : tuple of str
        Columns to align at the right, such as numbers.
    text : tuple of str
        Columns of prose, which may be wrapped at words.
    below : tuple of str
        Columns that move below the row where there is no room, the first one first.
    drop : tuple of str
        Those of `below` that are left out instead, as another column or command says the same.
    name : str or None
        The column that names the rows, which neither moves nor is broken; by default the first one.
    matrix : bool
        Whether the columns are all alike: those that don't fit then follow below the others.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    name: str | None = None
    matrix: bool = False


def length(text: str) -> int:
    """Number of character cells that a terminal needs for a text; some characters need two, some none."""
    return len(text) if text.isascii() else _cells(text)


@cache
def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def glued(text: str) -> str:
    """Text whose numbers are joined to their units and signs by `GLUE`, the no-break space."""
    for pattern, joined in _TOGETHER:
        text = re.sub(pattern, joined, text)
    return text


def paragraph(text: str, width: int | None, indent: str = "") -> list[str]:
    """Break a text into lines at words, but not between a number and its unit or sign.

    Parameters
    ----------
    text : str
        Printable text.
    width : int or None
        Characters of a line; None is no limit.
    indent : str
        What all lines but the first begin with.
    """
    if width is None or length(text) <= width:
        return [text.replace(GLUE, " ")]
    text = glued(text)
    room = width - len(indent)
    words = [part for word in text.split(" ") for part in ([word] if length(word) <= room else word.split(GLUE)) if part]
    lines: list[str] = []
    line = ""
    for word in words:
        longer = f"{line} {word}" if line.strip() else f"{line}{word}"
        if line.strip() and length(longer) > width:
            lines.append(line)
            longer = f"{indent}{word}"
        line = longer
    return [one.replace(GLUE, " ") for one in (*lines, line)]


def lines(grid: Grid, width: int | None = None) -> list[str]:
    """The header of a table, a rule, and the rows.

    Parameters
    ----------
    grid : Grid
    width : int or None
        Characters of a line; None is no limit.
    """
    if not grid.matrix:
        return list(_block(grid, width))
    result: list[str] = []
    for block in _blocks(grid, width):
        result += [*([""] if result else []), *_block(block, width)]
    return result


def _blocks(grid: Grid, width: int | None) -> Iterator[Grid]:
    """Split a table of equal columns into tables that fit, each with the first column."""
    widths = _natural(grid)
    start = 1
    while start < len(grid.columns):
        end = start + 1
        while end < len(grid.columns) and (
            width is None or widths[0] + sum(widths[start : end + 1]) + len(GAP) * (end + 1 - start) <= width
        ):
            end += 1
        yield _select(grid, [0, *range(start, end)])
        start = end


def _select(grid: Grid, chosen: Sequence[int]) -> Grid:
    pick = [tuple(row[i] for i in chosen) for row in (grid.columns, *grid.rows)]
    return replace(grid, columns=pick[0], rows=tuple(pick[1:]), matrix=False)


def _natural(grid: Grid) -> list[int]:
    return [max(map(length, cells)) for cells in zip(grid.columns, *grid.rows, strict=True)]


def _block(grid: Grid, width: int | None) -> Iterator[str]:
    shown, moved, widths = _fit(grid, width)
    fits = [widths[i] for i in shown]
    align = [grid.columns[i] in grid.right for i in shown]
    prose = [grid.columns[i] in grid.text for i in shown]
    yield from _row([grid.columns[i] for i in shown], fits, align, [True] * len(shown), width)
    yield "─" * (sum(fits) + len(GAP) * (len(fits) - 1))
    for row in grid.rows:
        yield from _row([row[i] for i in shown], fits, align, prose, width)
        yield from _below([(grid.columns[i], row[i], grid.columns[i] in grid.text) for i in moved], width)


def _fit(grid: Grid, width: int | None) -> tuple[list[int], list[int], list[int]]:
    """Columns to show, columns to move below the rows, and the width of each column."""
    widths = _natural(grid)
    shown = list(range(len(grid.columns)))
    moved: list[int] = []
    if width is None:
        return shown, moved, widths
    name = 0 if grid.name is None else grid.columns.index(grid.name)
    waiting = [grid.columns.index(column) for column in grid.below if column in grid.columns]

    def too_much() -> int:
        return sum(widths[i] for i in shown) + len(GAP) * (len(shown) - 1) - width

    while (excess := too_much()) > 0:
        prose = [i for i in shown if grid.columns[i] in grid.text and i != name]
        if waiting:
            leaving = waiting.pop(0)
        elif prose and _narrow(widths, prose, excess):
            break
        elif prose:
            leaving = prose[-1]
        elif widths[name] - excess >= MIN_NAME:  # a longer name gets a line of its own
            widths[name] -= excess
            break
        elif len(shown) > 1:
            leaving = next(i for i in reversed(shown) if i != name)
        else:
            widths[name] = width
            break
        shown.remove(leaving)
        if grid.columns[leaving] not in grid.drop:
            moved.append(leaving)
    return shown, sorted(moved), widths


def _narrow(widths: list[int], prose: Sequence[int], excess: int) -> bool:
    """Take the excess from the widest columns of prose; False if they would become too narrow."""
    narrowed = {i: widths[i] for i in prose}
    for _ in range(excess):
        widest = max(narrowed, key=lambda i: narrowed[i])
        if narrowed[widest] <= MIN_TEXT:
            return False
        narrowed[widest] -= 1
    for i, value in narrowed.items():
        widths[i] = value
    return True


def _row(
    cells: Sequence[str], widths: Sequence[int], right: Sequence[bool], prose: Sequence[bool], width: int | None
) -> Iterator[str]:
    """The lines of a row; a cell that is too long for its column has a line of its own if what is beside it doesn't fit."""
    columns = [
        paragraph(cell, limit) if wrapped or len(cells) == 1 else [cell]
        for cell, limit, wrapped in zip(cells, widths, prose, strict=True)
    ]
    for k in range(max(map(len, columns))):
        line, start = "", 0
        for column, limit, at_right in zip(columns, widths, right, strict=True):
            piece = column[k] if k < len(column) else ""
            if piece:
                size = length(piece)
                place = start + max(0, limit - size) * at_right
                if width is not None and place + size > width:
                    place = max(0, width - size)
                if line and length(line) + len(GAP) > place:
                    yield line.rstrip()
                    line = ""
                line += " " * (place - length(line)) + piece
            start += limit + len(GAP)
        yield line.rstrip()


def _below(cells: Sequence[tuple[str, str, bool]], width: int | None) -> Iterator[str]:
    """The lines below a row: the columns that moved there, with their names; empty cells are left out."""
    room = (width or 0) - len(INDENT)
    parts = [
        f"{column.replace(' ', GLUE)}:{GLUE}{cell if prose else cell.replace(' ', GLUE)}"
        for column, cell, prose in cells
        if cell
    ]
    if parts:
        yield from (f"{INDENT}{line}" for line in paragraph(" · ".join(parts), room))

"""Which rows of a board have a page that compares them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from genrebench.boards.row import Row
from genrebench.boards.rows import Board

MAX_ROWS_ALL_PAIRS = 10
"""Boards with more rows have comparisons with the best row and between neighbouring ranks, not of all pairs."""

MAX_ROWS = 20
"""Of the rows with higher ranks none has a page; `genrebench compare` compares any two."""


def pairs_of(board: Board) -> list[tuple[Row, Row]]:
    """The pairs of rows that have a comparison page, the better one first."""
    rows = [row for row in board.rows if row.runs][:MAX_ROWS]
    if len(rows) <= MAX_ROWS_ALL_PAIRS:
        return list(itertools.combinations(rows, 2))
    return [*((rows[0], row) for row in rows[1:]), *itertools.pairwise(rows[1:])]


def pairs_with(row: Row, pairs: Iterable[tuple[Row, Row]]) -> list[tuple[Row, str]]:
    """The rows that a row is compared with, each with the name of the page."""
    return [(b if a.row == row.row else a, page_of(a, b)) for a, b in pairs if row.row in (a.row, b.row)]


def page_of(a: Row, b: Row) -> str:
    """Name of the page that compares two rows."""
    return f"compare/{a.row}-{b.row}.html"

"""Tables and paragraphs fit any width, and break no number, name or id."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genrebench import layout
from genrebench.layout import INDENT, Grid
from genrebench.tables import Table

WIDTHS = st.sampled_from([60, 80, 120, 200]) | st.integers(30, 240)
IDS = st.lists(st.sampled_from(["svm", "mfcc", "baseline", "20261126", "94bb", "x"]), min_size=1, max_size=6).map("-".join)
NUMBERS = st.integers(-(10**7), 10**7).map(lambda value: f"{value / 1000:.3f}") | st.just("–")
INTERVALS = st.tuples(NUMBERS, NUMBERS).map(" .. ".join)
GENRES = st.sampled_from(["Rock", "Old-Time / Historic", "Easy Listening", "Élan", "音楽", "Soul-RnB"])
PROSE = st.lists(IDS | NUMBERS, max_size=12).map(" ".join)
COLUMNS = {"rank": st.integers(1, 99).map(str), "model": IDS, "genre": GENRES, "log loss": NUMBERS, "95 %": INTERVALS}
COLUMNS |= {"F1": NUMBERS, "options": PROSE, "note": PROSE, "run": IDS}


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    names = draw(st.permutations(list(COLUMNS)).map(lambda names: names[: draw(st.integers(1, len(COLUMNS)))]))
    rows = draw(st.lists(st.tuples(*(COLUMNS[name] for name in names)), max_size=6))
    text = tuple(name for name in names if name in ("options", "note"))
    name = draw(st.sampled_from([*(name for name in names if name not in text), None]))
    below = tuple(other for other in draw(st.permutations(names)) if other not in (name, names[0]))[: draw(st.integers(0, 5))]
    return Grid(tuple(names), tuple(rows), right=("rank", "log loss", "F1"), text=text, below=below, name=name)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is slow
@given(grid=grids(), width=WIDTHS)
def test_no_line_is_too_long_and_nothing_is_broken(grid: Grid, width: int) -> None:
    lines = layout.lines(grid, width)
    room = width - len(INDENT)
    for line in lines:
        assert layout.length(line) <= width or max(map(layout.length, line.split())) > room, line
    text = "\n".join(lines)
    for row in grid.rows:
        for column, cell in zip(grid.columns, row, strict=True):
            pieces = cell.split() if column in grid.text or layout.length(f"{column}: {cell}") > room else [cell]
            for piece in pieces:
                assert re.search(rf"(?<!\S){re.escape(piece)}(?!\S)", text), (column, cell)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(grid=grids())
def test_a_table_that_fits_has_one_line_per_row_and_aligned_columns(grid: Grid) -> None:
    header, rule, *rows = layout.lines(grid)
    assert len(rows) == len(grid.rows)
    assert layout.lines(grid, layout.length(rule)) == [header, rule, *rows]


@given(
    text=st.lists(IDS | NUMBERS | INTERVALS | st.just("95 %") | st.just("p < 0.001"), max_size=40).map(" ".join), width=WIDTHS
)
def test_a_paragraph_is_broken_at_words_only(text: str, width: int) -> None:
    lines = layout.paragraph(text, width)
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    for line in lines:
        assert len(line) <= width or not re.search(r"[^ ] [^ ]", re.sub(r" (\.\.|<|=) | (?=%)", "_", line)), line
        assert not re.search(r"(^%|\d\.\.$|(\.\.|<)$|^\.\.)", line)


def test_a_name_and_its_count_stay_together() -> None:
    assert layout.paragraph("Old-Time / Historic 7, Soul-RnB 3, Rock 1", 34) == ["Old-Time / Historic 7, Soul-RnB 3,", "Rock 1"]
    assert layout.paragraph("tied with rank 1, 3", 18) == ["tied with rank 1,", "3"]


def test_a_long_name_has_a_line_of_its_own_and_the_numbers_stay_in_their_columns() -> None:
    long = "svm-baseline-with-a-very-long-name-20261126-104619-94bb"
    grid = Grid(("run", "dataset", "log loss"), ((long, "demo", "0.773"), ("short", "demo", "0.9")), right=("log loss",))
    header, _, first, second, third = layout.lines(grid, 60)
    assert first == long
    assert second.index("0.773") + 5 == third.index("0.9") + 3 == len(header)
    assert second.index("demo") == third.index("demo")


def test_columns_move_below_the_row_or_are_left_out_in_their_order() -> None:
    grid = Grid(
        ("model", "F1", "note", "seed"),
        (("svm", "0.5", "tied with rank 3", "0"),),
        below=("seed", "note", "F1"),
        drop=("seed",),
    )
    assert "seed" in layout.lines(grid, 40)[0]
    assert layout.lines(grid, 30)[2:] == ["svm    0.5  tied with rank 3"]
    assert layout.lines(grid, 24)[2:] == ["svm    0.5", "      note: tied with", "      rank 3"]


def test_a_matrix_goes_on_below_with_its_first_column() -> None:
    genres = [f"genre {i}" for i in range(12)]
    table = Table.of(("", *"abcdefghijkl"), [(genre, *["100"] * 12) for genre in genres], matrix=True)
    lines = table.to_text(40).split("\n")
    assert max(map(len, lines)) <= 40
    assert [line.split() for line in lines if "a" in line.split() or "l" in line.split()] == [list("abcdef"), list("ghijkl")]
    assert sum(line.startswith("genre 7 ") for line in lines) == 2


def test_wide_and_combining_characters_count_as_the_terminal_shows_them() -> None:
    table = Table.of(("genre", "n"), [("音楽", "1"), ("Rock", "2"), ("E\u0301lan", "3")])
    assert table.to_text().split("\n")[2:] == ["音楽   1", "Rock   2", "E\u0301lan   3"]

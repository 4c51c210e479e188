"""predictions.csv is read as it was written, whichever way it is read."""

import csv
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genrebench.records import Predictions
from genrebench.runs.predictions import predictions_from_csv, predictions_to_csv

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8)
NUMBERS = st.floats(0, 1) | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw: st.DrawFn) -> Predictions:
    genres = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    ids = draw(st.lists(NAMES, max_size=5, unique=True))
    n = len(ids)

    def column(low: int, high: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)), dtype=np.int64)

    numbers = draw(st.lists(NUMBERS, min_size=n * len(genres), max_size=n * len(genres)))
    groups = column(-1, 3)
    return Predictions(
        tuple(ids),
        tuple(genres),
        column(0, len(genres) - 1),
        column(0, 3),
        np.array(numbers, dtype=np.float64).reshape(n, len(genres)),
        groups if (groups >= 0).any() else None,
    )


@given(tables())
def test_what_is_written_is_read(predictions: Predictions) -> None:
    read = predictions_from_csv(predictions_to_csv(predictions))
    assert (read.ids, read.genres) == (predictions.ids, predictions.genres)
    for name in ("labels", "folds", "probabilities"):
        assert (getattr(read, name) == getattr(predictions, name)).all()
    assert (read.groups is None) == (predictions.groups is None)
    assert read.groups is None or (read.groups == predictions.groups).all()


@given(st.lists(NUMBERS, min_size=3, max_size=3))
def test_numbers_are_those_of_float_in_any_form(numbers: list[float]) -> None:
    def table(form: str, end: str) -> bytes:
        rows = ["track_id,genre,fold,group,p:a,p:b,p:c", "1,a,0,," + ",".join(form.format(number) for number in numbers)]
        return (end.join(rows) + end).encode()

    for form in ("{!r}", "{:.25e}", "{:+.17g}", " {!r} "):
        for end in ("\r\n", "\n"):
            values = predictions_from_csv(table(form, end)).probabilities[0]
            assert values.tolist() == [float(form.format(number)) for number in numbers]


TABLE = b"track_id,genre,fold,group,p:a,p:b,p:other\r\n1,a,0,3,0.25,0.75,0\r\n2,b,1,,1e-05,0.5,1.0\r\n"
PIECES = st.sampled_from([*(bytes([sign]) for sign in b",\r\n .e-+09;\t\x00\xff"), b"\r\n", b"nan", b"1e400", b"01", b"-0"])


@given(st.lists(st.tuples(st.integers(9, len(TABLE)), st.integers(0, 3), PIECES | st.just(b"")), min_size=1, max_size=3))
@example([(38, 0, b"\n")])
@example([(38, 1, b"\r")])
@example([(61, 1, b"-0")])
def test_a_damaged_table_is_read_as_csv_reads_it_or_not_at_all(cuts: list[tuple[int, int, bytes]]) -> None:
    """A table with quotes is read by csv, cell by cell; one without by whole columns."""
    damaged = TABLE
    for at, removed, piece in cuts:
        damaged = damaged[:at] + piece + damaged[at + removed :]

    def read(data: bytes) -> object:
        try:
            table = predictions_from_csv(data)
        except (ValueError, csv.Error):
            return None
        groups = None if table.groups is None else table.groups.tolist()
        return table.ids, table.genres, table.labels.tolist(), table.folds.tolist(), groups, repr(table.probabilities.tolist())

    assert read(damaged) == read(b'"track_id"' + damaged.removeprefix(b"track_id"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,a,0,,0.5", "differ in length"),
        ("1,a,0,,0.5,0.5,0.5", "differ in length"),
        ("1,a,0,,0.5,0.5\r\n2,a,0,,0.5\r\n3,a,0,,0.5,0.5,0.5", "differ in length"),
        ("1,c,0,,0.5,0.5", "no column for the genre 'c'"),
        ("1,a,-1,,0.5,0.5", "isn't a number"),
        ("1,a,0,,0.5,[0.5", "could not convert"),
        ("1,a,0,,0.5,true", "could not convert"),
        ("1,a,0,,0.5,", "could not convert"),
        ("1,a,0,,0.5,0.5\r\n1,a,0,,0.5,0.5", "twice"),
    ],
)
def test_what_is_no_table_is_named(row: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predictions_from_csv(f"track_id,genre,fold,group,p:a,p:b\r\n{row}\r\n".encode())


def test_numbers_that_json_writes_otherwise_are_read() -> None:
    data = b"track_id,genre,fold,group,p:a,p:b,p:c,p:d\r\n1,a,0,,1e400,.5,1.,inf\r\n"
    assert predictions_from_csv(data).probabilities[0].tolist() == [math.inf, 0.5, 1.0, math.inf]

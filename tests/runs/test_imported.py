"""Predictions made outside genrebench: files as other programs write them."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrebench.errors import DataError
from genrebench.runs.imported_csv import read

GENRES = ("Blues", "Forró", "Rock")
IDS = ("5", "6", "11")


def file(folder: Path, text: str) -> Path:
    path = folder / "p.csv"
    path.write_text(text, encoding="utf-8")
    return path


@given(
    st.permutations(range(3)),
    st.sampled_from(["", "p:"]),
    st.sampled_from(["", " ", "\u00a0", "\t"]),
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from(["", "\ufeff"]),
)
@settings(max_examples=40)
def test_header_cells_are_stripped_and_composed_in_any_order(tmp_path_factory, order, prefix, blank, form, mark):
    names = [f"{blank}{prefix}{unicodedata.normalize(form, GENRES[i])}{blank}" for i in order]
    values = (0.5, 0.3, 0.2)
    row = ",".join(f"{blank}{values[i]}" for i in order)
    text = f"{mark}track_id,{','.join(names)},note\n" + "".join(f"{blank}{id_},{row},x\n" for id_ in IDS)
    imported = read(file(tmp_path_factory.mktemp("p"), text), GENRES, IDS)
    assert imported.rows == {id_: list(values) for id_ in IDS}
    assert imported.warnings == []


@given(
    st.lists(st.lists(st.floats(1e-6, 1), min_size=3, max_size=16), min_size=1, max_size=6), st.integers(3, 6), st.booleans()
)
@settings(max_examples=80)
def test_rows_rounded_to_three_decimals_or_more_are_renormalised(tmp_path_factory, rows, decimals, cut):
    n = min(map(len, rows))
    p = np.array([row[:n] for row in rows])
    p /= p.sum(axis=1, keepdims=True)
    scale = 10**decimals
    written = np.floor(p * scale) / scale if cut else np.round(p, decimals)
    genres = tuple(f"g{i}" for i in range(n))
    text = f"track_id,{','.join(genres)}\n" + "".join(
        f"{i},{','.join(f'{value:.{decimals}f}' for value in row)}\n" for i, row in enumerate(written)
    )
    imported = read(file(tmp_path_factory.mktemp("p"), text), genres, [str(i) for i in range(len(rows))])
    result = np.array(list(imported.rows.values()))
    off = np.array([abs(sum(row) - 1) > 1e-4 for row in written.tolist()])  # NumPy adds in another order
    np.testing.assert_allclose(result[off].sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(result[off], (written / written.sum(axis=1, keepdims=True))[off])
    np.testing.assert_array_equal(result[~off], written[~off])
    assert len(imported.warnings) == off.any()
    if off.any():
        assert f"{off.sum()} of {len(rows)} rows of p.csv are rounded to {decimals} decimals" in imported.warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "track_id,Blues,Forró,Rock\n5,0.33,0.33,0.33\n",
            "sums to 0.99 instead of 1; it is rounded to 2 decimals, write four or more",
        ),
        ("track_id,Blues,Forró,Rock\n5,0.330,0.330,0.332\n", "sums to 0.992 instead of 1$"),
        ("track_id,Blues,Forró,Rock\n5,0.3000,0.3000,0.3000\n", "line 2: the row of track '5' sums to 0.9 instead of 1$"),
        (
            "track_id,Blues,Forró,Rock\n5,0.3,0.3,0.4\n6,0.3333333,0.3333333,0.3\n",
            "line 3: the row of track '6' sums to 0.966667",
        ),
        ("track_id;Blues;Forró;Rock\n5;0.3;0.3;0.4\n", "has no column 'track_id'.*separate the columns by commas"),
        ("track_id\tBlues\tForró\tRock\n5\t0.3\t0.3\t0.4\n", "has no column 'track_id'.*separate the columns by commas"),
        ("track_id,blues,Forró,Rock\n5,0.3,0.3,0.4\n", "no column 'p:Blues' for the genre 'Blues'; did you mean blues"),
        ("track_id,Blues,Rock\n5,0.3,0.7\n", "no column 'p:Forró'"),
        ("track_id,Blues,Blues,Forró,Rock\n5,0.3,0.3,0.3,0.1\n", "2 columns 'Blues'; keep one"),
        ('track_id,Blues,Forró,Rock\n5,"0,3",0.3,0.4\n', "column 'Blues': '0,3' isn't a number; write decimals with a point"),
        ("track_id,Blues,Forró,Rock\n5,1_0,0,0\n", "'1_0' isn't a number"),
        ("track_id,Blues,Forró,Rock\n5,nan,0.5,0.5\n", "'nan' isn't a probability"),
        ("track_id,Blues,Forró,Rock\n5,-0.1,0.6,0.5\n", "'-0.1' isn't a probability"),
        ("track_id,Blues,Forró,Rock\n5,0.3,0.7\n", "line 2: 3 cells, but the header has 4"),
        ("track_id,Blues,Forró,Rock\n5,1,0,0\n 5,1,0,0\n", "line 3: track '5' already has a row, in line 2"),
        ("", "no column 'track_id'"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(file(tmp_path, text), GENRES, IDS)


def test_scientific_notation_isn_t_rounded_to_nothing(tmp_path):
    text = "track_id,Blues,Forró,Rock\n5,3.333e-1,3.333e-1,3.332e-1\n"
    imported = read(file(tmp_path, text), GENRES, IDS)
    assert sum(imported.rows["5"]) == pytest.approx(1, abs=1e-12)
    assert "rounded to 4 decimals" in imported.warnings[0]


@pytest.mark.parametrize("exponent", ["-" + "9" * 400, "-" + "9" * 5000])
def test_a_huge_exponent_is_a_number(tmp_path, exponent):
    imported = read(file(tmp_path, f"track_id,Blues,Forró,Rock\n5,1,0e{exponent},1e{exponent}\n"), GENRES, IDS)
    assert imported.rows["5"] == [1, 0, 0]


@pytest.mark.parametrize("written", ["{:06d}", "{}.0", "{}.mp3"])
def test_ids_that_are_written_differently(tmp_path, written):
    rows = "".join(f"{written.format(int(id_))},1,0,0\n" for id_ in IDS)
    imported = read(file(tmp_path, f"track_id,Blues,Forró,Rock\n{rows}"), GENRES, IDS)
    assert imported.rows.keys() == set(IDS)
    assert imported.warnings[0].startswith("3 ids of p.csv differ in writing from the dataset")

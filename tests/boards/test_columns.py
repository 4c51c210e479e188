"""Columns of a board by choice, and the table for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from genrebench.boards.board import boards
from genrebench.boards.columns import COLUMNS, DEFAULT, chosen
from genrebench.boards.rows import Boards
from genrebench.errors import UsageError
from genrebench.runs.store import RunStore


@pytest.fixture
def found(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> Boards:
    """A board with two models, one of which a plugin's metric has scored."""
    store = RunStore(tmp_path / "runs")
    for name, skill, seed in (("good", 4.0, 0), ("good", 4.0, 1), ("fair", 2.0, 0)):
        predictions = make_predictions(skill=skill, seed=seed)
        run = make_run(f"{name}-{seed}", model=name, seed=seed, options={"C": 10}, predictions=predictions)
        if name == "fair":
            run.metrics["top_2"] = 0.875
        store.begin(run)
        store.finish(run, predictions)
    return Boards(*boards(store))


def test_rank_and_model_come_first_then_the_choice(found: Boards) -> None:
    (table,) = found.with_columns("brier, top_2,fit_s,brier_interval").tables()
    assert table.columns == ("rank", "model", "Brier", "top 2", "fit s", "Brier 95 %")
    good, fair, *_ = found[0].rows
    low, high = good.intervals["brier"]
    assert table.rows[0] == ("1", "good", f"{good.scores['brier']:.3f}", "", "2.0", f"{low:.3f} .. {high:.3f}")
    assert table.rows[1][3] == "0.875"
    assert set(table.right) >= {"rank", "Brier", "top 2", "fit s"}
    assert fair.model == "fair"


def test_default_and_all_stand_for_several(found: Boards) -> None:
    rows = found[0].rows
    assert chosen(None, rows) == chosen("default", rows) == DEFAULT
    everything = chosen("all", rows)
    assert {*COLUMNS, "top_2", "f1_macro_interval"} <= set(everything)
    assert chosen(["memory", "default"], rows)[:3] == ("rank", "model", "memory")
    assert found.tables()[0].columns == tuple(COLUMNS[name].title for name in DEFAULT)
    with pytest.raises(UsageError, match="no column 'brie'; did you mean brier"):
        found.with_columns("brie")


def test_every_choice_fits_any_width(found: Boards) -> None:
    for choice in ("all", "default", "runs", "top_2,brier_interval,f1_macro_interval,f1_weighted_interval"):
        for width in (60, 80, 120, 200):
            lines = found.with_columns(choice)[0].tables()[0].to_text(width).splitlines()
            assert max(map(len, lines)) <= width


def test_the_table_for_programs_has_one_value_per_cell(found: Boards) -> None:
    table = found.to_table()
    file = io.StringIO()
    csv.writer(file).writerows([table.columns, *table.rows])
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    values = found.to_json()[0]["rows"]
    for row, value in zip(rows, values, strict=True):
        assert row["run_ids"].split() == value["runs"]
        assert int(row["n_test"]) == 30 and int(row["n_seeds"]) == len(value["seeds"])
        for metric in ("log_loss", "brier", "f1_micro", "f1_macro", "f1_weighted", "calibration_error"):
            assert float(row[metric]) == value[metric]
        for metric in ("log_loss", "brier", "f1_micro"):
            assert [float(row[f"{metric}_low"]), float(row[f"{metric}_high"])] == value[f"{metric}_interval"]
        assert [int(row["rank_low"]), int(row["rank_high"])] == value["rank_interval"]
    assert [row["top_2"] for row in rows] == ["", "0.875", "", ""]
    assert float(rows[0]["log_loss_spread"]) == values[0]["spread"]["log_loss"]
    assert json.loads(rows[0]["options"] or "{}") == values[0]["changed"]

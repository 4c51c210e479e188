"""Runs from a stranger: forged caches, damaged folders, files that are no files, names that steer a terminal."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genrebench as gb
from genrebench.cli import main
from genrebench.evaluation import metrics
from genrebench.runs.store import RunStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and links")


@pytest.fixture
def store(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> RunStore:
    """Two good runs, and a third that the tests damage; each is a row of its own."""
    store = RunStore(tmp_path / "runs")
    for number, name in enumerate(("good-1", "good-2", "bad")):
        predictions = make_predictions(skill=number, seed=number, per_artist=3)
        run = make_run(name, model=name, predictions=predictions, started=f"2026-01-0{number + 1}")
        store.begin(run)
        store.finish(run, predictions)
        (store.folder(name) / "figures").mkdir()
        (store.folder(name) / "figures" / "kernels.png").write_bytes(png(4, 4))
        (store.folder(name) / "curves.jsonl").write_text('{"fold": 0, "epoch": 1, "loss": 0.5}\n')
    return store


def png(width: int, height: int) -> bytes:
    """A grey picture; only the header of a large one is true."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\x80" * min(width, 64) for _ in range(min(height, 64))))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def models(boards: Any) -> set[str]:
    return {row.model for board in boards for row in board.rows if not row.baseline}


def everything(folder: Path) -> dict[str, bytes | None]:
    return {str(file): file.read_bytes() if file.is_file() else None for file in folder.rglob("*")}


# ------------------------------------------------------------------ forged caches


def test_a_forged_cache_in_a_store_is_ignored_and_the_store_left_as_it_is(store: RunStore) -> None:
    """Version 0.1.0 believed scores.cache where its stamp was that of the predictions, and wrote caches into the store."""
    before = gb.leaderboard(runs=store.root)
    n = 30
    scores = {"log_loss": 0.001, "f1_micro": 1.0, "f1_macro": 1.0, "f1_weighted": 1.0, "calibration_error": 0.0}
    for run in store.runs():
        file = store.folder(run.id) / "predictions.csv"
        stat = file.stat()
        head = {
            "sha256": run.predictions.sha256,
            "stamp": [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns],
            "metrics": 1,
            "tracks": "0" * 16,
            "scores": scores,
        }
        columns = np.full(n, 0.001).tobytes() + np.tile(np.arange(n, dtype="<i4") % 3, 4).tobytes()
        file.with_name("scores.cache").write_bytes(json.dumps(head).encode() + b"\n" + columns)
    (store.root / ".boards.json").write_text(json.dumps({"version": 2, "f0": {"rows": {}, "key": "x", "tied": []}}))
    there = everything(store.root)
    boards = gb.leaderboard(runs=store.root)
    assert boards.to_json() == before.to_json()
    assert min(row.scores["log_loss"] for row in boards[0].rows) > 0.1
    assert everything(store.root) == there


@pytest.mark.parametrize("version", [1, metrics.VERSION, 99])
def test_a_record_does_not_decide_the_scores_that_are_shown(store: RunStore, version: int) -> None:
    file = store.folder("bad") / "run.json"
    true = gb.load_run("bad", runs=store.root).metrics["log_loss"]
    record = json.loads(file.read_text())
    record["metrics"]["log_loss"] = 0.001
    record["metrics_version"] = version
    file.write_text(json.dumps(record))
    runs = gb.list_runs(runs=store.root)
    assert {run.id: run.metrics["log_loss"] for run in runs}["bad"] == true
    for problems in (runs.problems, gb.leaderboard(runs=store.root).problems):
        (problem,) = problems
        assert "'bad' says log_loss 0.001 instead of" in problem


def test_the_newest_run_does_not_decide_which_tracks_a_board_has(
    store: RunStore, make_run: Callable, make_predictions: Callable
) -> None:
    """A run that claims the task but has other tracks is left out, however new it is; version 0.1.0 left out all the others."""
    easy = make_predictions(n=12, skill=9)
    store.begin(run := make_run("forged", model="forged", predictions=easy, started="2099", n_test=12))
    store.finish(run, easy)
    boards = gb.leaderboard(runs=store.root)
    assert models(boards) == {"good-1", "good-2", "bad"}
    (problem,) = boards.problems
    assert "'forged' is left out: its test tracks differ" in problem


def test_titles_and_baselines_follow_most_records(store: RunStore) -> None:
    file = store.folder("bad") / "run.json"
    before = gb.leaderboard(runs=store.root)[0]
    record = json.loads(file.read_text())
    record["task"] |= {"dataset": "other", "training_counts": [[1, 1, 10**6]]}
    file.write_text(json.dumps(record))
    board = gb.leaderboard(runs=store.root)[0]
    assert board.title == before.title
    assert [row.scores for row in board.rows if row.baseline] == [row.scores for row in before.rows if row.baseline]


# ------------------------------------------------------------------ one bad run folder is one line


def record(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        value = json.loads((folder / "run.json").read_text())
        for key, change in changes.items():
            value[key] = value[key] | change if isinstance(change, dict) and isinstance(value.get(key), dict) else change
        (folder / "run.json").write_text(json.dumps(value))

    return damage


def nested(depth: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        text = (folder / "run.json").read_text().rstrip().removesuffix("}")
        (folder / "run.json").write_text(text + ', "facts": ' + '{"a":' * depth + "1" + "}" * depth + "}")

    return damage


def instead_of(name: str, make: Callable[[Path], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return damage


def huge(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(10**11)


def outside(file: Path) -> None:
    kept = file.parents[2] / f"outside-{file.name}"
    kept.write_bytes((file.parents[1] / "good-1" / file.name).read_bytes())
    file.symlink_to(kept)


def cells(row: int, column: int, value: str) -> Callable[[Path], None]:
    """Change a cell of predictions.csv, and the checksum in the record."""

    def damage(folder: Path) -> None:
        rows = list(csv.reader(io.StringIO((folder / "predictions.csv").read_text())))
        rows[row][column] = value
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        (folder / "predictions.csv").write_text(text.getvalue())
        record(predictions={"sha256": hashlib.sha256(text.getvalue().encode()).hexdigest()})(folder)

    return damage


DAMAGES: dict[str, Callable[[Path], None]] = {
    **{f"{name} is {what}": instead_of(name, make) for name in ("run.json", "predictions.csv") for what, make in {
        "a pipe": os.mkfifo,
        "a device": lambda file: file.symlink_to("/dev/zero"),
        "a folder": Path.mkdir,
        "a link to itself": lambda file: file.symlink_to(file.name),
        "a link that leaves the folder": outside,
        "of 100 GB": huge,
        "empty": Path.touch,
        "missing": lambda file: None,
        "binary": lambda file: file.write_bytes(b"\xff\x00\xfe" * 100),
    }.items()},
    "nested 100 times": nested(100),
    "nested 100,000 times": nested(100_000),
    "no object": lambda folder: (folder / "run.json").write_text("[]"),
    "no task": lambda folder: (folder / "run.json").write_text('{"id": "bad", "status": "finished"}'),
    "10^9 folds": record(task={"n_folds": 10**9}),
    "no fold": record(task={"n_folds": 0}),
    "a genre twice": record(task={"genres": ["a", "a", "b"]}),
    "other genres": record(task={"genres": ["a", "b", "c"]}),
    "a long name": record(model={"name": "x" * 10**6}),
    "an infinite time": lambda folder: (folder / "run.json").write_text(
        (folder / "run.json").read_text().replace('"fit_s": 2.0', '"fit_s": 1e999')
    ),
    "an option that is no number": lambda folder: (folder / "run.json").write_text(
        (folder / "run.json").read_text().replace('"options": {}', '"options": {"C": NaN}')
    ),
    "a negative time": record(timings={"fit_s": -1.0}),
    "an endless seed": record(seed=10**100),
    "metrics that are text": record(metrics={"log_loss": "0.1"}),
    "another number of rows": record(predictions={"rows": 5}),
    "fold 10^9": cells(1, 2, "1000000000"),
    "a fold of a thousand digits": cells(1, 2, "1" * 1000),
    "a negative fold": cells(1, 2, "-1"),
    "fold 3 of 1": cells(1, 2, "3"),
    "an artist of a thousand digits": cells(1, 3, "1" * 1000),
    "a track twice": cells(2, 0, "t0"),
    "a genre without a column": cells(1, 1, "?"),
    "a probability that is none": cells(1, 4, "nan"),
    "an infinite probability": cells(1, 4, "1e999"),
    "a genre with two columns": cells(0, 5, "p:Blues"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGES)
def test_a_bad_run_folder_is_one_line_and_every_other_row_stands(what: str, store: RunStore, tmp_path: Path) -> None:
    scores = {run.id: run.metrics for run in gb.list_runs(runs=store.root)}
    DAMAGES[what](store.folder("bad"))
    boards = gb.leaderboard(runs=store.root)
    assert models(boards) == {"good-1", "good-2"}
    (problem,) = boards.problems
    assert "bad" in problem and "\n" not in problem
    runs = gb.list_runs(runs=store.root)
    assert {run.id: run.metrics for run in runs if run.id != "bad"} == {name: scores[name] for name in ("good-1", "good-2")}
    assert len(runs.problems) == 1
    assert gb.compare("good-1", "good-2", runs=store.root).n_tracks == 30
    with pytest.raises(gb.GenrebenchError):
        gb.predict(__file__, "bad", runs=store.root)
    with pytest.raises(gb.GenrebenchError):
        gb.compare("good-1", "bad", runs=store.root)


@pytest.mark.parametrize("what", ["run.json is a pipe", "predictions.csv is a device", "nested 100,000 times", "fold 10^9"])
def test_a_bad_run_folder_is_one_line_of_a_report(what: str, store: RunStore, tmp_path: Path) -> None:
    DAMAGES[what](store.folder("bad"))
    report = gb.write_report(tmp_path / "report", runs=store.root)
    assert len(report.problems) == 1
    assert {page.stem for page in (tmp_path / "report" / "runs").glob("*.html")} == {"good-1", "good-2"}
    assert {page.parent.name for page in (tmp_path / "report" / "runs").glob("*/tracks.html")} == {"good-1", "good-2"}


PICTURES: dict[str, Callable[[Path], Any]] = {
    "a pipe": os.mkfifo,
    "a link that leaves the folder": lambda file: (
        (file.parents[3] / "secret.png").write_bytes(png(4, 4)) and file.symlink_to(file.parents[3] / "secret.png")
    ),
    "60,000 pixels wide and high": lambda file: file.write_bytes(png(60_000, 60_000)),
    "of 100 GB": huge,
    "no picture": lambda file: file.write_bytes(b"<svg onload=alert(1)>"),
    "cut off": lambda file: file.write_bytes(png(4, 4)[:40]),
}


@pytest.mark.parametrize("what", PICTURES)
def test_a_figure_that_can_not_be_shown_is_one_line_and_the_page_stands(what: str, store: RunStore, tmp_path: Path) -> None:
    instead_of("figures/kernels.png", PICTURES[what])(store.folder("bad"))
    report = gb.write_report(tmp_path / "report", runs=store.root)
    (problem,) = report.problems
    assert "bad/figures/kernels.png is left out of the report" in problem
    copies = {str(file.relative_to(tmp_path / "report")) for file in (tmp_path / "report").rglob("*.png")}
    assert copies == {"runs/good-1/kernels.png", "runs/good-2/kernels.png"}
    assert (tmp_path / "report" / "runs" / "bad.html").is_file()


def test_a_folder_of_figures_elsewhere_is_not_copied(store: RunStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (store.folder("bad") / "figures").rename(elsewhere)
    (store.folder("bad") / "figures").symlink_to(elsewhere)
    gb.write_report(tmp_path / "report", runs=store.root)
    assert not list((tmp_path / "report" / "runs" / "bad").glob("*.png"))


@pytest.mark.parametrize(
    "line",
    [
        '{"fold": 0, "epoch": 1, "loss": 1e308, "gain": -1e308}\n{"fold": 0, "epoch": 2, "loss": -1e308}',
        '{"fold": 0, "epoch": 9223372036854775807, "loss": 1}',
        '{"fold": 0, "epoch": 1, "\\ud800 loss": 1, "\\u001b[2J": 2, "$x_{": 3, "_": 4}',
        '{"fold": 1000000000, "epoch": 1, "loss": 1}',
        '{"fold": 0, "epoch": 1, "loss": NaN}',
        "\n".join(f'{{"fold": {fold}, "epoch": {epoch}, "loss": 1}}' for fold in range(40) for epoch in range(60)),
        '{"fold": 0, "epoch": 1' + "".join(f', "x{number}": 1' for number in range(5000)) + "}",
        "[" * 100_000,
    ],
)
def test_any_curves_can_be_drawn_or_are_left_out(line: str, store: RunStore, tmp_path: Path) -> None:
    (store.folder("bad") / "curves.jsonl").write_text(line)
    report = gb.write_report(tmp_path / "report", runs=store.root)
    assert report.problems == ()
    assert (tmp_path / "report" / "runs" / "bad.html").is_file()
    str(gb.load_run("bad", runs=store.root))


def test_curves_that_can_not_be_read_are_one_line_and_the_page_stands(store: RunStore, tmp_path: Path) -> None:
    instead_of("curves.jsonl", os.mkfifo)(store.folder("bad"))
    report = gb.write_report(tmp_path / "report", runs=store.root)
    (problem,) = report.problems
    assert "curves.jsonl can't be read: it isn't an ordinary file" in problem
    assert (tmp_path / "report" / "runs" / "bad.html").is_file()


def test_a_link_to_itself_beside_the_runs_is_no_run(store: RunStore) -> None:
    (store.root / "loop").symlink_to("loop")
    os.mkfifo(store.root / "pipe")
    assert len(gb.list_runs(runs=store.root)) == 3


# ------------------------------------------------------------------ control characters

EVIL = "\x1b[31mred\x1b]0;title\x07\x9b2J\x85\u202eevil\u2066\u200b\r\n=cmd()"
CONTROL = {chr(code) for code in (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B)} - {
    "\n"
}


@pytest.fixture
def evil(tmp_path: Path, make_run: Callable, make_predictions: Callable) -> RunStore:
    store = RunStore(tmp_path / "evil")
    predictions = make_predictions(genres=(EVIL, "=1+1", "\udc80"))
    predictions = type(predictions)(**{**vars(predictions), "ids": (EVIL, *predictions.ids[1:])})
    run = make_run("a", model=EVIL, version=EVIL, options={EVIL: EVIL}, predictions=predictions, dataset=EVIL, split="=split")
    record = {"changed": {EVIL: EVIL, "=x": "@y"}, "feature_source": "+source"}
    store.begin(type(run)(**{**vars(run), "model": type(run.model)(**{**vars(run.model), **record}), "facts": {EVIL: EVIL}}))
    store.finish(store.load("a"), predictions)
    (store.folder("a") / "curves.jsonl").write_text(json.dumps({"fold": 0, "epoch": 1, EVIL: 1.0}))
    (store.root / EVIL.replace("/", "")).mkdir()
    return store


@pytest.mark.parametrize("form", ["table", "csv", "md", "json"])
@pytest.mark.parametrize("command", [["leaderboard"], ["runs", "list"], ["runs", "show", "a"], ["compare", "a", "a"]])
def test_no_control_characters_reach_a_terminal_or_a_file(
    command: list[str], form: str, evil: RunStore, capfd: pytest.CaptureFixture[str]
) -> None:
    if form in ("csv", "md") and command[-1] == "a":
        pytest.skip("not a list")
    assert main([*command, "--runs", str(evil.root), "--format", form]) == 0
    out, err = capfd.readouterr()
    assert out
    assert not CONTROL & set(out) and not CONTROL & set(err)
    if form == "csv":
        formulas = [cell for row in csv.reader(io.StringIO(out)) for cell in row if cell.lstrip().startswith(tuple("=+-@"))]
        assert formulas == []


def test_no_control_characters_are_in_a_report(evil: RunStore, tmp_path: Path) -> None:
    gb.write_report(tmp_path / "report", runs=evil.root)
    pages = list((tmp_path / "report").rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        assert not (CONTROL & set(page.read_text("utf-8"))), page


def test_no_control_characters_are_in_tables_for_notebooks(evil: RunStore) -> None:
    for shown in (gb.leaderboard(runs=evil.root), gb.load_run("a", runs=evil.root), gb.list_runs(runs=evil.root)):
        assert not CONTROL & set(str(shown)) and not CONTROL & set(shown._repr_html_())


def test_numbers_stay_numbers_in_a_spreadsheet() -> None:
    from genrebench.tables import spreadsheet_cell

    assert [spreadsheet_cell(cell) for cell in ("-0.5", "+1e3", "0.1", "-inf", "text", "–")] == [
        "-0.5", "+1e3", "0.1", "-inf", "text", "–",
    ]  # fmt: skip
    for cell in ("=1+1", "+1+1", "-1+1", "@SUM(A1)", " =1", "\t=1", '"=1', "＝1", "-2+3+cmd|' /C calc'!A0"):
        assert not spreadsheet_cell(cell).lstrip(' "').startswith(tuple("=+-@＝"))

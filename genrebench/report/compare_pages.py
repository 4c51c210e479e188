"""The page that compares two rows of a board."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genrebench.boards.compare import Side, compare_sides
from genrebench.boards.row import Row
from genrebench.boards.rows import Board
from genrebench.report import drawings, files
from genrebench.report.board_pages import page_name
from genrebench.report.clips import Clips
from genrebench.report.pairs import page_of
from genrebench.report.site import render
from genrebench.report.strips import Strips
from genrebench.runs.measured import code_of
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore


def sides_of(rows: tuple[Row, Row], runs: Mapping[str, tuple[RunStore, Run]]) -> tuple[Side, Side]:
    """The runs of two rows."""
    a, b = (Side(row.label, tuple(runs[run_id] for run_id in row.runs)) for row in rows)
    return a, b


def make(
    board: Board, rows: tuple[Row, Row], runs: Mapping[str, tuple[RunStore, Run]], folder: Path, clips: Clips
) -> list[str]:
    """Write the page and its files to download; returns their names relative to the report."""
    comparison = compare_sides(*sides_of(rows, runs), board.metrics)
    name = page_of(*rows)
    stem = name.removesuffix(".html")
    (folder / stem).parent.mkdir(exist_ok=True)
    (folder / f"{stem}-genres.csv").write_bytes(files.records_as_csv(comparison.genres))
    (folder / f"{stem}-tracks.csv").write_bytes(files.records_as_csv(comparison.tracks))
    drawings.write_files(comparison.figure(), None, folder / stem)
    dataset = board.task.dataset
    content = render(
        "compare.html",
        root="../",
        comparison=comparison,
        board=board,
        board_page=page_name(board),
        rows=rows,
        labels=(rows[0].label, rows[1].label),
        stem=Path(stem).name,
        strips=Strips.of([0.0, *(genre["difference"] for genre in comparison.genres)]),
        tracks=[{**track, "clip": clips.clip(dataset, track["track"])} for track in comparison.tracks],
    )
    (folder / name).write_text(content, encoding="utf-8", errors="replace")
    return [name, f"{stem}-genres.csv", f"{stem}-tracks.csv", f"{stem}.svg", f"{stem}.pdf"]


def content_of(board: Board, rows: tuple[Row, Row], runs: Mapping[str, tuple[RunStore, Run]]) -> list[Any]:
    """All that the page is made from, in JSON types."""
    recorded = [
        [run_id, run.predictions.sha256 if (run := runs[run_id][1]).predictions else "", repr(run.model)]
        for row in rows
        for run_id in row.runs
    ]
    measured = [[one.spec.name, *code_of(one)] for one in board.metrics.measured]
    return [page_name(board), repr(board.task), [row.label for row in rows], recorded, measured]

"""`genrebench leaderboard`: the boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from genrebench.cli import _task
from genrebench.cli._output import ListFormat, ListFormatOption, echo, number, print_json, print_list, say, warn_all

if TYPE_CHECKING:
    from genrebench.boards.board import Board, Row

COLUMNS = ("rank", "model", "options", "seeds", "log loss", "95 %", "± seeds", "F1 micro", "F1 macro", "features", "note")


def command(
    dataset: Annotated[str | None, typer.Option("--dataset", help="Only this dataset's boards. [default: all]")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only boards of this split.")] = None,
    runs: _task.RunsListOption = None,
    form: ListFormatOption = ListFormat.table,
) -> None:
    """Rank the finished runs: one board for each task, since only scores of one task compare."""
    from genrebench.boards.board import boards
    from genrebench.boards.comparability import extra_training
    from genrebench.runs.store import RunStore

    folders = _task.run_folders(runs)
    found, problems = boards([RunStore(folder) for folder in folders], dataset, split)
    warn_all(problems)
    if form is ListFormat.json:
        print_json([board.to_json() for board in found])
        return
    if not found:
        which = f" of {dataset}" if dataset else ""
        say(f"no finished run{which} in {', '.join(map(str, folders))}; start with: genrebench run svm-baseline")
    if form is ListFormat.csv:  # one table, for programs
        task = ("dataset", "split", "fingerprint")
        rows = [
            (*(board.task.get(key) for key in task), extra_training(board.task), *cells)
            for board in found
            for cells in _rows(board)
        ]
        print_list(form, None, (*task, "extra training", *COLUMNS), rows, dict)
        return
    for board in found:
        _print(board, form)
    if found and form is ListFormat.table:
        _print_references(found[0])


def _print(board: Board, form: ListFormat) -> None:
    from genrebench.boards.comparability import split_title

    task = board.task
    made = " · synthetic music" if task.get("synthetic") else ""
    title = (
        f"{task.get('dataset')}{made} · split {split_title(task)} · {task.get('n_test', '?')} test tracks · "
        f"{len(task.get('genres', ()))} genres · task {task.get('fingerprint')}"
    )
    if form is ListFormat.md:
        echo(f"### {title}\n")
    print_list(form, title, COLUMNS, _rows(board), board.to_json, right=("rank", "log loss", "± seeds", "F1 micro", "F1 macro"))
    if form is ListFormat.md:
        echo()
    for line in _footer(board):
        echo(line + "\n")  # a paragraph each, and the next board's title is none of it


def _rows(board: Board) -> list[tuple[str, ...]]:
    ranks = {row.row: row.rank for row in board.rows}
    return [_cells(row, ranks) for row in board.rows]


def _footer(board: Board) -> list[str]:
    """What a reader of the board has to know beside its rows."""
    lines = []
    if board.smallest_difference is not None:
        lines.append(
            f"Intervals are 95 %, over {board.n_units} test {board.unit}s. The smallest difference in log loss that this test "
            f"set would show four times out of five: {board.smallest_difference:.3f}."
        )
    return [*lines, *(f"Apart: {reason}" for reason in board.apart)]


def _cells(row: Row, ranks: dict[str, int]) -> tuple[str, ...]:
    ends = row.intervals.get("log_loss")
    interval = "" if ends is None else f"{ends[0]:.3f} .. {ends[1]:.3f}"
    spread = row.spread.get("log_loss")
    return (
        str(row.rank),
        row.model,
        " ".join(f"{key}={value}" for key, value in (row.facts.get("changed") or {}).items()),
        ",".join(map(str, row.seeds)),
        number(row.scores["log_loss"]),
        interval,
        "" if spread is None else number(spread),
        number(row.scores["f1_micro"]),
        number(row.scores["f1_macro"]),
        str(row.facts.get("feature_source") or ""),
        _note(row, ranks),
    )


def _note(row: Row, ranks: dict[str, int]) -> str:
    notes = ["knows no music"] if row.baseline else []
    if row.facts.get("calibrated"):
        notes.append("calibrated on validation")
    if row.tied_with:
        notes.append("tied with rank " + ", ".join(str(ranks[other]) for other in row.tied_with if other in ranks))
    return "; ".join(notes)


def _print_references(board: Board) -> None:
    columns = ("published figure", "test set", "log loss", "F1 micro", "note")
    rows = [(r["name"], r["test_set"], number(r["log_loss"]), number(r["f1_micro"], 4), r["note"]) for r in board.references]
    title = "References: measured on other data, so not comparable with any row above"
    print_list(ListFormat.table, title, columns, rows, dict, right=columns[2:4])

"""HTML report of boards, runs and comparisons: a folder of static pages that opens from disk and needs no network."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genrebench import temporary
from genrebench.boards.board import boards
from genrebench.boards.board_metrics import BoardMetrics
from genrebench.boards.columns import chosen
from genrebench.boards.compare import runs_by_id
from genrebench.boards.row import Row
from genrebench.boards.rows import Board, Boards
from genrebench.errors import StoreError, UsageError
from genrebench.interrupts import held_back
from genrebench.plugin.datasets import Reference
from genrebench.progress import Progress, no_progress
from genrebench.report import board_pages, compare_pages, run_pages
from genrebench.report.clips import Clips
from genrebench.report.kept import Kept, key_of
from genrebench.report.pairs import page_of, pairs_of
from genrebench.report.run_pages import RunPage
from genrebench.runs.record import Run
from genrebench.runs.store import RunStore
from genrebench.workers import in_processes

MARK = ".genrebench-report"
"""Name of a file that marks a folder as a report, which `write` may replace."""

CHUNK = 16
"""Pages that a process makes at a time."""

MAX_FILES = 20
"""Rows of a board whose newest run has its figures as files to download: the best ones."""


def write(
    stores: RunStore | Iterable[RunStore],
    out: Path,
    *,
    dataset: str | None = None,
    split: str | None = None,
    audio: Mapping[str, Mapping[str, Path]] | None = None,
    references: Mapping[str, Sequence[Reference]] | None = None,
    metrics: BoardMetrics | None = None,
    columns: str | Sequence[str] | None = None,
    progress: Progress = no_progress,
    workers: int = 1,
) -> tuple[Path, list[str]]:
    """Write the report; pages that would be the same as in the report that is there are taken from it.

    Parameters
    ----------
    stores : RunStore or iterable of them
    out : Path
        Folder of the report; created if necessary. An existing report is replaced once the new one is complete.
    dataset, split : str, optional
        Only boards of this dataset and split.
    audio : mapping, optional
        Dataset name to a mapping of track id to audio file. The audio of the tracks that a page lists first is copied into the
        report and can be played there.
    references : mapping, optional
        Published scores by dataset name, as in `genrebench.boards.board.boards`.
    metrics : BoardMetrics, optional
        As in `genrebench.boards.board.boards`.
    columns : str or sequence of str, optional
        The columns of boards, as in `genrebench.boards.columns.chosen`; by default those of the leaderboard, and the costs.
    progress : callable, optional
        As in `genrebench.boards.board.boards`; also shows the making of pages.
    workers : int
        Processes that make pages.

    Returns
    -------
    page : Path
        ``out/index.html``.
    problems : list of str
        One line per run that is left out.

    Raises
    ------
    UsageError
        If `out` exists and isn't a report or an empty folder, or there is nothing to report.
    StoreError
        If the report can't be written.
    """
    stores = [stores] if isinstance(stores, RunStore) else list(stores)
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} already exists and isn't a report; choose another folder with --out")
    if out.is_symlink() and not out.exists():
        raise StoreError(f"{out} can't be written: it is a broken link; choose another folder with --out")
    temporary.sweep(out.parent, out.name)
    try:
        with temporary.owned(out, folder=True) as (new, _):
            shown, problems = boards(stores, dataset, split, references, metrics, progress)
            if not shown:
                raise _nothing_to_report(stores, problems)
            if columns is not None:
                names = chosen(columns, [row for board in shown for row in board.rows])
                shown = list(Boards(shown).with_columns(names))
            kept = Kept(out, new)
            writing = _Writing(stores, shown, problems, new, Clips(audio or {}, new), kept, progress, workers)
            writing.write(with_cost=columns is None)
            temporary.install(new, out)
            kept.save()
    except OSError as error:
        file = error.filename2 or error.filename or out  # the second is where a copy goes to
        where = out if f".{out.name}-" in str(file) else file
        raise StoreError(f"{where} can't be written: {error.strerror or error}; choose another folder with --out") from error
    return out / "index.html", problems


def _nothing_to_report(stores: Sequence[RunStore], problems: Sequence[str]) -> UsageError:
    where = " and ".join(str(store.root) for store in stores)
    reason = f" ({problems[0]})" if problems else ""
    return UsageError(f"there are no finished runs to report in {where}{reason}; start with `genrebench run svm-baseline`")


class _Writing:
    """The writing of all pages into a new folder."""

    def __init__(
        self,
        stores: Sequence[RunStore],
        shown: Sequence[Board],
        problems: list[str],
        folder: Path,
        clips: Clips,
        kept: Kept,
        progress: Progress,
        workers: int,
    ) -> None:
        self.shown, self.problems, self.folder, self.clips, self.kept = shown, problems, folder, clips, kept
        self.progress, self.workers = progress, workers
        self.runs = runs_by_id(stores)

    def write(self, *, with_cost: bool) -> None:
        for name in ("runs", "compare", "boards"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / MARK).touch()
        shutil.copyfile(Path(__file__).parent / "static" / "style.css", self.folder / "style.css")
        self._run_pages()
        self._compare_pages()
        for board in self.shown:
            with held_back():
                content = board_pages.board_page(board, self.folder, with_cost=with_cost)
                _write_page(self.folder / board_pages.page_name(board), content)
        on_boards = {run_id for board in self.shown for row in board.rows for run_id in row.runs}
        others = [run for _, run in self.runs.values() if run.id not in on_boards]
        _write_page(self.folder / "index.html", board_pages.index_page(self.shown, others, self.problems))

    def _run_pages(self) -> None:
        jobs: dict[str, list[tuple[RunPage, str]]] = {}
        for board in self.shown:
            pairs = pairs_of(board)
            for number, row in enumerate(row for row in board.rows if row.runs):
                for run_id in row.runs:
                    store, run = self.runs[run_id]
                    with _reported(self.problems):
                        scored, _ = store.measured(run, board.metrics.measured)
                        with_files = number < MAX_FILES and run_id == row.runs[-1]
                        job = RunPage.of(board, row, run_id, store, scored.scores, pairs, with_files=with_files)
                        key = key_of(job.content(), self.clips.stamp(board.task.dataset))
                        problems = self.kept.take(job.page, key)
                        if problems is None:
                            jobs.setdefault(board.task.dataset, []).append((job, key))
                        else:
                            self.problems += problems
        calls = (
            (of_dataset[start : start + CHUNK], self.folder, dataset, dict(self.clips.of(dataset)))
            for dataset, of_dataset in jobs.items()
            for start in range(0, len(of_dataset), CHUNK)
        )
        self._make(_make_runs, calls, sum(map(len, jobs.values())), "pages of runs")

    def _compare_pages(self) -> None:
        calls = []
        for board in self.shown:
            dataset = board.task.dataset
            for rows in pairs_of(board):
                with _reported(self.problems):
                    key = key_of(compare_pages.content_of(board, rows, self.runs), self.clips.stamp(dataset))
                    if self.kept.take(page_of(*rows), key) is None:
                        runs = {run_id: self.runs[run_id] for row in rows for run_id in row.runs}
                        calls.append((board, rows, runs, key, self.folder, dict(self.clips.of(dataset))))
        self._make(_make_comparison, calls, len(calls), "pages of comparisons")

    def _make(self, function: Callable[..., list[_Made]], calls: Iterable[tuple[Any, ...]], n: int, name: str) -> None:
        """Make `n` pages, and note what they were made from; to start processes for a few takes longer than to make these."""
        workers = self.workers if n > CHUNK else 1
        made = (one for of_call in in_processes(function, calls, workers) for one in of_call)
        for page, key, files, problems in self.progress(made, name, n):
            self.problems += problems
            if files:
                self.kept.made(page, key, files, problems)


_Made = tuple[str, str, list[str], list[str]]
"""A page, its key, its files (none if it was left out), and problems."""


def _make_runs(jobs: Sequence[tuple[RunPage, str]], folder: Path, dataset: str, audio: Mapping[str, Path]) -> list[_Made]:
    """Make pages of runs of one dataset."""
    clips = Clips({dataset: audio}, folder)
    made = []
    for job, key in jobs:
        problems: list[str] = []
        files: list[str] = []
        with _reported(problems), held_back():
            files, problems = run_pages.make(job, folder, clips)
            files += clips.taken()
        made.append((job.page, key, files, problems))
    return made


def _make_comparison(
    board: Board,
    rows: tuple[Row, Row],
    runs: Mapping[str, tuple[RunStore, Run]],
    key: str,
    folder: Path,
    audio: Mapping[str, Path],
) -> list[_Made]:
    """Make a page of a comparison."""
    clips = Clips({board.task.dataset: audio}, folder)
    problems: list[str] = []
    files: list[str] = []
    with _reported(problems), held_back():
        files = [*compare_pages.make(board, rows, runs, folder, clips), *clips.taken()]
    return [(page_of(*rows), key, files, problems)]


def _write_page(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8", errors="replace")  # file names needn't be valid Unicode


@contextlib.contextmanager
def _reported(problems: list[str]) -> Iterator[None]:
    """Report a run that was damaged after the boards were computed, and continue without its page."""
    try:
        yield
    except StoreError as error:
        problems.append(str(error))


__all__ = ["write"]

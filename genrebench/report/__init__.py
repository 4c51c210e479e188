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
from genrebench.boards.rows import Board
from genrebench.errors import StoreError, UsageError
from genrebench.interrupts import held_back
from genrebench.plugin.datasets import Reference
from genrebench.progress import no_progress
from genrebench.report.clips import Clips
from genrebench.report.pages import Site, board_page, compare_page, pairs_of, run_page
from genrebench.runs.store import RunStore

MARK = ".genrebench-report"
"""Name of a file that marks a folder as a report, which `write` may replace."""


def write(
    stores: RunStore | Iterable[RunStore],
    out: Path,
    *,
    dataset: str | None = None,
    split: str | None = None,
    audio: Mapping[str, Mapping[str, Path]] | None = None,
    references: Mapping[str, Sequence[Reference]] | None = None,
    metrics: BoardMetrics | None = None,
    progress: Callable[..., Iterable[Any]] = no_progress,
) -> tuple[Path, list[str]]:
    """Write the report.

    Parameters
    ----------
    stores : RunStore or iterable of them
    out : Path
        Folder of the report; created if necessary. An existing report is replaced once the new one is complete.
    dataset, split : str, optional
        Only boards of this dataset and split.
    audio : mapping, optional
        Dataset name to a mapping of track id to audio file. The audio of the tracks that a page lists is copied into the
        report and can be played there.
    references : mapping, optional
        Published scores by dataset name, as in `genrebench.boards.board.boards`.
    metrics : BoardMetrics, optional
        As in `genrebench.boards.board.boards`.
    progress : callable, optional
        As in `genrebench.boards.board.boards`; also shows the writing of pages.

    Returns
    -------
    page : Path
        ``out/index.html``.
    problems : list of str
        One line per run that is left out.

    Raises
    ------
    UsageError
        If `out` exists and isn't a report or an empty folder.
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
            _write(stores, shown, problems, new, audio or {}, progress)
            temporary.install(new, out)
    except OSError as error:
        file = error.filename2 or error.filename or out  # the second is where a copy goes to
        where = out if f".{out.name}-" in str(file) else file
        raise StoreError(f"{where} can't be written: {error.strerror or error}; choose another folder with --out") from error
    return out / "index.html", problems


def _nothing_to_report(stores: Sequence[RunStore], problems: Sequence[str]) -> UsageError:
    where = " and ".join(str(store.root) for store in stores)
    reason = f" ({problems[0]})" if problems else ""
    return UsageError(f"there are no finished runs to report in {where}{reason}; start with `genrebench run svm-baseline`")


def _write(
    stores: list[RunStore],
    shown: list[Board],
    problems: list[str],
    folder: Path,
    audio: Mapping[str, Mapping[str, Path]],
    progress: Callable[..., Iterable[Any]],
) -> None:
    """Write all pages into `folder`."""
    (folder / "runs").mkdir(parents=True)
    (folder / "compare").mkdir()
    (folder / MARK).touch()
    for static in sorted((Path(__file__).parent / "static").iterdir()):
        shutil.copyfile(static, folder / static.name)
    site = Site(stores, shown, Clips(audio, folder))
    runs = [(board, row, run_id) for board in shown for row in board.rows for run_id in row.runs]
    for board, row, run_id in progress(runs, "pages of runs"):
        with _reported(problems), held_back():
            _write_page(folder / "runs" / f"{run_id}.html", run_page(site, board, row, run_id, problems))
    pairs = [(board, a, b) for board in shown for a, b in pairs_of(board)]
    for board, a, b in progress(pairs, "pages of comparisons"):
        with _reported(problems), held_back():
            _write_page(folder / "compare" / f"{a.row}-{b.row}.html", compare_page(site, board, a, b))
    with held_back():
        _write_page(folder / "index.html", board_page(site, problems))


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

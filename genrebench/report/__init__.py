"""The HTML page: boards, runs and comparisons in a folder that opens from disk, without a network."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from genrebench.boards.board import boards
from genrebench.boards.rows import Board
from genrebench.errors import StoreError, UsageError
from genrebench.plugin.datasets import Reference
from genrebench.report.clips import Clips
from genrebench.report.pages import Site, board_page, compare_page, pairs_of, run_page
from genrebench.runs.store import RunStore

MARK = ".genrebench-report"
"""A file that marks a folder as one that `write` made and may replace."""


def write(
    stores: RunStore | Iterable[RunStore],
    out: Path,
    *,
    dataset: str | None = None,
    split: str | None = None,
    audio: Mapping[str, Mapping[str, Path]] | None = None,
    references: Mapping[str, Sequence[Reference]] | None = None,
) -> tuple[Path, list[str]]:
    """Write the report.

    Parameters
    ----------
    stores : RunStore or iterable of them
    out : Path
        Folder of the report. It is made; an earlier report there is replaced, once the new one is whole.
    dataset, split : str, optional
        Only these boards.
    audio : mapping, optional
        Dataset name to a mapping of track id to audio file. Clips of the tracks that a page names are copied into the report,
        to be heard beside the predictions.
    references : mapping, optional
        Published scores by dataset, as in `genrebench.boards.board.boards`.

    Returns
    -------
    page : Path
        ``out/index.html``.
    problems : list of str
        One line for each run that should be in the report and isn't.

    Raises
    ------
    UsageError
        If `out` holds something else than a report.
    StoreError
        If the disk refuses.
    """
    stores = [stores] if isinstance(stores, RunStore) else list(stores)
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and is no report; give another folder with --out")
    found, problems = boards(stores, dataset, split, references)
    new = out.with_name(f".{out.name}-{secrets.token_hex(6)}")
    try:
        _write(stores, found, problems, new, audio or {})
        if out.exists():
            old = out.with_name(f".{out.name}-{secrets.token_hex(6)}")
            out.rename(old)
            new.rename(out)
            shutil.rmtree(old)
        else:
            new.rename(out)
    except OSError as error:
        raise StoreError(f"{error.filename or out} can't be written: {error.strerror or error}; give another --out") from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return out / "index.html", problems


def _write(
    stores: list[RunStore],
    found: list[Board],
    problems: list[str],
    folder: Path,
    audio: Mapping[str, Mapping[str, Path]],
) -> None:
    """Fill `folder` with the pages."""
    (folder / "runs").mkdir(parents=True)
    (folder / "compare").mkdir()
    (folder / MARK).touch()
    for static in sorted((Path(__file__).parent / "static").iterdir()):
        shutil.copyfile(static, folder / static.name)
    site = Site(stores, found, folder, Clips(audio, folder))
    for board in found:
        for row in board.rows:
            for run_id in row.runs:
                with _named(problems):
                    _text(folder / "runs" / f"{run_id}.html", run_page(site, board, row, run_id))
        for a, b in pairs_of(board):
            with _named(problems):
                _text(folder / "compare" / f"{a.row}-{b.row}.html", compare_page(site, board, a, b))
    _text(folder / "index.html", board_page(site, problems))


def _text(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8", errors="replace")  # a file name may hold what isn't Unicode


@contextlib.contextmanager
def _named(problems: list[str]) -> Iterator[None]:
    """Name a run that was damaged since the boards were made, and go on without its page."""
    try:
        yield
    except StoreError as error:
        problems.append(str(error))


__all__ = ["write"]

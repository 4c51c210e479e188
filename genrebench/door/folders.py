"""Conversion of the API's arguments to objects, as far as boards need them: folders of runs, runs, progress.

Datasets, tasks and models are in `genrebench.door.opening`: what they import would take half of a board's time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from genrebench.door.meant import require_folder
from genrebench.errors import UsageError
from genrebench.progress import no_progress, show_progress
from genrebench.runs.lookup import find_run
from genrebench.runs.result import RunResult
from genrebench.runs.store import RunStore

Progress = bool | Callable[..., Iterable[Any]]
Paths = str | Path | Sequence[str | Path]


def open_progress(progress: Progress) -> Callable[..., Iterable[Any]]:
    """The function that shows progress: the given one, or that of the terminal, or none."""
    if isinstance(progress, bool):
        return show_progress if progress else no_progress
    return progress


def open_run(run: str | RunResult, runs: str | Path) -> RunResult:
    """Read a run by its id, the beginning of it, "latest" or "MODEL@latest"; a `RunResult` is returned unchanged.

    Raises
    ------
    UsageError
        If it is neither, for example several runs, or several ids begin so.
    StoreError
        If there is no such run, or its record is damaged.
    """
    if isinstance(run, RunResult):
        return run
    require_run(run)
    require_folder(Path(runs))
    store, run_id = find_run([RunStore(Path(runs))], run)
    return RunResult(store.load(run_id), store)


def require_run(run: object) -> None:
    """Raise a `UsageError` if `run` is neither a run nor text."""
    if not isinstance(run, str | RunResult):
        raise UsageError(f"{run!r:.60} isn't a run; pass the id of a run, or one of the results of gb.run, such as runs[0]")


def open_stores(runs: Paths | None) -> list[RunStore]:
    """Open folders of runs, which have to exist; the default ./runs needn't."""
    if runs is None:
        return [RunStore(Path("runs"))]
    folders = [Path(folder) for folder in ([runs] if isinstance(runs, str | Path) else runs)]
    for folder in folders:
        require_folder(folder)
    return [RunStore(folder) for folder in folders]

"""Boards and the report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench.boards import kept
from genrebench.boards.board_metrics import BoardMetrics, board_metrics
from genrebench.boards.rows import Boards
from genrebench.door.folders import Paths, Progress, open_progress, open_stores
from genrebench.door.meant import require_known
from genrebench.errors import UsageError
from genrebench.plugin.datasets import Reference
from genrebench.plugin.hookspecs import DATASET
from genrebench.plugin.registry import installed_plugins
from genrebench.records import Dataset, Task


def leaderboard(
    dataset: str | Path | Dataset | None = None,
    *,
    split: str | None = None,
    runs: Paths | None = None,
    references: bool = False,
    metrics: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    progress: Progress = False,
) -> Boards:
    """Rank the finished runs, with one board per task, since only scores on the same task are comparable.

    Parameters
    ----------
    dataset : str, Path or Dataset, optional
        Only boards of this dataset.
    split : str, optional
        Only boards of this split.
    runs : path or sequence of paths, optional
        Folders of runs; by default ./runs.
    references : bool
        Show all published scores on every board, instead of only those on the dataset of the board.
    metrics : str or sequence of str, optional
        Metrics that get columns beside the log loss, with their intervals; by default micro and macro F1. The JSON has all of
        them.
    columns : str or sequence of str, optional
        All columns of the tables: names such as "brier", "fit_s" or a plugin's metric, "default", or "all"; frames have all.
    progress : bool or callable
        As in `run`.

    Returns
    -------
    Boards
        Sorted by dataset, split and fingerprint; `problems` names damaged runs.
    """
    stores = open_stores(runs)
    shown = open_progress(progress)
    result = Boards(*kept.boards(stores, name_of(dataset), split, published_scores(), metrics_of(metrics), shown))
    if not result:
        require_known(stores, name_of(dataset), split)
    result = result.with_references(all_references()) if references else result
    return result if columns is None else result.with_columns(columns)


@dataclass(frozen=True)
class Report:
    """A report on disk.

    Parameters
    ----------
    page : Path
        The start page.
    problems : tuple of str
        One line per run that is left out.
    """

    page: Path
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The result in JSON types."""
        return {"page": str(self.page), "problems": list(self.problems)}


def write_report(
    out: str | Path = "report",
    *,
    dataset: str | Path | Dataset | None = None,
    split: str | None = None,
    runs: Paths | None = None,
    audio: Paths | Dataset = (),
    metrics: str | Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    workers: int | None = None,
    progress: Progress = False,
    say: Callable[[str], None] | None = None,
    follow_links: bool = False,
) -> Report:
    """Write an HTML report of boards, runs and comparisons, which opens from disk in any browser.

    Parameters
    ----------
    out : path
        Folder of the report; an existing report is replaced, but for the pages that would be the same.
    dataset, split, runs
        As in `leaderboard`.
    audio : str, Path or Dataset, or a sequence of names and paths
        Datasets whose audio is included in the report, for the tracks that it lists.
    metrics, columns
        As in `leaderboard`.
    workers, progress, say, follow_links
        As in `run`.
    """
    # here, since boards are shown more often, and start faster without datasets and pages
    from genrebench import report
    from genrebench.door.opening import open_dataset, open_session

    session = open_session(workers=workers, progress=progress, say=say, follow_links=follow_links)
    clips: dict[str, Mapping[str, Path]] = {}
    stores = open_stores(runs)
    require_known(stores, name_of(dataset), split)
    for source in [audio] if isinstance(audio, str | Path | Dataset) else audio:
        with_audio = open_dataset(source, session)
        clips[with_audio.name] = {track.id: track.path for track in with_audio.tracks if track.path is not None}
        if not clips[with_audio.name]:
            raise UsageError(f"{with_audio.name} has no audio; leave it out of the report's audio")
    page, problems = report.write(
        stores,
        Path(out),
        dataset=name_of(dataset),
        split=split,
        audio=clips,
        references=published_scores(),
        metrics=metrics_of(metrics),
        columns=columns,
        progress=session.progress,
        workers=session.workers,
    )
    return Report(page, tuple(problems))


def name_of(dataset: str | Path | Dataset | None) -> str | None:
    """What runs of a dataset are found by."""
    if isinstance(dataset, Task):
        raise UsageError("boards are chosen by dataset and split, not by a task; give task.dataset and task.split.name")
    return dataset.name if isinstance(dataset, Dataset) else None if dataset is None else str(dataset)


def metrics_of(names: str | Sequence[str] | None) -> BoardMetrics:
    """The metrics that the installed plugins offer, and those that were chosen."""
    return board_metrics(installed_plugins(), [names] if isinstance(names, str) else names)


def published_scores() -> dict[str, tuple[Reference, ...]]:
    """Published scores, by the dataset on which they were measured; a dataset that two plugins offer has none."""
    registry = installed_plugins()
    scores: dict[str, tuple[Reference, ...]] = {}
    for name in registry.names(DATASET):
        with contextlib.suppress(UsageError):  # boards of other datasets don't depend on such a clash
            scores[name] = registry.get(DATASET, name).spec.references
    return {name: references for name, references in scores.items() if references}


def all_references() -> tuple[Reference, ...]:
    """All published scores, each once."""
    return tuple(dict.fromkeys(reference for references in published_scores().values() for reference in references))

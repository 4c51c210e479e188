"""Runs as files that are passed around: export and import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genrebench import files
from genrebench.boards import baselines
from genrebench.door.folders import open_run
from genrebench.door.opening import Say, open_session, open_task
from genrebench.errors import GenrebenchError
from genrebench.runs import bundle
from genrebench.runs.record import TaskRecord
from genrebench.runs.result import RunResult, RunResults
from genrebench.runs.store import RunStore
from genrebench.session import Session
from genrebench.tables import Shown, Table, counted
from genrebench.tasks.task import fingerprint_content


def export_runs(
    run_ids: str | RunResult | Iterable[str | RunResult],
    out: str | Path,
    *,
    by: str = "",
    model: bool = False,
    runs: str | Path = "runs",
    say: Say | None = None,
) -> Path:
    """Write finished runs into one zip file, so that others can put them on their boards with `import_runs`.

    Parameters
    ----------
    run_ids : str or RunResult, or an iterable of them
    out : path
        The .zip file to write: records, predictions and curves.
    by : str
        Whose runs they are, which the boards of others show.
    model : bool
        Include the fitted models.
    runs, say
        As in `run`.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    UsageError
        If a run isn't finished, or the file can't be written.
    StoreError
        If there is no such run, or its predictions are missing or were changed.
    """
    target = Path(out)
    files.require_place(target)
    several = [run_ids] if isinstance(run_ids, str | RunResult) else list(run_ids)
    opened = [open_run(one, runs) for one in several]
    session = open_session(say=say)
    contents: dict[str, bundle.Content | None] = {}
    for one in opened:
        task = one.record.task
        if task.fingerprint not in contents:
            contents[task.fingerprint] = _content(task, session)
    bundle.write(target, [(one.store, one.record, contents[one.record.task.fingerprint]) for one in opened], by, model=model)
    return target


def _content(record: TaskRecord, session: Session) -> bundle.Content | None:
    """The content of a task's fingerprint; None, with a message, if its dataset isn't at hand or has changed."""
    extra = record.extra_training
    try:
        task = open_task(
            record.source or record.dataset,
            replace(session, say=_silent),
            split=None if record.split_file else record.split,
            split_file=record.split_file,
            split_seed=record.split_seed,
            excerpt=record.excerpt,
            exclude=record.excluded,
            segments=record.segments,
            extra_training=None if extra is None else extra.source or extra.dataset,
        )
        if task.fingerprint == record.fingerprint:
            return fingerprint_content(task, session.home)
        reason = "it has changed since the run"
    except GenrebenchError as error:
        reason = str(error)
    session.say(
        f"warning: {record.dataset} isn't as it was ({reason}), so labels and folds can't be checked against the fingerprint "
        "on import"
    )
    return None


def _silent(text: str) -> None:
    """Drop a message: warnings about the data were shown when the run was made."""


@dataclass(frozen=True, repr=False)
class ImportResult(Shown):
    """What `import_runs` did.

    Parameters
    ----------
    runs : RunResults
        The imported runs.
    skipped : tuple of str
        Ids of runs that were there already.
    unchecked : tuple of str
        Ids of imported runs whose labels and folds couldn't be checked against the fingerprint of their task.
    """

    runs: RunResults
    skipped: tuple[str, ...]
    unchecked: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The result in JSON types."""
        return {"imported": self.runs.to_json(), "skipped": list(self.skipped), "unchecked": list(self.unchecked)}

    def tables(self) -> list[Table]:
        """The imported runs."""
        return [self.runs.overview()] if self.runs else []

    def notes(self) -> list[str]:
        """What was skipped, and what couldn't be checked."""
        lines = (
            [f"{counted(len(self.skipped), 'run')} skipped, already there: {', '.join(self.skipped)}."] if self.skipped else []
        )
        if self.unchecked:
            lines.append(
                f"Labels and folds of {', '.join(self.unchecked)} couldn't be checked against the fingerprint: the bundle has "
                "no task.json, and no run here has this task."
            )
        return lines


def import_runs(file: str | Path, *, by: str | None = None, runs: str | Path = "runs") -> ImportResult:
    """Import the runs of a file that `export_runs` wrote; their rows on boards say whose they are.

    Each run is scored again from its predictions. All are imported, or none if one of them is refused. Who wrote a file
    can't be told from it, only whether it contradicts itself or a task that is known here.

    Parameters
    ----------
    file : path
    by : str, optional
        Whose runs they are; by default what the file says, else its name.
    runs : path
        Folder of the runs, created if necessary.

    Raises
    ------
    StoreError
        If the file isn't a bundle, a run is damaged or was changed, or another run has the same id.
    UsageError
        If the labels or tracks of a run aren't those of its task.
    """
    store = RunStore(Path(runs))
    imported = bundle.read(Path(file), store, by, baselines.NAMES)
    results = RunResults([RunResult(run, store) for run in imported.runs])
    return ImportResult(results, imported.skipped, imported.unchecked)

"""From the names of splits and files to splits, and tasks written as files."""

from __future__ import annotations

import csv
from pathlib import Path

from genrebench.datasets import split_file
from genrebench.errors import UsageError, did_you_mean
from genrebench.files import atomic
from genrebench.plugin.hookspecs import DATASET, SPLIT
from genrebench.plugin.registry import CORE
from genrebench.plugin.splits import SplitSpec
from genrebench.records import PARTS, Dataset, Task
from genrebench.runs.examples import TaskLabels
from genrebench.session import Session
from genrebench.tables import spreadsheet_cell
from genrebench.tasks.splits import OtherSplit, SplitChoice

Split = str | SplitSpec | None


def open_split(split: Split, file: str | Path | None, dataset: Dataset, session: Session) -> SplitChoice:
    """Look up a split.

    Parameters
    ----------
    split : str or SplitSpec, optional
        Name of one of the core's splits, of one of the dataset's own, or of that of a plugin; or the split itself.
    file : path, optional
        A file with a split; see `genrebench.datasets.split_file.read`.
    dataset : Dataset
        The complete dataset.
    session : Session

    Raises
    ------
    UsageError
        If both are given, or no plugin, or more than one, offers the name.
    DataError
        If the file can't be read or doesn't fit the dataset.
    """
    if file is not None:
        if split is not None:
            raise UsageError("name either a split or a file with one, not both")
        return split_file.read(Path(file), dataset)
    if isinstance(split, SplitSpec):
        return OtherSplit(split, "a Python object")
    if split is None:
        return None
    own: dict[str, OtherSplit] = {}
    if dataset.name in session.registry.names(DATASET):
        offered = session.registry.get(DATASET, dataset.name)
        source = f"{offered.plugin.distribution} {offered.plugin.version}"
        own = {spec.name: OtherSplit(spec, source) for spec in offered.spec.splits}
    if split in own:
        return own[split]
    names = session.registry.names(SPLIT)
    if split not in names:
        known = did_you_mean(split, [*names, *own])
        hint = "; name a file with --split-file" if Path(split).is_file() else ""
        raise UsageError(f"no split {split!r}; {known}{hint}{session.registry.broken()}")
    registered = session.registry.get(SPLIT, split)
    if registered.plugin.distribution == CORE.name:
        return split
    return OtherSplit(registered.spec, f"{registered.plugin.distribution} {registered.plugin.version}")


def write_task_split(task: Task, out: Path) -> int:
    """Write the tracks of a task as a CSV file, for programs that train on exactly the task.

    Parameters
    ----------
    task : Task
    out : Path
        Its columns: track_id; fold, from 0; part; genre; group, the number of the artist, which tracks by one artist share
        and is empty where the artist isn't known. One row per track and fold; `--split-file` reads it.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    UsageError
        If the file can't be written.
    """
    labels = TaskLabels(task)
    genre = {track.id: track.genre for track in task.dataset.tracks}
    rows: list[tuple[object, ...]] = []
    for number, fold in enumerate(task.split.folds):
        for part in PARTS:
            ids = getattr(fold, part)
            for id_, group in zip(ids, labels.artists(ids).tolist(), strict=True):
                rows.append((id_, number, part, spreadsheet_cell(genre[id_]), "" if group < 0 else group))
    try:
        with atomic(out) as temporary, temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("track_id", "fold", "part", "genre", "group"))
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(f"can't write {str(out)!r}: {error.strerror}") from None
    return len(rows)

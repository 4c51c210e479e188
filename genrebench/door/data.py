"""Datasets and tasks: what there is, what is in it, and whether it is sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from genrebench.datasets import check as checks
from genrebench.datasets import download
from genrebench.datasets.check.report import CheckReport
from genrebench.datasets.download.fetch import ignore
from genrebench.datasets.summary import DatasetSummary, summarise
from genrebench.door.opening import Progress, Say, open_dataset, open_exclusions, open_session, open_task
from genrebench.inputs import cache as input_cache
from genrebench.inputs import export
from genrebench.plugin.hookspecs import DATASET
from genrebench.plugin.registry import installed_plugins
from genrebench.records import Dataset, Excerpt, Exclusion, Task
from genrebench.session import data_home
from genrebench.tables import Shown, Table
from genrebench.tasks import task as tasks


def dataset(
    name: str | Path, *, labelled: bool = True, workers: int | None = None, progress: Progress = False, say: Say | None = None
) -> Dataset:
    """Read a dataset.

    Parameters
    ----------
    name : str or path
        A registered name, which wins over a folder of that name (write that one ./NAME), or a folder.
    labelled : bool
        Whether labels are needed; if not, a flat folder of audio files is a dataset too.
    workers, progress, say
        As in `run`; for a dataset that is computed.

    Returns
    -------
    Dataset
        `to_frame()` gives its tracks.

    Raises
    ------
    UsageError
        If there is no such dataset or folder.
    DataError
        If it can't be read.
    """
    return open_dataset(name, open_session(workers=workers, progress=progress, say=say), labelled=labelled)


def task(
    dataset: str | Path | Dataset = "demo",
    *,
    split: str | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] = (),
    extra_training: str | Path | Dataset | None = None,
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
) -> Task:
    """Fix what is compared: a dataset, its split, an excerpt, what is left out; `run` takes the result as its dataset.

    Parameters
    ----------
    dataset, split, split_seed, excerpt, exclude, extra_training, workers, progress, say
        As in `run`.

    Returns
    -------
    Task
        `to_frame()` gives the part of each track in each fold, `fingerprint` what makes scores comparable.
    """
    session = open_session(workers=workers, progress=progress, say=say)
    return open_task(
        dataset,
        session,
        split=split,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=exclude,
        extra_training=extra_training,
    )


def describe(
    dataset: str | Path | Dataset,
    *,
    split: str | None = None,
    split_seed: int = 0,
    progress: Progress = False,
    say: Say | None = None,
) -> DatasetSummary:
    """Count a dataset's tracks by genre, part of the split and artist; say how long they are and where features come from."""
    return DatasetSummary(summarise(open_dataset(dataset, open_session(progress=progress, say=say)), split, split_seed))


def check_dataset(
    dataset: str | Path | Dataset,
    *,
    split: str | None = None,
    split_seed: int = 0,
    exclude: str | Path | Iterable[Exclusion | str] = (),
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
) -> CheckReport:
    """Decode every clip and report what is wrong with a dataset.

    A second check reads what the first has measured, as long as the files are the same; an interrupted one goes on.

    Parameters
    ----------
    dataset
        Also a flat folder without labels.
    split, split_seed, exclude, workers, progress, say
        As in `run`.

    Returns
    -------
    CheckReport
    """
    session = open_session(workers=workers, progress=progress, say=say)
    left_out = open_exclusions(exclude)
    kept = _without(dataset, left_out, labelled=False, session=session)
    cut, before = checks.cut(kept, split, split_seed)
    findings = checks.check(kept, cut, home=session.home, workers=session.workers, progress=session.progress, before=before)
    return CheckReport(kept, findings, left_out)


def write_features(
    dataset: str | Path | Dataset,
    out: str | Path,
    *,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] = (),
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
) -> int:
    """Compute FMA's 518 columns from the audio of a dataset or of a flat folder of files.

    Parameters
    ----------
    dataset, excerpt, exclude, workers, progress, say
        As in `run`.
    out : path
        The CSV file to write, in the form of FMA's features.csv.

    Returns
    -------
    int
        Number of rows.
    """
    session = open_session(workers=workers, progress=progress, say=say)
    kept = _without(dataset, open_exclusions(exclude), labelled=False, session=session)
    return export.write_features(export.clips_of(kept), Path(out), Excerpt.parse(excerpt), session)


def get_dataset(
    name: str,
    *,
    metadata: bool = False,
    source: str | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> download.GetResult:
    """Download, verify and unpack a subset of FMA; what is there is skipped, what was interrupted goes on.

    Parameters
    ----------
    name : str
        fma-small, fma-medium or fma-large.
    metadata : bool
        Without the audio.
    source : str, optional
        A mirror (http, https) or a local folder that holds the archives.
    progress : callable, optional
        Called as ``progress(archive, done, total)``, in bytes.
    """
    return download.get(name, data_home(), metadata_only=metadata, source=source, progress=progress or ignore)


class DatasetList(Shown):
    """The registered datasets."""

    def to_json(self) -> list[dict[str, Any]]:
        """Name, summary and plugin of each, in JSON types."""
        return [
            {"name": one.spec.name, "summary": one.spec.summary, "plugin": one.plugin.distribution}
            for one in sorted(installed_plugins().all(DATASET), key=lambda one: one.spec.name)
        ]

    def tables(self) -> list[Table]:
        """One row per dataset."""
        return [Table.of(("dataset", "summary", "from"), [one.values() for one in self.to_json()])]


def list_datasets() -> DatasetList:
    """List the registered datasets; any folder of music is one too."""
    return DatasetList()


class CacheInfo(Shown):
    """What the cache of computed inputs holds."""

    def __init__(self) -> None:
        self.folder = data_home() / "cache"
        self.shelves = input_cache.info(self.folder)

    def to_json(self) -> dict[str, Any]:
        """Folder and kinds of input, in JSON types."""
        shelves = [{"name": shelf.name, "entries": shelf.entries, "bytes": shelf.bytes} for shelf in self.shelves]
        return {"folder": str(self.folder), "inputs": shelves}

    def tables(self) -> list[Table]:
        """One row per kind of input."""
        rows = [(shelf.name, shelf.entries, f"{shelf.bytes / 1e6:.1f}") for shelf in self.shelves]
        return [Table.of(("input", "entries", "MB"), rows, f"cache in {self.folder}", ("entries", "MB"))]


def cache_info() -> CacheInfo:
    """Say what the cache holds and where it is."""
    return CacheInfo()


def clear_cache() -> int:
    """Remove all cached inputs; they are computed again when a run needs them. Returns the number of bytes freed."""
    return input_cache.clear(data_home() / "cache")


def _without(dataset: str | Path | Dataset, left_out: list[Exclusion], *, labelled: bool, session: Any) -> Dataset:
    """Read a dataset and leave tracks out of it."""
    whole = open_dataset(dataset, session, labelled=labelled)
    unknown = tasks.unknown_ids(left_out, whole)
    if unknown is not None:
        session.say(f"warning: {unknown}")
    return tasks.without(whole, left_out)

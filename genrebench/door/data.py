"""Datasets and tasks: list, read, describe, download and check them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genrebench import files
from genrebench.datasets import check as checks
from genrebench.datasets import download, mirdata_source
from genrebench.datasets.check.report import CheckReport
from genrebench.datasets.download.fetch import ignore
from genrebench.datasets.summary import DatasetSummary, summarise
from genrebench.door.clusters import on_cluster, require_audio_on_cluster
from genrebench.door.folders import Progress
from genrebench.door.opening import Say, listen, open_dataset, open_exclusions, open_session, open_task
from genrebench.door.splits import Split, open_split, write_task_split
from genrebench.errors import UsageError
from genrebench.inputs import cache as input_cache
from genrebench.inputs import export
from genrebench.plugin.blame import blaming
from genrebench.plugin.hookspecs import DATASET
from genrebench.plugin.registry import CORE, installed_plugins
from genrebench.progress import byte_progress
from genrebench.records import Dataset, Excerpt, Exclusion, Task
from genrebench.session import data_home
from genrebench.tables import Shown, Table, frame
from genrebench.tasks import task as tasks
from genrebench.tasks.grouping import group

if TYPE_CHECKING:
    import pandas as pd


def dataset(
    name: str | Path,
    *,
    labelled: bool = True,
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Dataset:
    """Read a dataset.

    Parameters
    ----------
    name : str or path
        A registered name or a folder. Registered names take precedence over folders; write ./NAME for the folder.
    labelled : bool
        Whether labels are required; without them a flat folder of audio files is also a dataset.
    workers, progress, say
        As in `run`; used if the dataset is computed.
    follow_links : bool
        Whether links in a folder may lead out of it.

    Returns
    -------
    Dataset
        `to_frame()` returns its tracks.

    Raises
    ------
    UsageError
        If there is no such dataset or folder.
    DataError
        If the dataset can't be read.
    """
    return open_dataset(
        name, open_session(workers=workers, progress=progress, say=say, follow_links=follow_links), labelled=labelled
    )


def task(
    dataset: str | Path | Dataset = "demo",
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    extra_training: str | Path | Dataset | None = None,
    segments: str = "together",
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Task:
    """Define a task: a dataset, its split, an excerpt and exclusions; `run` takes a task as its dataset.

    Parameters
    ----------
    dataset, split, split_file, split_seed, excerpt, exclude, extra_training, segments, workers, progress, say, follow_links
        As in `run`.

    Returns
    -------
    Task
        `to_frame()` returns the part of each track in each fold; scores are comparable if `fingerprint` is the same.
    """
    session = open_session(workers=workers, progress=progress, say=say, follow_links=follow_links)
    return open_task(
        dataset,
        session,
        split=split,
        split_file=split_file,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=exclude,
        extra_training=extra_training,
        segments=segments,
    )


def write_split(
    dataset: str | Path | Dataset | Task,
    out: str | Path,
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    extra_training: str | Path | Dataset | None = None,
    segments: str = "together",
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> Task:
    """Write which tracks train, validate and test, so that a model outside Python can be trained on exactly this task.

    Parameters
    ----------
    dataset, split, split_file, split_seed, excerpt, exclude, extra_training, segments, workers, progress, say, follow_links
        As in `run`.
    out : path
        The CSV file to write, with the columns track_id, fold, part, genre and group (the number of the artist).

    Returns
    -------
    Task
        `score` takes the predictions for its test tracks.
    """
    files.require_place(Path(out))
    session = open_session(workers=workers, progress=progress, say=say, follow_links=follow_links)
    made = open_task(
        dataset,
        session,
        split=split,
        split_file=split_file,
        split_seed=split_seed,
        excerpt=excerpt,
        exclude=exclude,
        extra_training=extra_training,
        segments=segments,
    )
    write_task_split(made, Path(out))
    return made


def describe(
    dataset: str | Path | Dataset | Task,
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    segments: str = "together",
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> DatasetSummary:
    """Summarise a dataset: number of tracks by genre, part and artist, durations, source of the features, and warnings."""
    session = open_session(progress=progress, say=say, follow_links=follow_links)
    opened = open_dataset(dataset, session)
    chosen = open_split(split, split_file, opened, session)
    return DatasetSummary(summarise(opened, chosen, split_seed, segments, listen(opened, session), home=session.home))


def check_dataset(
    dataset: str | Path | Dataset | Task,
    *,
    split: Split = None,
    split_file: str | Path | None = None,
    split_seed: int = 0,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    segments: str = "together",
    rehash: bool = False,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> CheckReport:
    """Decode every clip and report problems with a dataset.

    Results are cached, so checking unchanged files again is fast and an interrupted check can be resumed.

    Parameters
    ----------
    dataset
        As in `run`, or a flat folder without labels.
    split, split_file, split_seed, exclude, segments, workers, cluster, progress, say, follow_links
        As in `run`.
    rehash : bool
        Read all files again, and report those that have changed unnoticed since they were hashed.

    Returns
    -------
    CheckReport
    """
    opened = open_session(workers=workers, progress=progress, say=say, follow_links=follow_links)
    with on_cluster(cluster, opened) as session:
        excluded = open_exclusions(exclude)
        kept = _without(dataset, excluded, labelled=False, session=session)
        require_audio_on_cluster(kept, session)
        grouped = group(kept, segments, listen(kept, session))
        chosen = open_split(split, split_file, kept, session)
        split_used, before = checks.cut(grouped.dataset, chosen, split_seed)
        before += checks.label_findings(grouped, split_used)
        findings = checks.check(
            grouped.dataset,
            split_used,
            home=session.home,
            workers=session.workers,
            progress=session.progress,
            before=before,
            rehash=rehash,
        )
        return CheckReport(kept, findings, excluded)


def write_features(
    dataset: str | Path | Dataset | Task,
    out: str | Path,
    *,
    excerpt: str | float | None = 30,
    exclude: str | Path | Iterable[Exclusion | str] | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = False,
    say: Say | None = None,
    follow_links: bool = False,
) -> int:
    """Compute FMA's 518 features from the audio of a dataset or of a flat folder of files.

    Parameters
    ----------
    dataset, excerpt, exclude, workers, cluster, progress, say, follow_links
        As in `run`.
    out : path
        The CSV file to write, in the format of FMA's features.csv.

    Returns
    -------
    int
        Number of rows.
    """
    opened = open_session(workers=workers, progress=progress, say=say, follow_links=follow_links)
    with on_cluster(cluster, opened) as session:
        kept = _without(dataset, open_exclusions(exclude), labelled=False, session=session)
        require_audio_on_cluster(kept, session)
        return export.write_features(export.clips_of(kept), Path(out), Excerpt.parse(excerpt), session)


def get_dataset(
    name: str,
    *,
    metadata: bool = False,
    source: str | None = None,
    progress: bool | Callable[[str, int, int | None], None] = False,
) -> download.GetResult:
    """Download, verify and unpack a dataset; existing files are skipped, interrupted downloads are resumed.

    Parameters
    ----------
    name : str
        A registered dataset that can be downloaded, such as fma-small; mirdata downloads ``mirdata:NAME`` itself.
    metadata : bool
        Download only the metadata and features, without the audio.
    source : str, optional
        A mirror (http, https) or a local folder with the files.
    progress : bool or callable
        True shows progress on stderr; a callable is called as ``progress(file, done, total)``, in bytes.

    Raises
    ------
    UsageError
        If there is no such dataset, or it can't be downloaded.
    DataError
        If a file can't be fetched or has the wrong checksum; the message names the plugin.
    """
    if name.startswith(mirdata_source.PREFIX):
        folder = mirdata_source.get(name, data_home())
        return download.GetResult(folder, (), (), 0)
    registry = installed_plugins()
    registered = registry.get(DATASET, name)
    if not registered.spec.get:
        offered = [other for other in registry.names(DATASET) if not registry.is_ambiguous(DATASET, other)]
        can = [other for other in offered if registry.get(DATASET, other).spec.get]
        raise UsageError(f"{name!r} can't be downloaded ({registered.spec.summary}); choose one of {', '.join(can)}")
    plugin = registered.plugin
    label = f"{name} ({plugin.distribution} {plugin.version})"
    own = plugin.distribution == CORE.name
    with (
        byte_progress() if progress is True else contextlib.nullcontext(progress or ignore) as show,
        contextlib.nullcontext() if own else blaming(label, "get"),
    ):
        return download.get(registered.spec, data_home(), metadata_only=metadata, source=source, progress=show)


class DatasetList(Shown):
    """The registered datasets."""

    def to_json(self) -> list[dict[str, Any]]:
        """Name, summary and plugin of each dataset, in JSON types."""
        return [
            {"name": one.spec.name, "summary": one.spec.summary, "plugin": one.plugin.distribution}
            for one in sorted(installed_plugins().usable(DATASET), key=lambda one: one.spec.name)
        ]

    def tables(self) -> list[Table]:
        """One row per dataset."""
        return [Table.of(("dataset", "summary", "plugin"), [one.values() for one in self.to_json()], text=("summary",))]


def list_datasets() -> DatasetList:
    """List the registered datasets; folders of music needn't be registered."""
    return DatasetList()


class CacheInfo(Shown):
    """The content of the cache of computed inputs."""

    def __init__(self) -> None:
        self.folder = data_home() / "cache"
        self.inputs = input_cache.info(self.folder)

    def to_json(self) -> dict[str, Any]:
        """The folder and the inputs in it, in JSON types."""
        inputs = [{"name": cached.name, "entries": cached.entries, "bytes": cached.bytes} for cached in self.inputs]
        return {"folder": str(self.folder), "inputs": inputs}

    def to_frame(self) -> pd.DataFrame:
        """One row per input as a pandas DataFrame: entries and bytes."""
        return frame(self.to_json()["inputs"], index="name")

    def tables(self) -> list[Table]:
        """One row per input."""
        rows = [(cached.name, cached.entries, f"{cached.bytes / 1e6:.1f}") for cached in self.inputs]
        return [Table.of(("input", "entries", "MB"), rows, f"cache in {self.folder}", ("entries", "MB"))]


def cache_info() -> CacheInfo:
    """Return the folder and the content of the cache."""
    return CacheInfo()


def clear_cache() -> int:
    """Remove all cached inputs and return the number of bytes freed; inputs are recomputed when a run needs them."""
    return input_cache.clear(data_home() / "cache")


def _without(dataset: str | Path | Dataset | Task, excluded: list[Exclusion], *, labelled: bool, session: Any) -> Dataset:
    """Read a dataset without the excluded tracks."""
    complete = open_dataset(dataset, session, labelled=labelled)
    unknown = tasks.unknown_ids(excluded, complete)
    if unknown is not None:
        session.say(f"warning: {unknown}")
    return tasks.without(complete, excluded)

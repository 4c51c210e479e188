"""Datasets: the built-in ones, and finding the one that ``--dataset`` names."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from genrebench.datasets import fma_archives, gtzan, mirdata_source, references
from genrebench.environment import cpus
from genrebench.errors import DataError, UsageError, similar
from genrebench.mirror import is_url
from genrebench.plugin.blame import blaming
from genrebench.plugin.datasets import DatasetSpec, require_dataset, require_features
from genrebench.plugin.hookspecs import DATASET
from genrebench.plugin.registry import CORE, Registered, Registry
from genrebench.progress import Progress, no_progress
from genrebench.records import Dataset, ExtraTraining, FeatureValues, Remark, Track


def _demo(home: Path, progress: Progress = no_progress, workers: int | None = None) -> Dataset:
    from genrebench.datasets import demo

    return demo.load(home, progress=progress, workers=workers)


def _gtzan(home: Path) -> Dataset:
    return gtzan.load(home)


def _fma_small(home: Path) -> Dataset:
    from genrebench.datasets import fma

    return fma.load_named(home, "small")


def _fma_medium(home: Path) -> Dataset:
    from genrebench.datasets import fma

    return fma.load_named(home, "medium")


def _fma_large(home: Path) -> Dataset:
    from genrebench.datasets import fma

    return fma.load_named(home, "large")


def _fma(subset: str, summary: str, load: Callable[[Path], Dataset], **settings: Any) -> DatasetSpec:
    """The spec of a subset of FMA."""
    return DatasetSpec(
        f"fma-{subset}",
        f"Free Music Archive, {summary}",
        load,
        folder=fma_archives.FOLDER,
        licence=fma_archives.LICENCE,
        citation=fma_archives.CITATION,
        **settings,
    )


SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec("demo", "synthetic music, generated from a seed; no download", _demo, _demo),
    _fma("small", "8,000 clips of 30 s, 8 genres", _fma_small, references=references.FMA_SMALL, get=fma_archives.SMALL),
    _fma("medium", "25,000 clips of 30 s, 16 genres", _fma_medium, references=references.FMA_MEDIUM, get=fma_archives.MEDIUM),
    DatasetSpec(
        "gtzan",
        "GTZAN, 1,000 clips of 30 s, 10 genres; from your own copy",
        _gtzan,
        splits=gtzan.SPLITS,
        citation=gtzan.CITATION,
    ),
    _fma("large", "106,574 clips of 30 s; those without a genre are left out", _fma_large, get=fma_archives.LARGE),
)


def resolve(
    text: str,
    registry: Registry,
    home: Path,
    progress: Progress = no_progress,
    *,
    labelled: bool = True,
    workers: int | None = None,
    follow_links: bool = False,
) -> Dataset:
    """Load the dataset that the user named.

    Parameters
    ----------
    text : str
        A registered name, a folder, the URL of one, or ``mirdata:NAME``. A registered name takes precedence over a folder of
        the same name; write ``./demo`` for the folder.
    registry : Registry
        The installed plugins, with their datasets.
    home : Path
        The folder in which genrebench keeps data.
    progress : callable, optional
        As in `Context`; shows the progress of computing a dataset.
    labelled : bool
        Whether labels are needed; if not, a flat folder of audio files is accepted as well.
    workers : int, optional
        Number of processes or threads for computing a dataset; by default one per processor.
    follow_links : bool
        Whether links may lead out of a folder of the user's own.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If `text` is neither, or two plugins offer it; the message suggests a similar name.
    DataError
        If the dataset can't be read.
    PluginError
        If a plugin's dataset raises an unexpected error.
    """
    names = registry.names(DATASET)
    if text in names:
        return _load(registry.get(DATASET, text), home, progress, workers or cpus())
    if text.startswith(mirdata_source.PREFIX):
        return mirdata_source.load(text, home)
    if is_url(text):
        from genrebench.datasets import remote

        return remote.load(text, home)
    folder = Path(text).expanduser()
    if text and folder.is_dir():
        from genrebench.datasets import folder as folders

        load = folders.load_flat if not labelled and folders.is_flat(folder) else folders.load
        return load(folder, follow_links=follow_links)
    if text and folder.is_file():
        raise UsageError(f"{text!r} is a file; a dataset is a folder, perhaps {str(folder.parent)!r}")
    close = similar(text, names, 1) or [str(folder.parent / name) for name in similar(folder.name, _folders(folder.parent), 1)]
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise UsageError(
        f"no dataset or folder {text!r}{hint} (registered: {', '.join(sorted(names)) or 'none'}){registry.broken()}"
    )


def _folders(parent: Path) -> list[str]:
    """Names of the folders in a folder; none if it can't be read."""
    with contextlib.suppress(OSError):
        return [one.name for one in parent.iterdir() if one.is_dir() and not one.name.startswith(".")]
    return []


def _load(registered: Registered[DatasetSpec], home: Path, progress: Progress, workers: int) -> Dataset:
    """Let a plugin make and load its dataset; errors name the plugin, and what it loads is checked."""
    spec, plugin = registered.spec, registered.plugin
    if plugin.distribution == CORE.name:
        return _made(spec, home, progress, workers)
    label = f"{spec.name} ({plugin.distribution} {plugin.version})"
    with blaming(label, "load"):
        loaded = _made(spec, home, progress, workers)
    dataset = require_dataset(loaded, label)
    if dataset.load_features is not None:
        dataset = dataclasses.replace(dataset, load_features=partial(_features, dataset, dataset.load_features, label))
    note = dataset.note or spec.licence
    return dataclasses.replace(dataset, name=spec.name, note=note)


def _made(spec: DatasetSpec, home: Path, progress: Progress, workers: int) -> Dataset:
    if spec.make is not None:
        spec.make(home, progress, workers)
    return spec.load(home)


def _features(dataset: Dataset, load: Callable[[], FeatureValues], label: str) -> FeatureValues:
    with blaming(label, "load_features"):
        values = load()
    return require_features(values, dataset, label)


def require_audio(dataset: Dataset, tracks: Sequence[Track], extra: ExtraTraining | None = None) -> None:
    """Check that the audio files of some tracks exist.

    Parameters
    ----------
    dataset : Dataset
    tracks : sequence of Track
        Those that will be used.
    extra : ExtraTraining, optional
        Which of the tracks come from a larger dataset; the message about their audio names that dataset.

    Raises
    ------
    DataError
        If a track has no path or its file doesn't exist; the message names the dataset, the number of such tracks, the first
        of them and the next step.
    """
    added = set() if extra is None else {id_ for ids in extra.ids.values() for id_ in ids}
    _require_audio(dataset.name, [track for track in tracks if track.id not in added], dataset.unusable)
    if extra is not None:
        _require_audio(extra.dataset, [track for track in tracks if track.id in added], dataset.unusable)


def _require_audio(name: str, tracks: Sequence[Track], unusable: Mapping[str, Remark]) -> None:
    missing = [track for track in tracks if track.path is None or not track.path.is_file()]
    if not missing:
        return
    if all(track.path is None and track.id not in unusable for track in tracks):
        if name.startswith("fma-"):
            raise DataError(
                f"the audio of {name} isn't on this machine; get it with: genrebench data get {name}, or name the folder that "
                f"has {name.replace('-', '_')} with --data-dir or GENREBENCH_DATA_DIR"
            )
        raise DataError(f"{name} has no audio; add a column 'path' to its tracks.csv")
    first = missing[0]
    problem = unusable.get(first.id)
    reason = problem.detail if problem else f"no file {str(first.path)!r}" if first.path else "no path"
    raise DataError(
        f"{name}: {len(missing)} of {len(tracks)} tracks have no audio, the first is {first.id!r} ({reason}); add the "
        "files, or exclude the tracks with --exclude FILE (genrebench data check writes such a list)"
    )

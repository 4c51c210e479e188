"""Datasets: the built-in ones, and finding the one that ``--dataset`` names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genrebench.errors import DataError, GenrebenchError, PluginError, UsageError
from genrebench.plugin.contract import DatasetSpec
from genrebench.records import Dataset, ExtraTraining, Track

Progress = Callable[..., Iterable[Any]]


def _no_progress(iterable: Iterable[Any], description: str, total: int | None = None) -> Iterable[Any]:  # noqa: ARG001
    return iterable


def _demo(home: Path, progress: Progress | None = None, workers: int | None = None) -> Dataset:
    from genrebench.datasets import demo

    return demo.load(home, progress=progress, workers=workers)


def _fma_small(home: Path) -> Dataset:
    from genrebench.datasets import fma

    return fma.load_named(home, "small")


def _fma_medium(home: Path) -> Dataset:
    from genrebench.datasets import fma

    return fma.load_named(home, "medium")


def _fma_large(home: Path) -> Dataset:
    from genrebench.datasets import fma

    return fma.load_named(home, "large")


SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec("demo", "synthetic music, generated from a seed; no download", _demo, _demo),
    DatasetSpec("fma-small", "Free Music Archive, 8,000 clips of 30 s, 8 genres", _fma_small),
    DatasetSpec("fma-medium", "Free Music Archive, 25,000 clips of 30 s, 16 genres", _fma_medium),
    DatasetSpec("fma-large", "Free Music Archive, 106,574 clips of 30 s; those without a genre are left out", _fma_large),
)


def resolve(
    text: str,
    specs: Mapping[str, DatasetSpec],
    home: Path,
    progress: Progress | None = None,
    *,
    labelled: bool = True,
    workers: int | None = None,
) -> Dataset:
    """Load the dataset that the user named.

    Parameters
    ----------
    text : str
        A registered name or a folder. A registered name takes precedence over a folder of the same name; write ``./demo``
        for the folder.
    specs : mapping of str to DatasetSpec
        The registered datasets by name.
    home : Path
        The folder in which genrebench keeps data.
    progress : callable, optional
        As in `Context`; shows the progress of computing a dataset.
    labelled : bool
        Whether labels are needed; if not, a flat folder of audio files is accepted as well.
    workers : int, optional
        Number of processes or threads for computing a dataset; by default one per processor.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If `text` is neither; the message suggests a similar name.
    DataError
        If the dataset can't be read.
    PluginError
        If a plugin's dataset raises an unexpected error.
    """
    if text in specs:
        try:
            make = specs[text].make
            if make is not None:
                make(home, progress or _no_progress, workers)
            return specs[text].load(home)
        except GenrebenchError:
            raise
        except Exception as error:
            raise PluginError(f"the plugin that provides dataset {text!r} raised {type(error).__name__}: {error}") from error
    folder = Path(text).expanduser()
    if text and folder.is_dir():
        from genrebench.datasets import folder as folders

        return folders.load_flat(folder) if not labelled and folders.is_flat(folder) else folders.load(folder)
    if text and folder.is_file():
        raise UsageError(f"{text!r} is a file; a dataset is a folder, perhaps {str(folder.parent)!r}")
    close = difflib.get_close_matches(text, specs, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"no dataset or folder {text!r}{hint} (registered: {', '.join(sorted(specs)) or 'none'})")


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
    _require_audio(dataset.name, [track for track in tracks if track.id not in added])
    if extra is not None:
        _require_audio(extra.dataset, [track for track in tracks if track.id in added])


def _require_audio(name: str, tracks: Sequence[Track]) -> None:
    missing = [track for track in tracks if track.path is None or not track.path.is_file()]
    if not missing:
        return
    if all(track.path is None for track in tracks):
        if name.startswith("fma-"):
            raise DataError(f"the audio of {name} isn't on this machine; get it with: genrebench data get {name}")
        raise DataError(f"{name} has no audio; add a column 'path' to its tracks.csv")
    first = missing[0]
    reason = f"no file {str(first.path)!r}" if first.path else "no path"
    raise DataError(
        f"{name}: {len(missing)} of {len(tracks)} tracks have no audio, the first is {first.id!r} ({reason}); add the "
        "files, or exclude the tracks with --exclude FILE (genrebench data check writes such a list)"
    )

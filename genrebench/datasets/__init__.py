"""Datasets: what `--dataset` finds, by a registered name or as a folder."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genrebench.datasets import references
from genrebench.errors import DataError, GenrebenchError, PluginError, UsageError
from genrebench.plugin.datasets import DatasetSpec
from genrebench.records import Dataset, ExtraTraining, Track

Progress = Callable[..., Iterable[Any]]


def _demo(home: Path) -> Dataset:
    from genrebench.datasets import demo

    return demo.load(home)


def _make_demo(home: Path, progress: Progress, workers: int) -> Dataset:
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
    DatasetSpec("demo", "synthetic music, made on the spot from a seed", _demo, _make_demo),
    DatasetSpec("fma-small", "Free Music Archive, 8,000 clips of 30 s, 8 genres", _fma_small, references=references.FMA_SMALL),
    DatasetSpec(
        "fma-medium", "Free Music Archive, 25,000 clips of 30 s, 16 genres", _fma_medium, references=references.FMA_MEDIUM
    ),
    DatasetSpec("fma-large", "Free Music Archive, 106,574 clips of 30 s, of which the labelled ones", _fma_large),
)


def resolve(
    text: str, specs: Mapping[str, DatasetSpec], home: Path, progress: Progress | None = None, *, labelled: bool = True
) -> Dataset:
    """Find the dataset that a user named.

    Parameters
    ----------
    text : str
        A registered name, which wins over a folder of that name (write that one ``./demo``), or a folder.
    specs : mapping of str to DatasetSpec
        The registered datasets by name.
    home : Path
        The folder below which genrebench keeps data.
    progress : callable, optional
        As in `Context`; shows the making of a dataset that is computed.
    labelled : bool
        Whether labels are needed; if not, a flat folder of audio files is a dataset too.

    Returns
    -------
    Dataset

    Raises
    ------
    UsageError
        If `text` is neither; the message says what was probably meant.
    DataError
        If the dataset can't be read.
    """
    if text in specs:
        try:
            make = specs[text].make
            if make is not None and progress is not None:
                make(home, progress)
            return specs[text].load(home)
        except GenrebenchError:
            raise
        except Exception as error:
            raise PluginError(f"the plugin that offers dataset {text!r} raised {type(error).__name__}: {error}") from error
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
    """Make sure that the tracks that are used have audio.

    Parameters
    ----------
    dataset : Dataset
    tracks : sequence of Track
    extra : ExtraTraining, optional
        Which of the tracks come from a larger dataset, that has to have their audio then.

    Raises
    ------
    DataError
        If a track has no path or its file isn't there; the message says how many, names the dataset, the first track and the
        next step.
    """
    added = set() if extra is None else {id_ for ids in extra.ids.values() for id_ in ids}
    _require_audio(dataset.name, [track for track in tracks if track.id not in added])
    if extra is not None:
        _require_audio(extra.dataset, [track for track in tracks if track.id in added])


def _require_audio(name: str, tracks: Sequence[Track]) -> None:
    absent = [track for track in tracks if track.path is None or not track.path.is_file()]
    if not absent:
        return
    if all(track.path is None for track in tracks):
        get = name.startswith("fma-")
        step = f"get it with: genrebench data get {name}" if get else "add a column 'path' to its tracks.csv"
        raise DataError(f"{name} has no audio here; {step}")
    first = absent[0]
    missing = f"no file {str(first.path)!r}" if first.path else "no path"
    raise DataError(
        f"{name}: {len(absent)} of {len(tracks)} tracks have no audio, the first is {first.id!r} ({missing}); add the "
        "files, or leave the tracks out with --exclude FILE (genrebench data check writes such a list)"
    )

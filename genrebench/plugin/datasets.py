"""The contract between genrebench and datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genrebench.records import Dataset


@dataclass(frozen=True)
class Reference:
    """A published score on a dataset, for orientation; test set or features differ, so it isn't comparable with any row.

    Parameters
    ----------
    name : str
        Name of the model.
    test_set, source : str
        The test set, and where the score was published.
    log_loss, f1_micro : float or None
        None if not published.
    note : str
    """

    name: str
    test_set: str
    source: str
    log_loss: float | None = None
    f1_micro: float | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The reference in JSON types, marked as not comparable."""
        return {**asdict(self), "comparable": False}


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset that can be selected with `--dataset NAME`.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    load : callable
        ``load(home)`` reads the dataset; `home` is genrebench's data folder. If the dataset is missing, it raises `DataError`
        with the command that downloads it.
    make : callable, optional
        For computed datasets: ``make(home, progress, workers)`` is called before `load` and computes the files that `load`
        reads, unless they exist, with `workers` processes. `progress` as in `Context`.
    references : tuple of Reference
        Published scores on this dataset, shown with its boards.
    """

    name: str
    summary: str
    load: Callable[[Path], Dataset]
    make: Callable[[Path, Callable[..., Iterable[Any]], int], object] | None = None
    references: tuple[Reference, ...] = ()

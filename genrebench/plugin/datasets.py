"""What authors of datasets need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genrebench.records import Dataset


@dataclass(frozen=True)
class Reference:
    """A published score on a dataset, for scale; its test set or features differ from a board's, so it compares with no row.

    Parameters
    ----------
    name : str
        The model.
    test_set, source : str
        What it was measured on, and where it was published.
    log_loss, f1_micro : float or None
        None where not published.
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
    """A dataset that `--dataset NAME` finds.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    load : callable
        ``load(home)`` reads the dataset; `home` is genrebench's data folder. It raises `DataError` with the command that gets
        the dataset where it isn't there.
    make : callable, optional
        For a dataset that is computed: ``make(home, progress, workers)``, called before `load`, computes what `load` reads
        where it isn't there yet, with `workers` processes. `progress` as in `Context`.
    references : tuple of Reference
        Published scores on this dataset, shown beside its boards.
    """

    name: str
    summary: str
    load: Callable[[Path], Dataset]
    make: Callable[[Path, Callable[..., Iterable[Any]], int], object] | None = None
    references: tuple[Reference, ...] = ()

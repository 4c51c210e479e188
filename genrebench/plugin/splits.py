"""The contract between genrebench and splits, and the check of what one makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from genrebench.errors import PluginError
from genrebench.plugin.blame import blaming
from genrebench.records import PARTS, Dataset, Fold

Folds = Sequence[Fold]


@dataclass(frozen=True)
class SplitSpec:
    """A way to split a dataset, selected with `--split NAME`.

    Parameters
    ----------
    name : str
        [a-z0-9-]+, unique among the installed plugins.
    summary : str
        One line.
    make : callable
        ``make(dataset, seed)`` returns the folds, or a pair of folds and warnings: a list of `Fold`, and a list of one line of
        text each. `dataset` has neither excluded nor faulty tracks. The folds depend on track ids, genres, artists, and the
        seed alone, not on the order of the tracks. Parts of a fold don't overlap, and a track is tested in one fold at most. A
        track that is in no part is left out of the task. Raise `DataError` for a dataset that can't be split this way.
    """

    name: str
    summary: str
    make: Callable[[Dataset, int], Folds | tuple[Folds, Sequence[str]]]


def made_folds(spec: SplitSpec, dataset: Dataset, seed: int, label: str) -> tuple[tuple[Fold, ...], tuple[str, ...]]:
    """Make the folds of a split and check them.

    Parameters
    ----------
    spec : SplitSpec
    dataset : Dataset
    seed : int
    label : str
        The split and its plugin, for messages.

    Returns
    -------
    folds : tuple of Fold
    warnings : tuple of str

    Raises
    ------
    PluginError
        If `make` raises an unexpected error or returns something else than folds of the dataset's tracks; see `SplitSpec`.
    """
    with blaming(label, "make"):
        returned = spec.make(dataset, seed)
    folds, warnings = _parts_of(returned)
    problem = _problem(folds, warnings, {track.id for track in dataset.tracks})
    if problem is not None:
        raise PluginError(f"{label}: make {problem}")
    return tuple(Fold(*(tuple(getattr(fold, part)) for part in PARTS)) for fold in folds), tuple(warnings)


def _parts_of(returned: Any) -> tuple[Any, Any]:
    """Folds and warnings; a pair whose first item is no fold is a pair of these."""
    if isinstance(returned, tuple) and len(returned) == 2 and not isinstance(returned[0], Fold):
        return returned
    return returned, ()


def _problem(folds: Any, warnings: Any, ids: Collection[str]) -> str | None:
    if not isinstance(folds, list | tuple) or not all(isinstance(fold, Fold) for fold in folds):
        return f"returned {folds!r:.60} ({type(folds).__name__}), not a list of genrebench.api.Fold"
    if not folds:
        return "returned no folds; raise DataError if the dataset can't be split"
    if not isinstance(warnings, list | tuple) or not all(isinstance(text, str) for text in warnings):
        return f"returned the warnings {warnings!r:.60}, not a list of texts"
    for number, fold in enumerate(folds):
        problem = _fold_problem(fold, ids)
        if problem is not None:
            return f"returned fold {number} {problem}"
    tested = Counter(id_ for fold in folds for id_ in fold.test)
    twice = next((id_ for id_, n in tested.items() if n > 1), None)
    if twice is not None:
        return f"returned folds of which {tested[twice]} test track {twice!r}; a track is tested in one fold at most"
    return None


def _fold_problem(fold: Fold, ids: Collection[str]) -> str | None:
    for part in PARTS:
        of_part = getattr(fold, part)
        if isinstance(of_part, str) or not isinstance(of_part, list | tuple):
            return f"whose {part} part is {type(of_part).__name__}, not a tuple of ids"
        strange = next((id_ for id_ in of_part if not isinstance(id_, str) or id_ not in ids), None)
        if strange is not None:
            return f"whose {part} part has {strange!r}, which isn't the id of a track of the dataset"
    counts = Counter(id_ for part in PARTS for id_ in getattr(fold, part))
    twice = next((id_ for id_, n in counts.items() if n > 1), None)
    if twice is not None:
        where = " and ".join(part for part in PARTS if twice in getattr(fold, part))
        return f"that has track {twice!r} twice, in {where}"
    if not fold.training:
        return "without a training track"
    return None

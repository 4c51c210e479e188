"""What tells tasks apart that look alike, and how a task is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genrebench.records import PARTS

_NAMED = {
    "dataset": "dataset",
    "split": "split",
    "split_seed": "split seed",
    "excerpt": "excerpt",
    "version": "dataset version",
    "genres": "genres",
}


def differences(one: Mapping[str, Any], other: Mapping[str, Any], where: tuple[str, str] = ("there", "here")) -> list[str]:
    """What tells two tasks apart, each as in a run's record.

    Parameters
    ----------
    one, other : mapping
    where : (str, str)
        Words for the first and for the second.

    Returns
    -------
    list of str
        Phrases such as "split seed 1 there, 0 here"; empty if the tasks are the same. What differs in content is told only
        where nothing that has a name differs.
    """
    if one.get("fingerprint") == other.get("fingerprint"):
        return []
    found = [
        f"{name} {_listed(one.get(key))} {where[0]}, {_listed(other.get(key))} {where[1]}"
        for key, name in _NAMED.items()
        if one.get(key) != other.get(key)
    ]
    left_out = _excluded(one) - _excluded(other), _excluded(other) - _excluded(one)
    if any(left_out):
        found.append(f"{_tracks(left_out[0])} left out {where[0]} only, {_tracks(left_out[1])} {where[1]} only")
    found = found or [  # of the same dataset, so the numbers of its own tracks say something new
        f"{a} {part} tracks of {one.get('dataset')} {where[0]}, {b} {where[1]}"
        for part in PARTS
        if (a := _own(one, part)) != (b := _own(other, part))
    ]
    found += _extra_differences(one, other, where)
    return found or ["labels, artists, parts, feature values or audio differ in content"]


def apart(tasks: Sequence[Mapping[str, Any]], of: Mapping[str, Any]) -> list[str]:
    """One line for each of `tasks` that has the dataset and split names of `of` but isn't the same task."""
    alike = [t for t in tasks if all(t.get(key) == of.get(key) for key in ("dataset", "split"))]
    return [
        f"doesn't compare with board {str(task.get('fingerprint'))[:8]}: {'; '.join(found)}"
        for task in alike
        if (found := differences(task, of))
    ]


def extra_training(task: Mapping[str, Any], *, by_genre: bool = False) -> str:
    """What was added to a task's training, such as "64 training tracks of fma-large"; empty if nothing was.

    Parameters
    ----------
    task : mapping
        As in a run's record.
    by_genre : bool
        Also say how many each genre got.
    """
    extra = _extra(task)
    if not extra:
        return ""
    added = extra.get("added") or {}
    genres = f" ({', '.join(f'{genre} {n}' for genre, n in added.items())})" if by_genre and added else ""
    return f"{_n_added(task)} training tracks of {extra.get('dataset')}{genres}"


def split_title(task: Mapping[str, Any]) -> str:
    """Name of a task's split and what was added to it, such as "official + 64 training tracks of fma-large"."""
    added = extra_training(task)
    return f"{task.get('split')} + {added}" if added else str(task.get("split"))


def without_tracks(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task of a run's record without what is listed by track or by fold: what a board shows of it."""
    shown = {key: value for key, value in task.items() if key not in ("excluded", "training_counts")}
    if extra := _extra(task):
        shown["extra_training"] = {key: value for key, value in extra.items() if key != "ids"}
    return shown


def _extra(task: Mapping[str, Any]) -> Mapping[str, Any]:
    found = task.get("extra_training")
    return found if isinstance(found, Mapping) else {}


def _n_added(task: Mapping[str, Any]) -> int:
    return sum((_extra(task).get("added") or {}).values())


def _own(task: Mapping[str, Any], part: str) -> int | None:
    """Number of tracks in a part over all folds, without those of a larger dataset."""
    n: int | None = task.get(f"n_{part}")
    return n if n is None or part != "training" else n - _n_added(task) * int(task.get("n_folds", 1))


def _extra_differences(one: Mapping[str, Any], other: Mapping[str, Any], where: tuple[str, str]) -> list[str]:
    texts = [extra_training(task) for task in (one, other)]
    if texts[0] != texts[1]:
        return [f"extra training: {texts[0] or 'none'} {where[0]}, {texts[1] or 'none'} {where[1]}"]
    listed = [_extra(task).get("ids") for task in (one, other)]
    if all(listed) and listed[0] != listed[1]:  # older records don't say which tracks
        return [f"other {texts[0]} {where[0]} than {where[1]}"]
    return []


def _excluded(task: Mapping[str, Any]) -> set[str]:
    return {str(item.get("id")) for item in task.get("excluded") or [] if isinstance(item, Mapping)}


def _listed(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def _tracks(ids: set[str]) -> str:
    shown = ", ".join(sorted(ids)[:3]) + (", ..." if len(ids) > 3 else "")
    return f"{len(ids)} tracks ({shown})" if ids else "none"

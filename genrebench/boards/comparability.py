"""Why two tasks aren't comparable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genrebench.records import PARTS
from genrebench.runs.record import TaskRecord

_FIELDS = {
    "dataset": "dataset",
    "split": "split",
    "split_seed": "split seed",
    "excerpt": "excerpt",
    "version": "dataset version",
    "genres": "genres",
}


def differences(one: TaskRecord, other: TaskRecord, where: tuple[str, str] = ("there", "here")) -> list[str]:
    """List the differences between two tasks.

    Parameters
    ----------
    one, other : TaskRecord
    where : (str, str)
        How to refer to the first and the second task.

    Returns
    -------
    list of str
        Phrases such as "split seed 1 there, 0 here"; empty if the tasks are the same. A difference in content is reported
        only if there is no other difference.
    """
    if one.fingerprint == other.fingerprint:
        return []
    phrases = [
        f"{name} {_text(getattr(one, key))} {where[0]}, {_text(getattr(other, key))} {where[1]}"
        for key, name in _FIELDS.items()
        if getattr(one, key) != getattr(other, key)
    ]
    excluded = _excluded(one) - _excluded(other), _excluded(other) - _excluded(one)
    phrases += [f"{_tracks(ids)} excluded only {place}" for ids, place in zip(excluded, where, strict=True) if ids]
    if one.reading != other.reading:
        as_before = "audio read as by version 0.1.0"
        phrases.append(f"{one.reading or as_before} {where[0]}, {other.reading or as_before} {where[1]}")
    phrases = phrases or [  # a track count explains nothing if the dataset or the split differs anyway
        f"{a} {part} tracks of {one.dataset} {where[0]}, {b} {where[1]}"
        for part in PARTS
        if (a := _own(one, part)) != (b := _own(other, part))
    ]
    phrases += _extra_differences(one, other, where)
    return phrases or ["labels, artists, parts, feature values or audio differ in content"]


def not_comparable(tasks: Sequence[TaskRecord], task: TaskRecord) -> list[str]:
    """One line per task that has the dataset and split names of `task` but isn't comparable with it, with the reasons."""
    namesakes = [other for other in tasks if (other.dataset, other.split) == (task.dataset, task.split)]
    return [
        f"Not comparable with board {other.fingerprint[:8]}: {'; '.join(phrases)}."
        for other in namesakes
        if (phrases := differences(other, task))
    ]


def _own(task: TaskRecord, part: str) -> int:
    """Number of tracks in a part over all folds, without extra training tracks."""
    n: int = getattr(task, f"n_{part}")
    return n if part != "training" or task.extra_training is None else n - task.extra_training.n_added * task.n_folds


def _extra_differences(one: TaskRecord, other: TaskRecord, where: tuple[str, str]) -> list[str]:
    extra, other_extra = one.extra_training, other.extra_training
    texts = ["none" if record is None else record.text() for record in (extra, other_extra)]
    if texts[0] != texts[1]:
        return [f"extra training: {texts[0]} {where[0]}, {texts[1]} {where[1]}"]
    if extra is None or other_extra is None or not extra.ids or not other_extra.ids or extra.ids == other_extra.ids:
        return []
    return [f"extra training: {texts[0]} in both, but not the same tracks"]


def _excluded(task: TaskRecord) -> set[str]:
    return {exclusion.id for exclusion in task.excluded}


def _text(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _tracks(ids: set[str]) -> str:
    shown = ", ".join(sorted(ids)[:3]) + (", ..." if len(ids) > 3 else "")
    return f"{len(ids)} {'track' if len(ids) == 1 else 'tracks'} ({shown})"

"""Why two tasks that look alike aren't comparable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genrebench.records import PARTS
from genrebench.runs.record import TaskRecord

_NAMES = {
    "dataset": "dataset",
    "split": "split",
    "split_seed": "split seed",
    "excerpt": "excerpt",
    "version": "dataset version",
    "genres": "genres",
}


def differences(one: TaskRecord, other: TaskRecord, where: tuple[str, str] = ("there", "here")) -> list[str]:
    """Say in what two tasks differ.

    Parameters
    ----------
    one, other : TaskRecord
    where : (str, str)
        Words for the first and for the second.

    Returns
    -------
    list of str
        Phrases such as "split seed 1 there, 0 here"; empty if the tasks are the same. A difference in content is stated only
        where nothing that has a name differs.
    """
    if one.fingerprint == other.fingerprint:
        return []
    phrases = [
        f"{name} {_text(getattr(one, key))} {where[0]}, {_text(getattr(other, key))} {where[1]}"
        for key, name in _NAMES.items()
        if getattr(one, key) != getattr(other, key)
    ]
    left_out = _excluded(one) - _excluded(other), _excluded(other) - _excluded(one)
    if any(left_out):
        phrases.append(f"{_tracks(left_out[0])} left out {where[0]} only, {_tracks(left_out[1])} {where[1]} only")
    phrases = phrases or [  # of the same dataset, so the numbers of its own tracks say something new
        f"{a} {part} tracks of {one.dataset} {where[0]}, {b} {where[1]}"
        for part in PARTS
        if (a := _own(one, part)) != (b := _own(other, part))
    ]
    phrases += _extra_differences(one, other, where)
    return phrases or ["labels, artists, parts, feature values or audio differ in content"]


def apart(tasks: Sequence[TaskRecord], task: TaskRecord) -> list[str]:
    """One line for each of `tasks` that has the dataset and split names of `task` but isn't the same task."""
    alike = [other for other in tasks if (other.dataset, other.split) == (task.dataset, task.split)]
    return [
        f"doesn't compare with board {other.fingerprint[:8]}: {'; '.join(phrases)}"
        for other in alike
        if (phrases := differences(other, task))
    ]


def _own(task: TaskRecord, part: str) -> int:
    """Number of tracks in a part over all folds, without those of a larger dataset."""
    n: int = getattr(task, f"n_{part}")
    return n if part != "training" or task.extra_training is None else n - task.extra_training.n_added * task.n_folds


def _extra_differences(one: TaskRecord, other: TaskRecord, where: tuple[str, str]) -> list[str]:
    extra, other_extra = one.extra_training, other.extra_training
    texts = ["none" if record is None else record.text() for record in (extra, other_extra)]
    if texts[0] != texts[1]:
        return [f"extra training: {texts[0]} {where[0]}, {texts[1]} {where[1]}"]
    if extra is None or other_extra is None or not extra.ids or not other_extra.ids or extra.ids == other_extra.ids:
        return []
    return [f"other {texts[0]} {where[0]} than {where[1]}"]


def _excluded(task: TaskRecord) -> set[str]:
    return {exclusion.id for exclusion in task.excluded}


def _text(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _tracks(ids: set[str]) -> str:
    shown = ", ".join(sorted(ids)[:3]) + (", ..." if len(ids) > 3 else "")
    return f"{len(ids)} tracks ({shown})" if ids else "none"

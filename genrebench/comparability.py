"""Why two tasks that look alike don't compare."""

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


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What tells two tasks apart, each as in a run's record.

    Returns
    -------
    list of str
        Phrases such as "split seed 1 there, 0 here"; empty if the tasks are the same.
    """
    if here.get("fingerprint") == there.get("fingerprint"):
        return []
    found = [
        f"{name} {_listed(there.get(key))} there, {_listed(here.get(key))} here"
        for key, name in _NAMED.items()
        if here.get(key) != there.get(key)
    ]
    left_out, here_only = _excluded(there) - _excluded(here), _excluded(here) - _excluded(there)
    if left_out or here_only:
        found.append(f"{_tracks(left_out)} left out there only, {_tracks(here_only)} here only")
    if found:
        return found
    found = [
        f"{there.get(f'n_{part}')} {part} tracks there, {here.get(f'n_{part}')} here"
        for part in PARTS
        if here.get(f"n_{part}") != there.get(f"n_{part}")
    ]
    return [*found, "labels, feature values or audio differ in content"]


def apart(tasks: Sequence[Mapping[str, Any]], of: Mapping[str, Any]) -> list[str]:
    """One line for each of `tasks` that has the dataset and split names of `of` but isn't the same task."""
    alike = [t for t in tasks if all(t.get(key) == of.get(key) for key in ("dataset", "split"))]
    return [
        f"doesn't compare with board {str(task.get('fingerprint'))[:8]}: {'; '.join(found)}"
        for task in alike
        if (found := differences(of, task))
    ]


def _excluded(task: Mapping[str, Any]) -> set[str]:
    return {str(item.get("id")) for item in task.get("excluded") or [] if isinstance(item, Mapping)}


def _listed(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def _tracks(ids: set[str]) -> str:
    shown = ", ".join(sorted(ids)[:3]) + (", ..." if len(ids) > 3 else "")
    return f"{len(ids)} tracks ({shown})" if ids else "none"

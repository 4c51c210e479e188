"""Completion in the shell: names of models, datasets and runs.

Annotations aren't postponed here: typer evaluates them for each option whenever the program starts.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def models(incomplete: str) -> list[str]:
    """Installed models."""
    import genrebench as gb

    return _starting(incomplete, (model for plugin in gb.list_plugins().to_json() for model in plugin["models"]))


def datasets(incomplete: str) -> list[str]:
    """Registered datasets, and folders."""
    import genrebench as gb

    return [*_starting(incomplete, (one["name"] for one in gb.list_datasets().to_json())), *_folders(incomplete)]


def runs(ctx: Any, incomplete: str) -> list[str]:
    """Ids of the runs in the folder that the command names, the newest first, and `latest`."""
    return _starting(incomplete, [*_ids(ctx), "latest", *(f"{model}@latest" for model in _models_of(_ids(ctx)))])


def sides(ctx: Any, incomplete: str) -> list[str]:
    """What can be compared: models that have runs, and runs."""
    return [*_starting(incomplete, _models_of(_ids(ctx))), *runs(ctx, incomplete)]


def splits(incomplete: str) -> list[str]:
    """Names of splits."""
    return _starting(incomplete, ("official", "artist", "stratified", "artist-cv5", "first-80", "challenge"))


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _ids(context: Any) -> list[str]:
    given = context.params.get("runs") or "runs"
    folders = [Path(folder) for folder in (given if isinstance(given, list | tuple) else [given])]
    found: list[Path] = []
    for folder in folders:
        with contextlib.suppress(OSError):
            found += [one for one in folder.iterdir() if (one / "run.json").is_file()]
    return [one.name for one in sorted(found, key=lambda one: one.name.split("-")[-3:], reverse=True)]


def _models_of(ids: Iterable[str]) -> list[str]:
    """Models of runs, as their ids tell."""
    return list(dict.fromkeys(id_.rsplit("-", 3)[0] for id_ in ids))


def _folders(incomplete: str) -> list[str]:
    """Folders whose path begins so; the ones of the current folder with the "./" that tells them from names."""
    typed = Path(incomplete) if incomplete.endswith("/") or not incomplete else Path(incomplete).parent
    with contextlib.suppress(OSError):
        return [
            path
            for one in sorted(typed.expanduser().iterdir())
            if one.is_dir() and not one.name.startswith(".")
            for path in (f"./{one}" if "/" not in str(one) or incomplete.startswith("./") else str(one),)
            if path.startswith(incomplete)
        ]
    return []

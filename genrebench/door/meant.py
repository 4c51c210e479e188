"""Names that are neither known nor on disk are typing errors: they are refused with what was meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from genrebench.boards.naming import dataset_name
from genrebench.errors import StoreError, UsageError, did_you_mean, similar
from genrebench.plugin.hookspecs import DATASET, MODEL
from genrebench.plugin.registry import Registry, installed_plugins
from genrebench.runs.store import RunStore
from genrebench.tasks.splits import NAMES as SPLITS


def refuse_datasets(names: Sequence[str], registry: Registry) -> None:
    """Raise a `UsageError` with the command that was meant if a dataset, folder or option stands in the place of a model."""
    models, datasets = registry.names(MODEL), registry.names(DATASET)
    for name in names:
        others = " ".join(other for other in names if other != name) or "MODEL"
        if name not in models and re.fullmatch(r"[\w.-]+=.*", name):
            raise UsageError(f"{name!r} is an option, not a model; did you mean: genrebench run {others} --set {name}")
        if name not in models and (name in datasets or Path(name).expanduser().is_dir()):
            kind = "dataset" if name in datasets else "folder"
            raise UsageError(f"{name!r} is a {kind}, not a model; did you mean: genrebench run {others} --dataset {name}")


def require_folder(folder: Path) -> None:
    """Check that a folder of runs exists; the default needn't.

    Raises
    ------
    StoreError
        The message names a similar folder, or one that has runs.
    """
    if folder == Path("runs") or folder.is_dir():
        return
    if folder.exists():
        raise StoreError(f"{str(folder)!r} is a file, not a folder of runs")
    parent = folder.parent
    beside = [one.name for one in parent.iterdir() if one.is_dir()] if parent.is_dir() else []
    meant = similar(folder.name, beside, 1) or [name for name in beside if next((parent / name).glob("*/run.json"), None)][:1]
    hint = f"did you mean {str(parent / meant[0])!r}?" if meant else "name a folder that has runs; the default is 'runs'"
    raise StoreError(f"there is no runs folder {str(folder)!r}; {hint}")


def require_known(stores: Sequence[RunStore], dataset: str | None, split: str | None) -> None:
    """Raise a `UsageError` if a dataset or split is neither known nor that of a run: then it is a typing error."""
    tasks = [run.task for store in stores for run in store.runs()] if (dataset, split) != (None, None) else []
    datasets = {*installed_plugins().names(DATASET), *(task.dataset for task in tasks)}
    if dataset is not None and dataset_name(dataset) not in datasets and not Path(dataset).expanduser().is_dir():
        raise UsageError(f"there is no dataset {dataset!r}, and no run on one of this name; {did_you_mean(dataset, datasets)}")
    splits = {*SPLITS, *(task.split for task in tasks)}
    if split is not None and split not in splits:
        raise UsageError(f"there is no split {split!r}; {did_you_mean(split, splits)}")

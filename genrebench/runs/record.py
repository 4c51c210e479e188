"""What a run's record says of its task and model, and the runs of the same work."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterable
from typing import Any

from genrebench.plugin.contract import ModelSpec, Prepared
from genrebench.environment import describe_environment, without_home
from genrebench.plugin.options import options_as_dict
from genrebench.plugin.registry import Registered
from genrebench.records import PARTS, ExtraTraining, Run, Task
from genrebench.runs.store import RunStore


def new_id(name: str, now: datetime.datetime) -> str:
    """Return an id for a run of the model `name` that begins `now`."""
    return f"{name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def new_record(
    task: Task, offer: Registered[ModelSpec], options: Any, seed: int, prepared: Prepared, *, calibrate: bool = False
) -> Run:
    """Return the record of a run that begins now."""
    now = datetime.datetime.now(datetime.UTC)
    return Run(
        id=new_id(offer.spec.name, now),
        status="running",
        task=task_record(task),
        model=model_record(offer, options, calibrate=calibrate) | {"feature_source": prepared.source},
        seed=seed,
        metrics=None,
        timings={"inputs_s": 0.0, "fit_s": 0.0, "predict_s": 0.0},
        peak_rss_mb=None,
        environment=describe_environment(offer.plugin.distribution),
        started=now.isoformat(timespec="microseconds"),
    )


def task_record(task: Task) -> dict[str, Any]:
    """Return what a run's record says of its task."""
    folds = task.split.folds
    genre_of = {track.id: track.genre for track in task.dataset.tracks}

    def counts(ids: Iterable[str]) -> list[int]:
        tally = dict.fromkeys(task.genres, 0)
        for id_ in ids:
            tally[genre_of[id_]] += 1
        return list(tally.values())

    n_parts = {f"n_{part}": sum(len(getattr(fold, part)) for fold in folds) for part in PARTS}
    return {
        "dataset": task.dataset.name,
        "source": without_home(task.source or task.dataset.name),
        "version": task.dataset.version,
        "split": task.split.name,
        "split_seed": task.split.seed,
        "fingerprint": task.fingerprint,
        "excerpt": str(task.excerpt),
        **n_parts,
        "n_folds": len(folds),
        "n_excluded": len(task.excluded),
        "excluded": [{"id": e.id, "reason": e.reason} for e in task.excluded],
        "genres": list(task.genres),
        "training_counts": [counts(fold.training) for fold in folds],
        "shared_artists": task.shared_artists,
        "extra_training": None if task.extra is None else _extra_record(task.extra),
        "synthetic": task.dataset.synthetic,
        "warnings": list(task.split.warnings),
    }


def _extra_record(extra: ExtraTraining) -> dict[str, Any]:
    return {
        "dataset": extra.dataset,
        "source": without_home(extra.source or extra.dataset),
        "added": extra.added,
        "ids": {genre: list(ids) for genre, ids in extra.ids.items()},
    }


def model_record(offer: Registered[ModelSpec], options: Any, *, calibrate: bool = False) -> dict[str, Any]:
    """Return what a run's record says of its model; `changed` are the options that aren't the defaults."""
    chosen, defaults = options_as_dict(options), options_as_dict(offer.spec.options())
    return {
        "name": offer.spec.name,
        "plugin": offer.plugin.distribution,
        "version": offer.plugin.version,
        "options": chosen,
        "changed": {name: value for name, value in chosen.items() if defaults.get(name) != value},
        "calibrated": calibrate,
    }


def earlier_run(
    task: Task, offer: Registered[ModelSpec], options: Any, seed: int, store: RunStore, *, calibrate: bool = False
) -> Run | None:
    """Return the newest run of the same work, if there is one."""
    model = model_record(offer, options, calibrate=calibrate)
    for candidate in store.runs():
        same_model = all(candidate.model.get(key) == value for key, value in model.items())
        if candidate.task.get("fingerprint") == task.fingerprint and same_model and candidate.seed == seed:
            return candidate
    return None

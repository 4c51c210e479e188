"""What models answer: whose it is, whether it is well formed, and the answers of all folds put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench.tasks import task as tasks
from genrebench.plugin.contract import ModelSpec
from genrebench.environment import without_home
from genrebench.errors import GenrebenchError, PluginError
from genrebench.plugin.registry import Registered
from genrebench.records import Predictions, Task


def owner_of(offer: Registered[ModelSpec]) -> str:
    """Name a model with its plugin, for messages."""
    return f"{offer.spec.name} ({offer.plugin.distribution} {offer.plugin.version})"


def blame(offer: Registered[ModelSpec], step: str, call: Callable[[], Any]) -> Any:
    """Call a plugin; what it raises names it."""
    try:
        return call()
    except GenrebenchError as error:
        raise type(error)(f"{owner_of(offer)}: {error}") from error
    except (Exception, SystemExit) as error:  # sys.exit in a plugin must not end the program
        raise PluginError(f"{owner_of(offer)} raised {type(error).__name__} in {step}: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """Return an error as one line without the user's home folder."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, GenrebenchError):
        text = f"{type(error).__name__}: {text}" if str(error) else text
    return without_home(text)


def checked(answer: Any, n_tracks: int, n_genres: int, owner: str) -> NDArray[np.float64]:
    """Check a model's probabilities and renormalise their rows.

    Raises
    ------
    PluginError
        If the shape is wrong, a value is not finite or negative, or a row doesn't sum to 1 within 1e-4.
    """
    try:
        p = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise PluginError(f"{owner}: predict_proba answered {type(answer).__name__}, not an array of numbers") from None
    if p.shape != (n_tracks, n_genres):
        raise PluginError(f"{owner}: predict_proba answered shape {p.shape}, expected ({n_tracks}, {n_genres})")
    if not np.isfinite(p).all():
        row = int(np.flatnonzero(~np.isfinite(p).all(axis=1))[0])
        raise PluginError(
            f"{owner}: predict_proba answered {p[row][~np.isfinite(p[row])][0]} in row {row}; all have to be finite"
        )
    if (p < 0).any():
        raise PluginError(f"{owner}: predict_proba answered a negative probability, {p.min():g}")
    sums = p.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > 1e-4)
    if len(wrong):
        raise PluginError(f"{owner}: predict_proba answered a row that sums to {sums[wrong[0]]:.6g} (row {wrong[0]}), not to 1")
    return np.asarray(p / sums[:, None])


def collect(task: Task, answers: Sequence[NDArray[np.float64]]) -> Predictions:
    """Put the answers for the test tracks of all folds, one array a fold, beside the true labels."""
    labels = {track.id: task.genres.index(track.genre) for track in task.dataset.tracks}
    artists = {track.id: track.artist for track in task.dataset.tracks}
    numbers = tasks.groups(task.dataset)
    ids = [id_ for fold in task.split.folds for id_ in fold.test]
    sizes = [len(fold.test) for fold in task.split.folds]
    known = any(artists[id_] is not None for id_ in ids)
    return Predictions(
        ids=tuple(ids),
        genres=task.genres,
        labels=np.array([labels[id_] for id_ in ids], dtype=np.int64),
        folds=np.repeat(np.arange(len(sizes), dtype=np.int64), sizes),
        probabilities=np.concatenate(answers),
        groups=np.array([-1 if artists[id_] is None else numbers[id_] for id_ in ids], dtype=np.int64) if known else None,
    )

"""More training tracks for small genres, from a larger dataset.

A genre is small if it has fewer training tracks than the median genre. Of the larger dataset those tracks may train that
are not in the task, whose genre is small, and whose artist is in no validation or test part; where the larger dataset has
an official split they are of its training part. A small genre is filled up to the median, in an order that follows from
the split's seed.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

import numpy as np

from genrebench.errors import DataError, UsageError
from genrebench.records import Dataset, FeatureValues, Fold, Split, Track
from genrebench.tasks.splits import seeded_order


def add_training(dataset: Dataset, split: Split, larger: Dataset) -> tuple[Dataset, Split, dict[str, tuple[str, ...]]]:
    """Add tracks of small genres to the training part of every fold.

    Parameters
    ----------
    dataset : Dataset
    split : Split
        Of `dataset`.
    larger : Dataset
        Where the tracks come from.

    Returns
    -------
    dataset : Dataset
        With the added tracks.
    split : Split
        With the added tracks in training.
    added : dict of str to tuple of str
        Ids of the added tracks by genre, for genres that got any.

    Raises
    ------
    UsageError
        If an artist isn't known, so that nobody can say whose tracks may train, or nothing can be added.
    DataError
        If the dataset comes with features and the larger one has none, or has them from another source.
    """
    _check_features(dataset, larger)
    chosen = _choose(dataset, split, larger)
    if not chosen:
        raise UsageError(
            f"{larger.name} has no track that may train a small genre of {dataset.name}; leave out --extra-training"
        )
    merged = dataclasses.replace(
        dataset, tracks=(*dataset.tracks, *chosen), load_features=_merged_features(dataset, larger, {t.id for t in chosen})
    )
    ids = tuple(track.id for track in chosen)
    folds = tuple(Fold((*fold.training, *ids), fold.validation, fold.test) for fold in split.folds)
    added = {genre: tuple(track.id for track in chosen if track.genre == genre) for genre in dataset.genres}
    return merged, dataclasses.replace(split, folds=folds), {genre: those for genre, those in added.items() if those}


def _check_features(dataset: Dataset, larger: Dataset) -> None:
    """Refuse a larger dataset whose feature values aren't of the kind that the dataset's are."""
    if dataset.load_features is None:
        return  # those of both are extracted from audio
    one, other = (
        f"features ({d.feature_source or 'of unknown source'})" if d.load_features else "none" for d in (dataset, larger)
    )
    if one != other:
        raise DataError(
            f"{dataset.name} comes with {one} and {larger.name} with {other}, so models would see two kinds of values; leave "
            "out --extra-training"
        )


def _choose(dataset: Dataset, split: Split, larger: Dataset) -> list[Track]:
    present = {track.id: track for track in dataset.tracks}
    held_out = {id_ for fold in split.folds for part in (fold.validation, fold.test) for id_ in part}
    artists = {present[id_].artist for id_ in held_out}
    if None in artists:
        raise UsageError(
            f"{dataset.name} has held-out tracks without an artist, so no other track is known to be clear of them"
        )
    training = Counter(present[id_].genre for id_ in split.folds[0].training)
    goal = int(np.median([training[genre] for genre in dataset.genres]))
    left_out = {exclusion.id for exclusion in dataset.faulty}
    may = [
        track
        for track in larger.tracks
        if track.id not in present
        and track.id not in left_out
        and track.artist is not None
        and track.artist not in artists
        and larger.official.get(track.id, "training") == "training"
        and track.genre in dataset.genres
    ]
    may.sort(key=lambda track: seeded_order(split.seed, track.id))
    chosen = []
    for track in may:
        if training[track.genre] < goal:
            training[track.genre] += 1
            chosen.append(track)
    return chosen


def _merged_features(dataset: Dataset, larger: Dataset, added: set[str]) -> Callable[[], FeatureValues] | None:
    own, others = dataset.load_features, larger.load_features
    if own is None or others is None:
        return None

    def load() -> FeatureValues:
        first, second = own(), others()
        if first.columns != second.columns:
            raise DataError(f"the feature columns of {dataset.name} and {larger.name} differ")
        rows = [i for i, id_ in enumerate(second.ids) if id_ in added]
        ids = (*first.ids, *(second.ids[i] for i in rows))
        return FeatureValues(ids, first.columns, np.concatenate([first.values, second.values[rows]]))

    return load

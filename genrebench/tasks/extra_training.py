"""Additional training tracks for small genres, from a larger dataset.

A genre is small if it has fewer training tracks than the median genre. A track of the larger dataset is eligible if it isn't in
the task, its genre is small, its artist has no validation or test track, and it is in the training part of the larger dataset's
official split, if there is one. Eligible tracks are added in a random order, determined by the split's seed, until the genre
reaches the median.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection

import numpy as np

from genrebench.errors import DataError, UsageError
from genrebench.records import Dataset, FeatureValues, Fold, Split, Track
from genrebench.tasks.splits import seeded_order


def add_training(
    dataset: Dataset, split: Split, extra_dataset: Dataset, unknown: Collection[str] = ()
) -> tuple[Dataset, Split, dict[str, tuple[str, ...]]]:
    """Add tracks of small genres to the training part of every fold.

    Parameters
    ----------
    dataset : Dataset
    split : Split
        A split of `dataset`.
    extra_dataset : Dataset
        The dataset that provides the additional tracks.
    unknown : collection of str
        Ids of tracks whose artist is only the name of a recording.

    Returns
    -------
    dataset : Dataset
        `dataset` with the added tracks.
    split : Split
        `split` with the added tracks in the training part of every fold.
    added : dict of str to tuple of str
        Ids of the added tracks by genre; genres without added tracks are left out.

    Raises
    ------
    UsageError
        If the artist of a held-out track is unknown, so that no track can be eligible, or if no track is eligible.
    DataError
        If the dataset has precomputed features and the larger one has none, or has features from a different source.
    """
    _check_features(dataset, extra_dataset)
    chosen = _choose(dataset, split, extra_dataset, unknown)
    if not chosen:
        raise UsageError(
            f"{extra_dataset.name} has no more training tracks for the small genres of {dataset.name}; "
            "leave out --extra-training"
        )
    merged = dataclasses.replace(
        dataset,
        tracks=(*dataset.tracks, *chosen),
        load_features=_merged_features(dataset, extra_dataset, {t.id for t in chosen}),
    )
    chosen_ids = tuple(track.id for track in chosen)
    folds = tuple(Fold((*fold.training, *chosen_ids), fold.validation, fold.test) for fold in split.folds)
    added = {genre: tuple(track.id for track in chosen if track.genre == genre) for genre in dataset.genres}
    return merged, dataclasses.replace(split, folds=folds), {genre: ids for genre, ids in added.items() if ids}


def _check_features(dataset: Dataset, extra_dataset: Dataset) -> None:
    """Raise `DataError` if the feature values of the two datasets have different sources."""
    if dataset.load_features is None:
        return  # features of both are extracted from the audio
    own, extra = (
        f"features ({d.feature_source or 'of unknown source'})" if d.load_features else "no features"
        for d in (dataset, extra_dataset)
    )
    if own != extra:
        raise DataError(
            f"{dataset.name} has {own} and {extra_dataset.name} has {extra}, so they can't be combined; "
            "leave out --extra-training"
        )


def _choose(dataset: Dataset, split: Split, extra_dataset: Dataset, unknown: Collection[str]) -> list[Track]:
    present = {track.id: track for track in dataset.tracks}
    held_out = {id_ for fold in split.folds for part in (fold.validation, fold.test) for id_ in part}
    held_out_artists = {present[id_].artist for id_ in held_out}
    if None in held_out_artists or not held_out.isdisjoint(unknown):
        raise UsageError(
            f"{dataset.name} has held-out tracks without an artist, so tracks by the same artist can't be ruled out; "
            "leave out --extra-training"
        )
    n_training = Counter(present[id_].genre for id_ in split.folds[0].training)
    target = int(np.median([n_training[genre] for genre in dataset.genres]))
    excluded = {exclusion.id for exclusion in dataset.faulty}
    eligible = [
        track
        for track in extra_dataset.tracks
        if track.id not in present
        and track.id not in excluded
        and track.artist is not None
        and track.artist not in held_out_artists
        and extra_dataset.official.get(track.id, "training") == "training"
        and track.genre in dataset.genres
    ]
    eligible.sort(key=lambda track: seeded_order(split.seed, track.id))
    chosen = []
    for track in eligible:
        if n_training[track.genre] < target:
            n_training[track.genre] += 1
            chosen.append(track)
    return chosen


def _merged_features(dataset: Dataset, extra_dataset: Dataset, added: set[str]) -> Callable[[], FeatureValues] | None:
    load_own, load_extra = dataset.load_features, extra_dataset.load_features
    if load_own is None or load_extra is None:
        return None

    def load() -> FeatureValues:
        own, extra = load_own(), load_extra()
        if own.columns != extra.columns:
            raise DataError(
                f"the feature columns of {dataset.name} and {extra_dataset.name} differ; leave out --extra-training"
            )
        rows = [i for i, id_ in enumerate(extra.ids) if id_ in added]
        ids = (*own.ids, *(extra.ids[i] for i in rows))
        return FeatureValues(ids, own.columns, np.concatenate([own.values, extra.values[rows]]))

    return load

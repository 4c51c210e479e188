"""The audit of a split: artists with tracks in more than one part."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations

from genrebench.records import PARTS, Dataset, Split


@dataclass(frozen=True)
class Overlap:
    """Artists in more than one part of a fold.

    Parameters
    ----------
    fold : int
    artists : mapping of (part, part) to tuple of str
        For each pair of parts, the artists in both, in alphabetical order.
    test_touched : float or None
        Fraction of the test tracks whose artist is also in training or validation; None if there is no test track.
    """

    fold: int
    artists: Mapping[tuple[str, str], tuple[str, ...]]
    test_touched: float | None

    @property
    def n_artists(self) -> int:
        """Number of artists in more than one part."""
        return len({artist for shared in self.artists.values() for artist in shared})


def audit(dataset: Dataset, split: Split) -> tuple[Overlap, ...] | None:
    """Find artists in more than one part.

    Returns
    -------
    tuple of Overlap or None
        One per fold; None if the dataset has no artists. Tracks whose artist is unknown are ignored.
    """
    if not dataset.knows_artists:
        return None
    artist = {track.id: track.artist for track in dataset.tracks}
    result = []
    for number, fold in enumerate(split.folds):
        artists = {part: {artist[track] for track in getattr(fold, part)} - {None} for part in PARTS}
        shared = {(a, b): tuple(sorted(str(name) for name in artists[a] & artists[b])) for a, b in combinations(PARTS, 2)}
        not_test = artists["training"] | artists["validation"]
        touched = sum(artist[track] in not_test for track in fold.test) / len(fold.test) if fold.test else None
        result.append(Overlap(number, shared, touched))
    return tuple(result)


def untested(dataset: Dataset, split: Split) -> str | None:
    """Why a split without a test track can't be used to compare models; None if it can, or was asked for ("challenge")."""
    if split.name == "challenge" or any(fold.test for fold in split.folds):
        return None
    artists = {track.artist for track in dataset.tracks}
    if split.name == "artist" and len(artists) == 1:
        reason = f": all tracks are by one artist, {artists.pop()!r}"
    else:
        reason = f": {split.warnings[-1]}" if split.warnings else ""
    return (
        f"the split {split.name!r} of {dataset.name} leaves no track for testing{reason}; choose another split, such as "
        "stratified, or challenge to train on all tracks without a score"
    )


def shared_artists(dataset: Dataset, split: Split) -> int | None:
    """Number of artists with tracks in more than one part, maximum over the folds; None if artists are unknown."""
    overlaps = audit(dataset, split)
    return None if overlaps is None else max(overlap.n_artists for overlap in overlaps)


def touched_tests(split: Split, group: Mapping[str, Hashable]) -> dict[str, str]:
    """Find test tracks of the same group as a training or validation track of their fold.

    Parameters
    ----------
    split : Split
    group : mapping of str to hashable
        What tracks have in common, such as their content, by track id; tracks that aren't in it are ignored.

    Returns
    -------
    dict of str to str
        The first training or validation track of the group by test track.
    """
    touched: dict[str, str] = {}
    for fold in split.folds:
        first: dict[Hashable, str] = {}
        for id_ in (*fold.training, *fold.validation):
            if id_ in group:
                first.setdefault(group[id_], id_)
        touched |= {id_: first[group[id_]] for id_ in fold.test if id_ in group and group[id_] in first}
    return touched

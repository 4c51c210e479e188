"""Splits: the assignment of tracks to training, validation and test.

A split depends only on the track ids, their genres and artists, and a seed; the order of the rows, the platform and the version
of Python don't matter. Random order is the order of the SHA-256 of seed and name.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from genrebench.errors import DataError, UsageError, did_you_mean
from genrebench.plugin.splits import SplitSpec, made_folds
from genrebench.records import PARTS, Dataset, Fold, Split, Track
from genrebench.tables import counted

N_FOLDS = 5

Parts = dict[str, str]  # track id to part


@dataclass(frozen=True)
class OtherSplit:
    """A split that isn't the core's own: that of a plugin or of one dataset, or one that was read from a file.

    Parameters
    ----------
    spec : SplitSpec
    source : str
        As in `Split`; messages name it.
    """

    spec: SplitSpec
    source: str


SplitChoice = str | OtherSplit | None
"""Name of one of the core's own splits, another split, or None for the default."""


def seeded_order(seed: int, name: str) -> str:
    """Sort key for a random order of names: SHA-256 of seed and name, which is independent of platform and row order."""
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()


def make_split(dataset: Dataset, split: SplitChoice = None, seed: int = 0) -> Split:
    """Split a dataset into training, validation and test.

    Parameters
    ----------
    dataset : Dataset
        Without the excluded tracks.
    split : str or OtherSplit, optional
        One of `NAMES`:

        - "official": the split that comes with the dataset;
        - "first-80": per genre in id order (numeric if all ids are digits), the first 4n // 5 tracks for training, the rest
          for test;
        - "stratified": 80 % training, 10 % validation, 10 % test of each genre;
        - "artist": the same, with no artist in more than one part;
        - "artist-cv5": five folds of artists; fold i is the test part, fold i + 1 (mod 5) the validation part, the other
          three are for training;
        - "challenge": every track is for training;

        or the split of a plugin or a file. By default "official" if there is an official split, else "artist" if artists are
        known, else "stratified".
    seed : int
        Seed of the random order; "official", "first-80" and "challenge" don't depend on it.

    Returns
    -------
    Split
        Ids are in id order within a part. Genres that are too small to split are used for training, and `warnings` says so:
        a genre with a single track or artist is only in training; with two, one is in training and one in test; in
        "artist-cv5", a genre with fewer than three artists is in training in every fold.

    Raises
    ------
    UsageError
        If the name is unknown, or the seed isn't a whole number from 0 on.
    DataError
        If the dataset can't be split this way, a track has no genre, or there are fewer than two genres.
    PluginError
        If a plugin's split breaks its contract; see `genrebench.plugin.splits`.
    """
    if split is None:
        split = "official" if dataset.official else "artist" if dataset.knows_artists else "stratified"
    if isinstance(split, str) and split not in NAMES:
        raise UsageError(f"no split {split!r}; {did_you_mean(split, NAMES)}")
    if not isinstance(seed, int) or seed < 0:
        raise UsageError(f"the split seed {seed!r} isn't a whole number from 0 on")
    _check(dataset)
    if isinstance(split, OtherSplit):
        return _other(dataset, split, seed)
    if split.startswith("artist") and not dataset.knows_artists:
        raise DataError(f"{dataset.name} names no artist, so it has no split {split!r}; add a column artist, or use stratified")
    folds, warnings = _MAKERS[split](dataset, seed)
    if split != "challenge":
        warnings = [*warnings, *_untrained(dataset, folds)]
    return Split(split, seed, folds, tuple(warnings))


def _other(dataset: Dataset, split: OtherSplit, seed: int) -> Split:
    name, order = split.spec.name, _id_order(dataset.tracks)
    folds, warnings = made_folds(split.spec, dataset, seed, f"split {name} ({split.source})")
    ordered = tuple(Fold(*(tuple(sorted(getattr(fold, part), key=order)) for part in PARTS)) for fold in folds)
    used = {id_ for fold in ordered for part in PARTS for id_ in getattr(fold, part)}
    left = [track.id for track in dataset.tracks if track.id not in used]
    if left:
        count = f"{len(left)} of {counted(len(dataset.tracks), 'track')}"
        warnings += (f"{count} of {dataset.name} are in no part of the split {name!r}, for example {left[0]!r}",)
    return Split(name, seed, ordered, (*warnings, *_untrained(dataset, ordered)), split.source)


# ------------------------------------------------------------------ kinds of split


def _official(dataset: Dataset, seed: int, warnings: list[str]) -> list[Parts]:  # noqa: ARG001 - nothing is random
    if not dataset.official:
        raise DataError(f"{dataset.name} comes with no split of its own; use another than 'official', or add a column split")
    for track in dataset.tracks:
        part = dataset.official.get(track.id)
        if part not in PARTS:
            assigned = "no part" if part is None else f"the part {part!r}"
            raise DataError(
                f"{dataset.name}: track {track.id!r} has {assigned} in the official split; give it one of {', '.join(PARTS)}, "
                "exclude it, or choose another split"
            )
    parts = {track.id: dataset.official[track.id] for track in dataset.tracks}
    for part in ("training", "test"):
        if part not in parts.values():
            raise DataError(f"{dataset.name}: the official split has no {part} track; choose another split")
    return [parts]


def _first_80(dataset: Dataset, seed: int, warnings: list[str]) -> list[Parts]:  # noqa: ARG001 - nothing is random
    parts: Parts = {}
    order = _id_order(dataset.tracks)
    for genre, tracks in _by_genre(dataset.tracks).items():
        ids = sorted((track.id for track in tracks), key=order)
        if len(ids) == 1:
            warnings.append(f"genre {genre!r} has one track, which trains: nothing of it is tested")
        n_training = max(1, 4 * len(ids) // 5)
        parts |= dict.fromkeys(ids[:n_training], "training") | dict.fromkeys(ids[n_training:], "test")
    return [parts]


def _stratified(dataset: Dataset, seed: int, warnings: list[str]) -> list[Parts]:
    return [_80_10_10([_Group(track.id, (track,)) for track in dataset.tracks], seed, "track", warnings)]


def _artist(dataset: Dataset, seed: int, warnings: list[str]) -> list[Parts]:
    return [_80_10_10(_groups(dataset), seed, "artist", warnings)]


def _artist_cv5(dataset: Dataset, seed: int, warnings: list[str]) -> list[Parts]:
    test_fold: dict[str, int] = {}  # track id to the fold in which it is tested
    fold_sizes: Counter[int] = Counter()
    for genre, groups in _by_genre(_groups(dataset)).items():
        if len(groups) < 3:
            warnings.append(
                f"genre {genre!r} has {counted(len(groups), 'artist')}, too few for folds: "
                "its tracks train in each fold, none is tested"
            )
            continue
        genre_sizes: Counter[int] = Counter()
        for group in sorted(groups, key=lambda group: (-len(group.tracks), group.random_key(seed))):
            fold = min(range(N_FOLDS), key=lambda fold: (genre_sizes[fold], fold_sizes[fold], fold))
            genre_sizes[fold] += len(group.tracks)
            fold_sizes[fold] += len(group.tracks)
            test_fold |= {track.id: fold for track in group.tracks}
    if not test_fold:
        raise DataError(f"{dataset.name}: no genre has three artists, so there are no folds; use the split stratified")

    def part(fold: int, track: str) -> str:
        return {fold: "test", (fold + 1) % N_FOLDS: "validation"}.get(test_fold.get(track, -1), "training")

    return [{track.id: part(fold, track.id) for track in dataset.tracks} for fold in range(N_FOLDS)]


def _challenge(dataset: Dataset, seed: int, warnings: list[str]) -> list[Parts]:  # noqa: ARG001 - nothing is random
    return [{track.id: "training" for track in dataset.tracks}]


def _make(
    parts: Callable[[Dataset, int, list[str]], list[Parts]], dataset: Dataset, seed: int
) -> tuple[tuple[Fold, ...], list[str]]:
    warnings: list[str] = []
    return tuple(_fold(dataset, of_fold) for of_fold in parts(dataset, seed, warnings)), warnings


_MAKERS = {
    "official": partial(_make, _official),
    "first-80": partial(_make, _first_80),
    "stratified": partial(_make, _stratified),
    "artist": partial(_make, _artist),
    "artist-cv5": partial(_make, _artist_cv5),
    "challenge": partial(_make, _challenge),
}
_SUMMARIES = {
    "official": "the split that comes with the dataset",
    "first-80": "the first 80 % of each genre in id order train, the rest test, no validation",
    "stratified": "80 % training, 10 % validation, 10 % test of each genre",
    "artist": "as stratified, with no artist in more than one part",
    "artist-cv5": "five folds of artists: one tests, the next validates, three train",
    "challenge": "every track trains, none tests; for a submission",
}
NAMES = tuple(_MAKERS)
SPECS = tuple(SplitSpec(name, _SUMMARIES[name], make) for name, make in _MAKERS.items())


# ------------------------------------------------------------------ groups of tracks that stay together


@dataclass(frozen=True)
class _Group:
    """Tracks that stay together: all of an artist, or a single one, with its id as the name."""

    name: str
    tracks: tuple[Track, ...]
    is_artist: bool = False

    def random_key(self, seed: int) -> tuple[str, bool]:
        """Sort key for a reproducible random order."""
        return seeded_order(seed, self.name), self.is_artist

    @property
    def genre(self) -> str:
        """The most frequent genre of its tracks; ties are broken alphabetically."""
        counts = Counter(track.genre for track in self.tracks)
        return min(counts, key=lambda genre: (-counts[genre], genre))


T = TypeVar("T", Track, _Group)


def _groups(dataset: Dataset) -> list[_Group]:
    """One group per artist; a track whose artist is unknown is its own group."""
    artists: defaultdict[str, list[Track]] = defaultdict(list)
    for track in dataset.tracks:
        if track.artist is not None:
            artists[track.artist].append(track)
    ungrouped = [_Group(track.id, (track,)) for track in dataset.tracks if track.artist is None]
    return [_Group(name, tuple(tracks), is_artist=True) for name, tracks in artists.items()] + ungrouped


def _80_10_10(groups: Iterable[_Group], seed: int, unit: str, warnings: list[str]) -> Parts:
    """Assign each genre's groups to the parts.

    In random order, each group goes to test if it still fits there, else to validation if it fits there, else to training. A
    part that stays empty gets the smallest group that another part can spare. So large artists end up in training.
    """
    parts: Parts = {}
    for genre, members in _by_genre(groups).items():
        order = sorted(members, key=lambda group: group.random_key(seed))
        total = sum(len(group.tracks) for group in order)
        chosen: dict[str, list[_Group]] = {"training": [], "test": [], "validation": []}
        room = {"test": max(1, (total + 5) // 10), "validation": max(1, (total + 5) // 10)}
        for group in order:
            part = (
                next((part for part in room if len(group.tracks) <= room[part]), "training") if len(order) > 2 else "training"
            )
            chosen[part].append(group)
            if part in room:
                room[part] -= len(group.tracks)
        _fill_empty(chosen, len(order))
        if len(order) < 3:
            rest = "which trains: nothing of it is tested" if len(order) == 1 else "of which one trains and one tests"
            warnings.append(f"genre {genre!r} has {counted(len(order), unit)}, {rest}")
        for part, kept in chosen.items():
            parts |= {track.id: part for group in kept for track in group.tracks}
    return parts


def _fill_empty(chosen: dict[str, list[_Group]], n_groups: int) -> None:
    """Move small groups so that three or more groups cover all parts, and two groups cover training and test."""
    for part in ("test", "validation")[: min(n_groups - 1, 2)]:
        if not chosen[part]:
            donors = [(group, other) for other, kept in chosen.items() if len(kept) > 1 for group in kept]
            smallest, donor = min(donors, key=lambda pair: len(pair[0].tracks))
            chosen[donor].remove(smallest)
            chosen[part].append(smallest)


def _by_genre(items: Iterable[T]) -> dict[str, list[T]]:
    by_genre: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        by_genre[item.genre].append(item)
    return dict(sorted(by_genre.items()))


# ------------------------------------------------------------------ checks


def _check(dataset: Dataset) -> None:
    ids = Counter(track.id for track in dataset.tracks)
    if not ids:
        raise DataError(f"{dataset.name} has no track left; exclude fewer")
    duplicate = next((track for track, count in ids.items() if count > 1), None)
    if duplicate is not None:
        raise DataError(f"{dataset.name} has track {duplicate!r} more than once; ids have to be unique")
    unlabelled = [track.id for track in dataset.tracks if not track.genre.strip()]
    if unlabelled:
        advice = (
            "fill it in, or leave such tracks out with --exclude FILE, which 'genrebench data check DATASET --exclusions FILE' "
            "writes"
            if len(unlabelled) < len(ids)
            else "there is nothing to train on, only to predict; fill the genres in"
        )
        raise DataError(
            f"{dataset.name}: {len(unlabelled)} of {len(ids)} tracks have no genre, the first is {unlabelled[0]!r}; {advice}"
        )
    genres = {track.genre for track in dataset.tracks}
    if len(genres) < 2:
        raise DataError(f"{dataset.name} has tracks of one genre only, {genres.pop()!r}; there is nothing to tell apart")


def _id_order(tracks: Sequence[Track]) -> Callable[[str], tuple[int, str]]:
    """Sort key of ids: numeric where all of them are digits, else alphabetical."""
    numeric = all(track.id.isascii() and track.id.isdigit() for track in tracks)
    return lambda track: (int(track) if numeric else 0, track)


def _fold(dataset: Dataset, parts: Mapping[str, str]) -> Fold:
    ids = sorted(parts, key=_id_order(dataset.tracks))
    return Fold(*(tuple(track for track in ids if parts[track] == part) for part in PARTS))


def _untrained(dataset: Dataset, folds: Sequence[Fold]) -> list[str]:
    """Warnings about genres that are in a test part but not in the training part."""
    genre = {track.id: track.genre for track in dataset.tracks}
    warnings = []
    for number, fold in enumerate(folds):
        missing = {genre[track] for track in fold.test} - {genre[track] for track in fold.training}
        where = f" of fold {number}" if len(folds) > 1 else ""
        warnings += [f"genre {name!r} is tested, but no training track{where} has it" for name in sorted(missing)]
    return warnings

"""Findings about pairs of tracks and about the split: duplicates, near-duplicates, artists in several parts."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from genrebench.datasets.check import near_duplicates
from genrebench.datasets.check.findings import Finding
from genrebench.datasets.check.measurement import SILENT_PEAK, Measurement
from genrebench.errors import DataError
from genrebench.records import PARTS, Dataset, FeatureValues, Split, Track
from genrebench.tasks import splits
from genrebench.tasks.audit import audit, untested
from genrebench.tasks.copies import copies, row_keys

_PART_PRIORITY = {"test": 0, "validation": 1}


def cut(dataset: Dataset, chosen: splits.SplitChoice = None, seed: int = 0) -> tuple[Split | None, list[Finding]]:
    """Split the labelled tracks of a dataset, as a run would after excluding the others.

    Parameters
    ----------
    dataset : Dataset
    chosen : str or OtherSplit, optional
        As in `genrebench.tasks.splits.make_split`.
    seed : int

    Returns
    -------
    split : Split or None
        None if no split was named and the dataset can't be split: it has no labels, or only one genre.
    findings : list of Finding
        Why the dataset can't be split; tracks without a part in the official split, which a run refuses.

    Raises
    ------
    UsageError, DataError
        If the named split can't be made.
    """
    labelled = tuple(track for track in dataset.tracks if track.genre.strip())
    if chosen is None and not labelled:
        return None, []
    findings = []
    if dataset.official and chosen in (None, "official"):
        without = [track for track in labelled if dataset.official.get(track.id) not in PARTS]
        findings = [Finding(track.id, "no-part", "fault", "no part in the official split") for track in without]
        labelled = tuple(track for track in labelled if dataset.official.get(track.id) in PARTS)
    try:
        split = splits.make_split(dataclasses.replace(dataset, tracks=labelled or dataset.tracks), chosen, seed)
        reason = untested(dataset, split)
        return split, findings if reason is None else [*findings, Finding("", "no-split", "fault", reason)]
    except DataError as error:
        if chosen is not None:
            raise
        return None, [Finding("", "no-split", "warning", str(error)), *findings]


def duplicate_findings(
    tracks: Sequence[Track], measured: Mapping[str, Measurement], split: Split | None, faulty: Collection[str]
) -> Iterator[Finding]:
    """Report all but one track of each set of duplicates or near-duplicates.

    The track that is kept has no other fault, if possible; among those, a test track is preferred to a validation track, and
    a validation track to a training track; among those, the first is kept.

    Parameters
    ----------
    tracks : sequence of Track
        In the dataset's order.
    measured : mapping of str to Measurement
    split : Split or None
    faulty : collection of str
        Ids of tracks that are excluded anyway; they aren't searched for near-duplicates.

    Yields
    ------
    Finding
        At most one per track.
    """
    parts = _parts(split)
    same: dict[str, list[Track]] = defaultdict(list)
    for track in _kept_first(tracks, parts, faulty):
        if track.id in measured and measured[track.id].peak > SILENT_PEAK:  # all silent tracks are identical
            same[measured[track.id].digest].append(track)
    yield from _copies(same.values(), parts, "audio")
    distinct = [kept for kept, *_ in same.values() if kept.id not in faulty and _is_comparable(measured[kept.id])]
    for track, kept, pair in _near_duplicates(distinct, measured):
        detail = (
            f"sounds like {_description(kept, parts)}{_joined(_conflicts(track, kept, parts))}: "
            f"correlation {pair.correlation:.2f} at an offset of {pair.offset:+.1f} s"
        )
        yield Finding(track.id, "near-duplicate", "warning", detail, leave_out=True)


def same_feature_findings(
    tracks: Sequence[Track], values: FeatureValues, split: Split | None, faulty: Collection[str]
) -> Iterator[Finding]:
    """Report all but one track of each set with the same row of given features; parameters as in `duplicate_findings`."""
    parts = _parts(split)
    by_id = {track.id: track for track in tracks}
    order = [track.id for track in _kept_first(tracks, parts, faulty)]
    yield from _copies([[by_id[id_] for id_ in ids] for ids in copies(row_keys(values), order)], parts, "feature values")


def _kept_first(tracks: Sequence[Track], parts: Mapping[str, str], faulty: Collection[str]) -> list[Track]:
    return sorted(tracks, key=lambda track: (track.id in faulty, _PART_PRIORITY.get(parts.get(track.id, ""), 2)))


def _copies(sets: Iterable[Sequence[Track]], parts: Mapping[str, str], what: str) -> Iterator[Finding]:
    for kept, *others in sets:
        for track in others:
            conflicts = _conflicts(track, kept, parts)
            count = f"; one of {len(others) + 1} copies" if len(others) > 1 else ""
            detail = f"the same {what} as {_description(kept, parts)}{_joined(conflicts)}{count}"
            yield Finding(track.id, "duplicate", "fault" if conflicts else "warning", detail, leave_out=True)


def shared_artist_findings(dataset: Dataset, split: Split | None) -> Iterator[Finding]:
    """Report artists with tracks in several parts, once per fold."""
    if split is None:
        return
    for overlap in audit(dataset, split) or ():
        parts_by_artist: dict[str, set[str]] = defaultdict(set)
        for pair, artists in overlap.artists.items():
            for artist in artists:
                parts_by_artist[artist].update(pair)
        fold = f" of fold {overlap.fold}" if len(split.folds) > 1 else ""
        for artist, parts in sorted(parts_by_artist.items()):
            names = " and ".join(part for part in PARTS if part in parts)
            yield Finding("", "shared-artist", "warning", f"artist {artist!r} is in {names}{fold}")


def _parts(split: Split | None) -> dict[str, str]:
    """Part of each track by id; for a split with several folds, the fold in which it is tested."""
    if split is None:
        return {}
    if len(split.folds) > 1:
        return {id_: f"fold {number}" for number, fold in enumerate(split.folds) for id_ in fold.test}
    (fold,) = split.folds
    return {id_: part for part in PARTS for id_ in getattr(fold, part)}


def _description(track: Track, parts: Mapping[str, str]) -> str:
    """Id of a track with its genre and part, if it has them."""
    labels = [label for label in (track.genre, parts.get(track.id)) if label]
    return f"{track.id!r} ({', '.join(labels)})" if labels else repr(track.id)


def _conflicts(track: Track, kept: Track, parts: Mapping[str, str]) -> list[str]:
    """Differences in part and genre, which make a duplicate a fault; none if a track is unlabelled, as it is in no part."""
    if not (track.genre.strip() and kept.genre.strip()):
        return []
    conflicts = []
    if parts.get(track.id) != parts.get(kept.id):
        conflicts.append("in a different part")
    if track.genre != kept.genre:
        conflicts.append(f"with a different genre ({track.genre})")
    return conflicts


def _joined(conflicts: list[str]) -> str:
    return f", but {' and '.join(conflicts)}" if conflicts else ""


def _is_comparable(m: Measurement) -> bool:
    return m.seconds * (1 - m.silent) >= near_duplicates.MIN_SECONDS


def _near_duplicates(
    tracks: Sequence[Track], measured: Mapping[str, Measurement]
) -> Iterator[tuple[Track, Track, near_duplicates.NearDuplicatePair]]:
    """Drop each near-duplicate of an earlier track that is kept, until no near-duplicates are found among the kept tracks.

    The search is repeated because in a large set of near-duplicates only some are each other's nearest neighbours.

    Yields
    ------
    dropped, kept : Track
    pair : NearDuplicatePair
        For a track with several near-duplicates among the kept tracks, the pair with the first of them.
    """
    while pairs := list(near_duplicates.near_duplicate_pairs([measured[track.id].contour for track in tracks])):
        dropped: set[int] = set()
        for pair in sorted(pairs, key=lambda pair: (pair.second, pair.first)):
            if pair.first not in dropped and pair.second not in dropped:
                dropped.add(pair.second)
                yield tracks[pair.second], tracks[pair.first], pair
        tracks = [track for index, track in enumerate(tracks) if index not in dropped]

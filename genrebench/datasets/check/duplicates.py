"""Tracks against each other and against the split: copies, clips that sound alike, artists in several parts."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from genrebench.datasets.check import near_duplicates as likeness
from genrebench.datasets.check.findings import Finding
from genrebench.datasets.check.measurement import SILENT_PEAK, Measurement
from genrebench.errors import DataError
from genrebench.records import PARTS, Dataset, Split, Track
from genrebench.tasks import splits

_RANK = {"test": 0, "validation": 1}


def cut(dataset: Dataset, name: str | None = None, seed: int = 0) -> tuple[Split | None, list[Finding]]:
    """Cut the labelled tracks of a dataset, as a run would once the others are left out.

    Parameters
    ----------
    dataset : Dataset
    name : str, optional
        As in `genrebench.tasks.splits.make_split`.
    seed : int

    Returns
    -------
    split : Split or None
        None where none was named and the dataset can't be split: it has no labels, or a single genre.
    findings : list of Finding
        Why the dataset can't be split.

    Raises
    ------
    UsageError, DataError
        If the named split can't be made.
    """
    labelled = tuple(track for track in dataset.tracks if track.genre.strip())
    if name is None and not labelled:
        return None, []
    try:
        return splits.make_split(dataclasses.replace(dataset, tracks=labelled or dataset.tracks), name, seed), []
    except DataError as error:
        if name is not None:
            raise
        return None, [Finding("", "no-split", "warning", str(error))]


def copies(
    tracks: Sequence[Track], measured: Mapping[str, Measurement], split: Split | None, faulty: Collection[str]
) -> Iterator[Finding]:
    """Report all but one of the tracks that hold the same music, so that what is kept has no pair of them.

    The one that is kept is without a fault if any is; it is tested rather than validated, and validated rather than trained
    on, if they are in several parts; and it is the first of those.

    Parameters
    ----------
    tracks : sequence of Track
        In the dataset's order.
    measured : mapping of str to Measurement
    split : Split or None
    faulty : collection of str
        Ids of tracks that go anyway. They aren't compared with what merely sounds like them.

    Yields
    ------
    Finding
        One a track at most.
    """
    parts = _parts(split)
    same: dict[str, list[Track]] = defaultdict(list)
    for track in sorted(tracks, key=lambda track: (track.id in faulty, _RANK.get(parts.get(track.id, ""), 2))):
        if track.id in measured and measured[track.id].peak > SILENT_PEAK:  # silence is the same everywhere
            same[measured[track.id].digest].append(track)
    for kept, *others in same.values():
        for track in others:
            wrong = _differences(track, kept, parts)
            more = f", one of {len(others) + 1} copies" if len(others) > 1 else ""
            detail = f"the same audio as {_place(kept, parts)}{' ' if wrong else ''}{' and '.join(wrong)}{more}"
            yield Finding(track.id, "duplicate", "fault" if wrong else "warning", detail, leave_out=True)
    heard = [kept for kept, *_ in same.values() if kept.id not in faulty and _is_comparable(measured[kept.id])]
    for track, kept, pair in _alike(heard, measured):
        wrong = _differences(track, kept, parts)
        detail = (
            f"sounds like {_place(kept, parts)}{' ' if wrong else ''}{' and '.join(wrong)}: "
            f"{pair.correlation:.2f} alike at an offset of {pair.offset:+.1f} s"
        )
        yield Finding(track.id, "near-duplicate", "warning", detail, leave_out=True)


def shared_artists(dataset: Dataset, split: Split | None) -> Iterator[Finding]:
    """Report artists with tracks in several parts, each once a fold."""
    if split is None:
        return
    for overlap in splits.audit(dataset, split) or ():
        shared: dict[str, set[str]] = defaultdict(set)
        for pair, artists in overlap.artists.items():
            for artist in artists:
                shared[artist].update(pair)
        fold = f" of fold {overlap.fold}" if len(split.folds) > 1 else ""
        for artist, found in sorted(shared.items()):
            names = " and ".join(part for part in PARTS if part in found)
            yield Finding("", "shared-artist", "warning", f"artist {artist!r} is in {names}{fold}")


def _parts(split: Split | None) -> dict[str, str]:
    """Part of each track; of a split of several folds, the fold in which it is tested."""
    if split is None:
        return {}
    if len(split.folds) > 1:
        return {id_: f"fold {number}" for number, fold in enumerate(split.folds) for id_ in fold.test}
    (fold,) = split.folds
    return {id_: part for part in PARTS for id_ in getattr(fold, part)}


def _place(track: Track, parts: Mapping[str, str]) -> str:
    known = [text for text in (track.genre, parts.get(track.id)) if text]
    return f"{track.id!r} ({', '.join(known)})" if known else repr(track.id)


def _differences(track: Track, kept: Track, parts: Mapping[str, str]) -> list[str]:
    """What makes a copy worse than a waste of time; a track without a label is in no part."""
    if not (track.genre.strip() and kept.genre.strip()):
        return []
    wrong = []
    if parts.get(track.id) != parts.get(kept.id):
        wrong.append("in another part")
    if track.genre != kept.genre:
        wrong.append(f"under another genre, {track.genre}")
    return wrong


def _is_comparable(m: Measurement) -> bool:
    return m.seconds * (1 - m.silent) >= likeness.SHORTEST_SECONDS


def _alike(tracks: Sequence[Track], measured: Mapping[str, Measurement]) -> Iterator[tuple[Track, Track, likeness.Likeness]]:
    """Drop each track that sounds like one before it that is kept, until no two that are kept are found to sound alike.

    A second look is needed where there are many copies, of which only some are neighbours of each other.

    Yields
    ------
    dropped, kept : Track
    pair : Likeness
        How they are alike; if several that are kept sound like a track, the first of them.
    """
    while pairs := list(likeness.find_alike([measured[track.id].contour for track in tracks])):
        dropped: set[int] = set()
        for pair in sorted(pairs, key=lambda pair: (pair.second, pair.first)):
            if pair.first not in dropped and pair.second not in dropped:
                dropped.add(pair.second)
                yield tracks[pair.second], tracks[pair.first], pair
        tracks = [track for index, track in enumerate(tracks) if index not in dropped]

"""Which tracks of a dataset belong together: known artists, and segments of one recording where no artist is known."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from genrebench.errors import UsageError
from genrebench.records import Dataset, Remark, Split, Track
from genrebench.tables import counted
from genrebench.tasks.audit import touched_tests
from genrebench.tasks.segments import recordings
from genrebench.tasks.words import label_remarks, names_no_artist

SEGMENTS = ("together", "apart")


@dataclass(frozen=True)
class Grouped:
    """A dataset whose artists say which tracks belong together.

    Parameters
    ----------
    dataset : Dataset
        Artists that are no artist's name are None. With segments together, segments of one recording whose artist is unknown
        share an artist, named after the recording.
    recordings : mapping of str to str
        Name of the recording by track id, for segments whose artist is unknown.
    segments : {"together", "apart"}
    remarks : tuple of Remark
    """

    dataset: Dataset
    recordings: Mapping[str, str]
    segments: str
    remarks: tuple[Remark, ...]

    def split_remarks(self, split: Split) -> list[Remark]:
        """Remarks about recordings with segments in several parts of a split."""
        touched = len(touched_tests(split, self.recordings))
        if not touched:
            return []
        tested = sum(len(fold.test) for fold in split.folds)
        advice = "--split artist" if self.segments == "together" else "--segments together"
        text = (
            f"{touched} of {tested} test tracks seem to be segments of recordings that are also in training or validation, so "
            f"scores are too good; {advice} keeps segments in one part"
        )
        return [Remark("segments", "warning", text)]


def group(dataset: Dataset, segments: str = "together", heard: Mapping[str, str] | None = None) -> Grouped:
    """Find out which tracks belong together.

    Parameters
    ----------
    dataset : Dataset
    segments : {"together", "apart"}
        Whether segments of one recording, inferred from ids or file names, count as tracks of one artist where the artist is
        unknown; see `genrebench.tasks.segments`.
    heard : mapping of str to str, optional
        Name of the recording by track id, for tracks whose sound says that they are segments of it.

    Returns
    -------
    Grouped
        The same for a dataset that is grouped already.

    Raises
    ------
    UsageError
        If `segments` is neither "together" nor "apart".
    """
    if segments not in SEGMENTS:
        raise UsageError(f"segments {segments!r} is neither 'together' nor 'apart'")
    tracks = [
        dataclasses.replace(track, artist=None) if track.artist is not None and names_no_artist(track.artist) else track
        for track in dataset.tracks
    ]
    unknown = of_unknown_artist(tracks)
    named = recordings(unknown)
    ids = {track.id for track in unknown}
    heard = _of_several({id_: name for id_, name in (heard or {}).items() if id_ in ids})
    found = merged([named, heard])
    remarks = label_remarks(dataset)
    for source, why in ((named, "by names such as those of"), (heard, "for they share sound, such as")):
        remarks += _segment_remarks(source, why, segments)
    remarks += _genre_remarks(tracks, found)
    if segments == "together":
        tracks = _with_recordings(tracks, found)
    return Grouped(dataclasses.replace(dataset, tracks=tuple(tracks)), found, segments, tuple(remarks))


def of_unknown_artist(tracks: Iterable[Track]) -> list[Track]:
    """Tracks whose artist is unknown, or no artist's name; without unlabelled ones, which are in no task."""
    return [t for t in tracks if t.genre.strip() and (t.artist is None or names_no_artist(t.artist))]


def _with_recordings(tracks: Sequence[Track], found: Mapping[str, str]) -> list[Track]:
    """Tracks with the name of their recording as artist; it isn't the name of a known artist."""
    artists = {track.artist for track in tracks}
    names = {name: f"{name} (recording)" if name in artists else name for name in set(found.values())}
    return [dataclasses.replace(track, artist=names[found[track.id]]) if track.id in found else track for track in tracks]


def merged(sources: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Recordings of which several sources know segments, by track id.

    Parameters
    ----------
    sources : sequence of mapping of str to str
        Name of the recording by track id. Recordings that share a track are one; the first source names it.
    """
    parent: dict[tuple[int, str], tuple[int, str]] = {}  # recordings, numbered by their source

    def root(node: tuple[int, str]) -> tuple[int, str]:
        while (above := parent.setdefault(node, node)) != node:
            parent[node] = parent[above]
            node = above
        return node

    of: dict[str, tuple[int, str]] = {}
    for number, source in enumerate(sources):
        for id_, name in source.items():
            one, other = root((number, name)), root(of.setdefault(id_, (number, name)))
            parent[max(one, other)] = min(one, other)
    return {id_: root(node)[1] for id_, node in of.items()}


def _of_several(found: Mapping[str, str]) -> dict[str, str]:
    """Without recordings of which one track is left."""
    counts = Counter(found.values())
    return {id_: name for id_, name in found.items() if counts[name] > 1}


def _segment_remarks(found: Mapping[str, str], why: str, segments: str) -> list[Remark]:
    if not found:
        return []
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for id_, name in found.items():
        ids[name].append(id_)
    largest = max(ids, key=lambda name: len(ids[name]))
    taken = (
        "and count as tracks of one artist (--segments apart takes each on its own)"
        if segments == "together"
        else "but each is taken on its own"
    )
    example = " and ".join(map(repr, ids[largest][:2]))
    count = counted(len(ids), "recording")
    return [Remark("segments", "warning", f"{len(found)} tracks seem to be segments of {count}, {why} {example}, {taken}")]


def _genre_remarks(tracks: Sequence[Track], found: Mapping[str, str]) -> list[Remark]:
    genres: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for track in tracks:
        if track.id in found:
            genres[found[track.id]][track.genre] += 1
    mixed = {name: counts for name, counts in genres.items() if len(counts) > 1}
    if not mixed:
        return []
    name, counts = next(iter(mixed.items()))
    labels = ", ".join(f"{genre} ({n})" for genre, n in sorted(counts.items()))
    count = counted(len(mixed), "recording")
    return [Remark("two-genres", "warning", f"segments of {count} have different genres, such as those of {name!r}: {labels}")]

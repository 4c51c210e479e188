"""From a dataset to a task: exclusions, split, and the fingerprint of everything that affects the comparability of scores."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.errors import DataError
from genrebench.records import PARTS, Dataset, Excerpt, Exclusion, ExtraTraining, FeatureValues, Split, Task
from genrebench.tasks.audit import shared_artists
from genrebench.tasks.copies import copy_remarks, row_keys
from genrebench.tasks.extra_training import add_training
from genrebench.tasks.grouping import group
from genrebench.tasks.splits import SplitChoice, make_split

FINGERPRINT_VERSION = 1


def make_task(
    dataset: Dataset,
    home: Path,
    *,
    split: SplitChoice = None,
    split_seed: int = 0,
    excerpt: Excerpt | None = None,
    exclude: Sequence[Exclusion] = (),
    source: str = "",
    extra_dataset: Dataset | None = None,
    extra_source: str = "",
    segments: str = "together",
    heard: Mapping[str, str] | None = None,
) -> Task:
    """Define what models are compared on.

    Parameters
    ----------
    dataset : Dataset
    home : Path
        The folder in which genrebench keeps data; hashes of audio files are cached there.
    split : str or OtherSplit, optional
        As in `genrebench.tasks.splits.make_split`; by default official if there is one, else artist if artists are known, else
        stratified.
    split_seed : int
        Seed of the split.
    excerpt : Excerpt, optional
        The excerpt of each track that models see; by default the middle 30 s.
    exclude : sequence of Exclusion
        Tracks to exclude. Ids that the dataset doesn't have are reported in the split's warnings.
    source : str
        The dataset argument as given by the user.
    extra_dataset : Dataset, optional
        Provides additional training tracks for small genres; see `genrebench.tasks.extra_training`.
    extra_source : str
        The argument for the larger dataset as given by the user.
    segments : {"together", "apart"}
        Whether segments of one recording count as tracks of one artist; see `genrebench.tasks.grouping`.
    heard : mapping of str to str, optional
        As in `genrebench.tasks.grouping.group`.

    Returns
    -------
    Task
        The warnings of its split also say what a reader of the scores should know about the data.

    Raises
    ------
    DataError
        If no track is left, the dataset can't be split, or an audio file is missing.
    UsageError
        If the split is unknown, or `extra_dataset` has no eligible track.
    """
    excerpt = excerpt or Excerpt()
    exclude = tuple({exclusion.id: exclusion for exclusion in exclude}.values())
    exclude_ids = {exclusion.id for exclusion in exclude}
    all_ids = {track.id for track in dataset.tracks}
    grouped = group(without(dataset, exclude), segments, heard)
    kept = grouped.dataset
    made_split = make_split(kept, split, split_seed)
    if not any(fold.training for fold in made_split.folds):
        raise DataError(f"the split {made_split.name!r} of {dataset.name} has no training track; choose a different --split")
    extra = None
    if extra_dataset is not None:
        candidates = dataclasses.replace(
            extra_dataset, tracks=tuple(track for track in extra_dataset.tracks if track.id not in exclude_ids)
        )
        candidates = group(candidates, "apart").dataset
        kept, made_split, added = add_training(kept, made_split, candidates, unknown=grouped.recordings)
        extra = ExtraTraining(extra_dataset.name, added, extra_source)
        all_ids |= {track.id for track in extra_dataset.tracks}
    faulty = {exclusion.id for exclusion in dataset.faulty}
    warning = unknown_ids(exclude, dataset, *([] if extra_dataset is None else [extra_dataset]))
    content = content_of(kept, made_split, excerpt, home)
    warnings = (
        *(remark.detail for remark in grouped.remarks),
        *content.notes,
        *made_split.warnings,
        *(remark.detail for remark in grouped.split_remarks(made_split)),
        *(remark.detail for remark in copy_remarks(kept, made_split, content.keys, content.what)),
        *([] if warning is None else [warning]),
    )
    made_split = dataclasses.replace(made_split, warnings=warnings)
    excluded = (*dataset.faulty, *(e for e in exclude if e.id in all_ids and e.id not in faulty))
    return Task(
        dataset=kept,
        split=made_split,
        excerpt=excerpt,
        excluded=excluded,
        fingerprint=fingerprint(kept, made_split, excerpt, [e.id for e in excluded], content.digest),
        reading=content.reading,
        shared_artists=shared_artists(kept, made_split),
        source=source,
        extra=extra,
        segments=segments,
    )


def without(dataset: Dataset, exclude: Iterable[Exclusion]) -> Dataset:
    """Return the dataset without the excluded tracks.

    Raises
    ------
    DataError
        If no track is left.
    """
    exclude_ids = {exclusion.id for exclusion in exclude}
    kept = dataclasses.replace(dataset, tracks=tuple(track for track in dataset.tracks if track.id not in exclude_ids))
    if not kept.tracks:
        raise DataError(
            f"no track of {dataset.name} is left after {len(exclude_ids)} exclusions; shorten the list for --exclude"
        )
    return kept


def unknown_ids(exclude: Iterable[Exclusion], *datasets: Dataset) -> str | None:
    """Warning about excluded ids that none of the datasets has; None if there are none."""
    unknown = {exclusion.id for exclusion in exclude}
    for dataset in datasets:
        unknown -= {*(track.id for track in dataset.tracks), *(e.id for e in dataset.faulty), *dataset.unlabelled}
    if len(unknown) == 1:
        return f"the excluded id {min(unknown)!r} isn't in {datasets[0].name}"
    return f"{len(unknown)} excluded ids aren't in {datasets[0].name}, for example {min(unknown)!r}" if unknown else None


def retask(task: Task, split: Split, home: Path) -> Task:
    """Return the task with a different split of the same tracks, and the matching fingerprint."""
    content = content_of(task.dataset, split, task.excerpt, home)
    excluded = [exclusion.id for exclusion in task.excluded]
    return dataclasses.replace(
        task,
        split=split,
        fingerprint=fingerprint(task.dataset, split, task.excerpt, excluded, content.digest),
        reading=content.reading,
        shared_artists=shared_artists(task.dataset, split),
    )


def fingerprint(dataset: Dataset, split: Split, excerpt: Excerpt, excluded: Iterable[str], content: str) -> str:
    """Hash of everything that affects the comparability of scores.

    Parameters
    ----------
    dataset : Dataset
        Its genres, labels and which tracks share an artist are hashed; artists' names, the dataset's name and paths are not.
    split : Split
        The ids of every part are hashed; the split's name and seed are not.
    excerpt : Excerpt
    excluded : iterable of str
        Ids of excluded tracks.
    content : str
        Hash of the feature values or of the audio; see `content_of`.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return hash_of(hashed(dataset, split, excerpt, excluded, content))


def hashed(dataset: Dataset, split: Split, excerpt: Excerpt, excluded: Iterable[str], content: str) -> dict[str, Any]:
    """What `fingerprint` hashes, in JSON types."""
    tracks = {track.id: track for track in dataset.tracks}
    first_of: dict[str | None, str] = {None: ""}  # which tracks share an artist matters, the artist's name doesn't
    for id_ in split.ids:
        first_of.setdefault(tracks[id_].artist, id_)
    return {
        "version": FINGERPRINT_VERSION,
        "genres": dataset.genres,
        "tracks": [(id_, tracks[id_].genre, first_of[tracks[id_].artist]) for id_ in split.ids],
        "folds": [[sorted(getattr(fold, part)) for part in PARTS] for fold in split.folds],
        "excluded": sorted(excluded),
        "excerpt": str(excerpt),
        "content": content,
    }


def hash_of(content: Mapping[str, Any]) -> str:
    """The fingerprint of a task by the content of it; see `hashed`."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def fingerprint_content(task: Task, home: Path) -> dict[str, Any]:
    """The content of a task's fingerprint, in JSON types."""
    content = content_of(task.dataset, task.split, task.excerpt, home)
    return hashed(task.dataset, task.split, task.excerpt, [exclusion.id for exclusion in task.excluded], content.digest)


@dataclasses.dataclass(frozen=True)
class Content:
    """The data of a split's tracks.

    Parameters
    ----------
    digest : str
        Hash of all data.
    keys : mapping of str to hashable
        The content of each track by id; tracks of the same content have the same.
    what : str
        What has the content: "feature row" or "audio file".
    notes : tuple of str
        What was noticed about the ids of given features.
    reading : str
        Which tracks are read otherwise than by version 0.1.0, which is hashed as well; empty if none is. Given feature values
        don't depend on how audio is read, and no audio is opened for them.
    """

    digest: str
    keys: Mapping[str, Hashable]
    what: str
    notes: tuple[str, ...] = ()
    reading: str = ""


def content_of(dataset: Dataset, split: Split, excerpt: Excerpt, home: Path) -> Content:
    """The data of a split's tracks: the precomputed feature values if there are any, else the audio files."""
    ids = split.ids
    if dataset.load_features is not None:
        values = dataset.load_features()
        return Content(_hash_features(values, ids), row_keys(values), "feature row", values.notes)
    hashes = audio_hashes(dataset, home, ids)
    changes = _reading_changes(dataset, hashes, excerpt, home)
    content = [(id_, hashes.get(id_), *([changes[id_]] if id_ in changes else [])) for id_ in ids]
    counts = Counter(changes.values())
    reading = "; ".join(f"{n} {'track' if n == 1 else 'tracks'} {change}" for change, n in sorted(counts.items()))
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return Content(digest, hashes, "audio file", reading=reading)


def _reading_changes(dataset: Dataset, hashes: Mapping[str, str], excerpt: Excerpt, home: Path) -> dict[str, str]:
    """What of a track's audio is read otherwise than by version 0.1.0, by track id, for the tracks where something is."""
    from genrebench import audio

    paths = {hashes[track.id]: track.path for track in dataset.tracks if track.id in hashes and track.path is not None}
    lengths = audio.lengths(paths, audio.length_cache(home)) if paths else {}
    found = {id_: lengths[key].change(excerpt) for id_, key in hashes.items() if key in lengths}
    return {id_: change for id_, change in found.items() if change is not None}


def audio_hashes(dataset: Dataset, home: Path, ids: Sequence[str] | None = None) -> Mapping[str, str]:
    """Content hash of the audio file of each track that has one, by track id.

    Raises
    ------
    DataError
        If a file is missing.
    """
    from genrebench import audio

    selected = None if ids is None else set(ids)
    paths = {t.id: t.path for t in dataset.tracks if t.path is not None and (selected is None or t.id in selected)}
    missing = [id_ for id_, path in paths.items() if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(paths)} audio files of {dataset.name} are missing, the first is that of track "
            f"{missing[0]!r}, {str(paths[missing[0]])!r}; add them or exclude the tracks with --exclude"
        )
    hashes = audio.content_hashes(list(paths.values()), audio.hash_cache(home))
    return dict(zip(paths, hashes, strict=True))


def is_unchanged(task: Task, home: Path) -> bool:
    """Whether the audio files of a task are still there, and those of its fingerprint."""
    try:
        return retask(task, task.split, home).fingerprint == task.fingerprint
    except DataError:
        return False


def _hash_features(values: FeatureValues, ids: Sequence[str]) -> str:
    row = {id_: i for i, id_ in enumerate(values.ids)}
    table = np.ascontiguousarray(values.values[[row[id_] for id_ in ids if id_ in row]], dtype="<f8")
    header = json.dumps([values.columns, [id_ for id_ in ids if id_ in row]]).encode()
    return hashlib.sha256(header + table.tobytes()).hexdigest()

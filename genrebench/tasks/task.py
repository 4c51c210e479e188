"""From a dataset to a task: exclusions, split, and the fingerprint of everything that affects the comparability of scores."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from genrebench.errors import DataError, UsageError
from genrebench.records import PARTS, Dataset, Excerpt, Exclusion, ExtraTraining, FeatureValues, Split, Task
from genrebench.tasks.audit import shared_artists
from genrebench.tasks.extra_training import add_training
from genrebench.tasks.splits import make_split

FINGERPRINT_VERSION = 1


def make_task(
    dataset: Dataset,
    home: Path,
    *,
    split: str | None = None,
    split_seed: int = 0,
    excerpt: Excerpt | None = None,
    exclude: Sequence[Exclusion] = (),
    source: str = "",
    extra_dataset: Dataset | None = None,
    extra_source: str = "",
) -> Task:
    """Define what models are compared on.

    Parameters
    ----------
    dataset : Dataset
    home : Path
        The folder in which genrebench keeps data; hashes of audio files are cached there.
    split : str, optional
        Name of a split; by default official if there is one, else artist if artists are known, else stratified.
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

    Returns
    -------
    Task

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
    kept = without(dataset, exclude)
    made_split = make_split(kept, split, split_seed)
    if not any(fold.training for fold in made_split.folds):
        raise DataError(f"the split {made_split.name!r} of {dataset.name} has no training track; choose a different --split")
    extra = None
    if extra_dataset is not None:
        candidates = dataclasses.replace(
            extra_dataset, tracks=tuple(track for track in extra_dataset.tracks if track.id not in exclude_ids)
        )
        kept, made_split, added = add_training(kept, made_split, candidates)
        extra = ExtraTraining(extra_dataset.name, added, extra_source)
        all_ids |= {track.id for track in extra_dataset.tracks}
    faulty = {exclusion.id for exclusion in dataset.faulty}
    warning = unknown_ids(exclude, dataset, *([] if extra_dataset is None else [extra_dataset]))
    if warning is not None:
        made_split = dataclasses.replace(made_split, warnings=(*made_split.warnings, warning))
    excluded = (*dataset.faulty, *(e for e in exclude if e.id in all_ids and e.id not in faulty))
    return Task(
        dataset=kept,
        split=made_split,
        excerpt=excerpt,
        excluded=excluded,
        fingerprint=fingerprint(kept, made_split, excerpt, [e.id for e in excluded], content_hash(kept, made_split, home)),
        shared_artists=shared_artists(kept, made_split),
        source=source,
        extra=extra,
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
    content = content_hash(task.dataset, split, home)
    excluded = [exclusion.id for exclusion in task.excluded]
    return dataclasses.replace(
        task,
        split=split,
        fingerprint=fingerprint(task.dataset, split, task.excerpt, excluded, content),
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
        Hash of the feature values or of the audio; see `content_hash`.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    tracks = {track.id: track for track in dataset.tracks}
    first_of: dict[str | None, str] = {None: ""}  # which tracks share an artist matters, the artist's name doesn't
    for id_ in split.ids:
        first_of.setdefault(tracks[id_].artist, id_)
    hashed = {
        "version": FINGERPRINT_VERSION,
        "genres": dataset.genres,
        "tracks": [(id_, tracks[id_].genre, first_of[tracks[id_].artist]) for id_ in split.ids],
        "folds": [[sorted(getattr(fold, part)) for part in PARTS] for fold in split.folds],
        "excluded": sorted(excluded),
        "excerpt": str(excerpt),
        "content": content,
    }
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:16]


def content_hash(dataset: Dataset, split: Split, home: Path) -> str:
    """Hash of the data of a split's tracks: the precomputed feature values if there are any, else the audio files."""
    ids = split.ids
    if dataset.load_features is not None:
        return _hash_features(dataset.load_features(), ids)
    hashes = audio_hashes(dataset, home, ids)
    return hashlib.sha256(json.dumps([(id_, hashes.get(id_)) for id_ in ids]).encode()).hexdigest()


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


def read_exclusions(path: Path) -> list[Exclusion]:
    """Read a list of tracks to exclude from a CSV file with the columns `id` (or `track_id`) and, optionally, `reason`."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            rows = list(reader)
    except OSError as error:
        raise UsageError(f"can't read the exclusion list {str(path)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{str(path)!r} isn't a valid CSV file: {error}") from None
    key = next((name for name in ("id", "track_id") if name in header), None)
    if key is None:
        raise UsageError(f"{str(path)!r} has no column 'id'; an exclusion list has the columns id and reason")
    return [Exclusion(row[key].strip(), (row.get("reason") or "left out by the user").strip()) for row in rows if row[key]]


def _hash_features(values: FeatureValues, ids: Sequence[str]) -> str:
    row = {id_: i for i, id_ in enumerate(values.ids)}
    table = np.ascontiguousarray(values.values[[row[id_] for id_ in ids if id_ in row]], dtype="<f8")
    header = json.dumps([values.columns, [id_ for id_ in ids if id_ in row]]).encode()
    return hashlib.sha256(header + table.tobytes()).hexdigest()

"""Tracks with the same content: the same row of given features, or the same audio file."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from genrebench.records import Dataset, FeatureValues, Remark, Split
from genrebench.tasks.audit import touched_tests

MIN_DISTINCT = 4
"""Different numbers that a row of features needs in order to tell recordings apart; silence gives rows of few."""


def row_keys(values: FeatureValues) -> dict[str, bytes]:
    """The content of each row by track id, for rows that can tell recordings apart.

    A row counts if it is complete, has at least four different numbers, and one of them isn't a whole number: small tables of
    counts have equal rows by chance.
    """
    keys = {}
    for id_, row in zip(values.ids, np.asarray(values.values, dtype=np.float64) + 0.0, strict=True):  # -0 is 0
        if np.isfinite(row).all() and (row != np.rint(row)).any() and len(np.unique(row)) >= MIN_DISTINCT:
            keys[id_] = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
    return keys


def copies(keys: Mapping[str, Hashable], ids: Sequence[str]) -> list[list[str]]:
    """Sets of two or more of `ids` with the same key, in the order of `ids`."""
    same: defaultdict[Hashable, list[str]] = defaultdict(list)
    for id_ in ids:
        if id_ in keys:
            same[keys[id_]].append(id_)
    return [members for members in same.values() if len(members) > 1]


def copy_remarks(dataset: Dataset, split: Split, keys: Mapping[str, Hashable], what: str) -> list[Remark]:
    """Remarks about copies in several parts of a split or of several genres.

    Parameters
    ----------
    dataset : Dataset
    split : Split
    keys : mapping of str to hashable
        Content by track id.
    what : str
        What is the same: "feature row", "audio file".
    """
    remarks = []
    genre = {track.id: track.genre for track in dataset.tracks}
    sets = copies(keys, split.ids)
    touched = touched_tests(split, keys)
    leave_out = "leave copies out with a list of 'genrebench data check DATASET --exclusions FILE'"
    if touched:
        tested = sum(len(fold.test) for fold in split.folds)
        one, other = next(iter(touched.items()))
        remarks.append(
            Remark(
                "duplicate",
                "warning",
                f"{len(touched)} of {tested} test tracks have the same {what} as a training or validation track, such as "
                f"{one!r} and {other!r}, so scores are too good; {leave_out}",
            )
        )
    mixed = [members for members in sets if len({genre[id_] for id_ in members}) > 1]
    if mixed:
        one = mixed[0][0]
        other = next(id_ for id_ in mixed[0] if genre[id_] != genre[one])
        count = f"one {what} has" if len(mixed) == 1 else f"{len(mixed)} {what}s have"
        remarks.append(
            Remark(
                "two-genres",
                "warning",
                f"{count} two genres, such as that of {one!r} ({genre[one]}) and {other!r} ({genre[other]}); {leave_out}",
            )
        )
    return remarks

"""Findings about the features that come with a dataset: what a run would refuse, said before it, and copies."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from genrebench.datasets.check.duplicates import same_feature_findings
from genrebench.datasets.check.findings import Finding
from genrebench.datasets.feature_csv import MAX_VALUE, column_name, empty_columns
from genrebench.errors import DataError
from genrebench.records import Dataset, FeatureValues, Split

MOSTLY = 0.5
"""Share of the rows above which a column without a value is named, as removing it would keep their tracks."""


def load_given(dataset: Dataset) -> tuple[FeatureValues | None, list[Finding]]:
    """The given features, if there are any that can be read; a finding, if there are some that can't."""
    if dataset.load_features is None:
        return None, []
    try:
        return dataset.load_features(), []
    except DataError as error:
        return None, [Finding("", "features", "fault", f"the given features can't be read: {error}")]


def usable_findings(dataset: Dataset, given: FeatureValues) -> Iterator[Finding]:
    """Tracks without a row, or with an empty value; columns without any value."""
    row = {id_: i for i, id_ in enumerate(given.ids)}
    ids = [track.id for track in dataset.tracks if track.id in row]
    if not ids:
        if not given.notes:  # otherwise the ids don't meet, which is a finding of its own
            detail = f"none of the {len(dataset.tracks)} tracks has a row of given features with values; compare the ids"
            yield Finding("", "features", "fault", detail)
        return
    yield from (
        Finding(track.id, "features", "fault", "no row of given features, or no value in it")
        for track in dataset.tracks
        if track.id not in row
    )
    values = np.asarray(given.values)[[row[id_] for id_ in ids]]
    empty = empty_columns(values)
    for column in np.flatnonzero(empty):
        name = column_name(given.columns[column])
        yield Finding("", "features", "fault", f"column {name!r} has no value in any row; remove the column")
    bad = np.isnan(values) & ~empty
    for column in np.flatnonzero(bad.mean(axis=0) > MOSTLY):
        name, count = column_name(given.columns[column]), int(bad[:, column].sum())
        detail = f"column {name!r} has no value in {count} of {len(ids)} rows; without the column these tracks can stay"
        yield Finding("", "features", "warning", detail)
    for i in np.flatnonzero(bad.any(axis=1)):
        columns = np.flatnonzero(bad[i])
        more = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
        name = column_name(given.columns[columns[0]])
        yield Finding(ids[i], "features", "fault", f"an empty value in column {name!r}{more}")


def value_findings(dataset: Dataset, given: FeatureValues, split: Split | None, faulty: Collection[str]) -> Iterator[Finding]:
    """Ids that don't meet, values that no model can calculate with, and tracks with the same row."""
    yield from (Finding("", "ids", "warning" if given.ids else "fault", note) for note in given.notes)
    known = {track.id for track in dataset.tracks}
    unusable: dict[str, str] = {}
    for row, column in np.argwhere(np.abs(given.values) > MAX_VALUE).tolist():
        if given.ids[row] in known:
            unusable.setdefault(given.ids[row], column_name(given.columns[column]))
    for id_, name in unusable.items():
        yield Finding(id_, "feature-value", "fault", f"the value in column {name!r} is infinite or beyond {MAX_VALUE:.1e}")
    yield from same_feature_findings(dataset.tracks, given, split, {*faulty, *unusable})

"""Findings about the features that come with a dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from genrebench.datasets.check.duplicates import same_feature_findings
from genrebench.datasets.check.findings import Finding
from genrebench.datasets.feature_csv import MAX_VALUE, column_name
from genrebench.errors import DataError
from genrebench.records import Dataset, Split


def given_feature_findings(dataset: Dataset, split: Split | None, faulty: Collection[str]) -> Iterator[Finding]:
    """Ids that don't meet, values that no model can calculate with, and tracks with the same row."""
    if dataset.load_features is None:
        return
    try:
        values = dataset.load_features()
    except DataError:  # `usable_features` reports it
        return
    yield from (Finding("", "ids", "warning" if values.ids else "fault", note) for note in values.notes)
    known = {track.id for track in dataset.tracks}
    unusable: dict[str, str] = {}
    for row, column in np.argwhere(np.abs(values.values) > MAX_VALUE).tolist():
        if values.ids[row] in known:
            unusable.setdefault(values.ids[row], column_name(values.columns[column]))
    for id_, name in unusable.items():
        yield Finding(id_, "feature-value", "fault", f"the value in column {name!r} is infinite or beyond {MAX_VALUE:.1e}")
    yield from same_feature_findings(dataset.tracks, values, split, {*faulty, *unusable})

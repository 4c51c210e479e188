"""Feature tables from the values that come with a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from genrebench.datasets.feature_csv import MAX_VALUE, column_name, empty_columns
from genrebench.errors import DataError, UsageError, did_you_mean
from genrebench.plugin.contract import FeatureTable
from genrebench.plugin.inputs import Columns, Prepared
from genrebench.records import Dataset, FeatureValues

_LEAVE_OUT = "leave such tracks out with --exclude FILE, which 'genrebench data check DATASET --exclusions FILE' writes"


def given(requested: FeatureTable, dataset: Dataset) -> Callable[[Sequence[str]], Prepared] | None:
    """Return what takes the values of tracks from those that come with the dataset; None if they are extracted from audio.

    Raises
    ------
    DataError
        If the model wants given values, and there are none.
    """
    if dataset.load_features is None and requested.source == "given":
        raise DataError(
            f"dataset {dataset.name} comes with no features: add a features.csv, or let the model extract them from audio"
        )
    if dataset.load_features is None or requested.source == "extract":
        return None
    return partial(_rows, requested, dataset, dataset.load_features)


def choose_groups(columns: Columns, groups: Sequence[str]) -> NDArray[np.int64]:
    """Positions of the columns whose first level is in `groups`, in the order of `columns`; all columns if `groups` is empty.

    Raises
    ------
    UsageError
        If a group doesn't exist or is named twice.
    """
    known = dict.fromkeys(column[0] for column in columns)
    for group in groups:
        if group not in known:
            raise UsageError(f"no feature group {group!r}: {did_you_mean(group, known)}")
        if list(groups).count(group) > 1:
            raise UsageError(f"feature group {group!r} is named twice")
    return np.array([i for i, column in enumerate(columns) if not groups or column[0] in groups], dtype=np.int64)


def _rows(requested: FeatureTable, dataset: Dataset, load: Callable[[], FeatureValues], ids: Sequence[str]) -> Prepared:
    """The given values of some tracks."""
    given = load()
    row = {id_: i for i, id_ in enumerate(given.ids)}
    absent = [id_ for id_ in ids if id_ not in row]
    if absent:
        if len(absent) == len(ids):
            told = f": {given.notes[-1]}; write the ids alike" if given.notes else f"; compare the ids, such as {absent[0]!r}"
            raise DataError(f"none of the {len(ids)} tracks of {dataset.name} has a row of given features with values{told}")
        others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        note = f" ({given.notes[-1]})" if given.notes else ""
        raise DataError(f"no given features for track {absent[0]!r}{others}{note}; {_LEAVE_OUT}")
    chosen = choose_groups(given.columns, requested.groups)
    rows = np.array([row[id_] for id_ in ids], dtype=np.int64)
    values = np.asarray(given.values, dtype=np.float64)[np.ix_(rows, chosen)]
    bad = np.argwhere(~(np.abs(values) <= MAX_VALUE))
    if len(bad):
        empty = np.flatnonzero(empty_columns(values))
        if len(empty):
            name = column_name(given.columns[chosen[empty[0]]])
            others = f" (and {len(empty) - 1} more columns)" if len(empty) > 1 else ""
            raise DataError(f"{dataset.name}: the given feature {name!r}{others} has no value in any row; remove the column")
        first, column = bad[0]
        n_bad = len(np.unique(bad[:, 0]))
        advice = _LEAVE_OUT if n_bad < len(ids) else "mend or remove such columns"
        raise DataError(
            f"{n_bad} tracks of {dataset.name} have an empty, infinite or huge feature value (above {MAX_VALUE:.1e}), the "
            f"first is track {ids[first]!r} in column {column_name(given.columns[chosen[column]])!r}; {advice}"
        )
    source = f"given ({dataset.feature_source})" if dataset.feature_source else "given"
    return Prepared(values, tuple(given.columns[i] for i in chosen), source)

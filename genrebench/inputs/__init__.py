"""The inputs of models: precomputed or extracted features, waveforms, frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.datasets.feature_csv import MAX_VALUE, column_name, empty_columns
from genrebench.errors import DataError, UsageError, did_you_mean
from genrebench.inputs import cache, features, frames, waveforms
from genrebench.inputs.entries import CacheFolder
from genrebench.plugin.contract import FeatureTable
from genrebench.plugin.hosted_input import prepare_input
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.plugin.registry import Registry, installed_plugins
from genrebench.records import Dataset, Excerpt

SPECS: tuple[InputSpec, ...] = (features.SPEC, waveforms.SPEC, frames.SPEC)
"""The built-in kinds of input."""

Columns = tuple[tuple[str, ...], ...]

_LEAVE_OUT = "leave such tracks out with --exclude FILE, which 'genrebench data check DATASET --exclusions FILE' writes"


def prepare(
    requested: Any,
    dataset: Dataset,
    ids: Sequence[str],
    hashes: Mapping[str, str],
    context: InputContext,
    registry: Registry | None = None,
) -> Prepared:
    """Prepare the inputs of some of a dataset's tracks.

    Parameters
    ----------
    requested : FeatureTable, Waveforms, Frames or another registered input
        The input that the model requires.
    dataset : Dataset
    ids : sequence of str
        The tracks, in the order of the result.
    hashes : mapping of str to str
        Content hash of the audio by track id; missing hashes are computed.
    context : InputContext
    registry : Registry, optional
        The kinds of input; by default those that are installed.

    Returns
    -------
    Prepared
        ``source`` describes the origin of the values: "given (distributed, from full-length tracks)", "extracted from
        audio", ...

    Raises
    ------
    UsageError
        If the model requires a feature group that doesn't exist.
    DataError
        If the dataset lacks what the input needs: audio, features, or some of the files or rows.
    AudioError
        If an audio file can't be decoded.
    """
    if isinstance(requested, FeatureTable):
        if requested.source == "given" and dataset.load_features is None:
            raise DataError(
                f"dataset {dataset.name} comes with no features: add a features.csv, or let the model extract them from audio"
            )
        if requested.source != "extract" and dataset.load_features is not None:
            return _given(requested, dataset, ids)
    return prepare_clips(requested, _clips(requested, dataset, ids, hashes), context, registry)


def prepare_clips(
    requested: Any, clips: Sequence[Clip], context: InputContext, registry: Registry | None = None, columns: Columns = ()
) -> Prepared:
    """Prepare the inputs of audio files outside a dataset, for prediction; a feature table is extracted from the audio.

    Parameters
    ----------
    requested, context, registry
        As for `prepare`.
    clips : sequence of Clip
    columns : tuple of tuple of str
        The feature columns that the model was trained on, for a trained model: exactly these are returned, in this order.

    Raises
    ------
    UsageError
        If the model requires a feature group that doesn't exist.
    DataError
        If one of `columns` can't be extracted from audio.
    AudioError
        If an audio file can't be decoded.
    """
    registered = (registry or installed_plugins()).registered_input(requested)
    prepared = prepare_input(registered, requested, clips, context)
    if not isinstance(requested, FeatureTable):
        return prepared
    chosen = _positions(columns, features.COLUMNS) if columns else choose_groups(features.COLUMNS, requested.groups)
    return _columns_of(prepared, chosen)


def prepare_usable(
    requested: Any, clips: Sequence[Clip], context: InputContext, registry: Registry, columns: Columns = ()
) -> tuple[Prepared | None, dict[str, str]]:
    """As `prepare_clips`, but clips that can't be decoded or are silent are left out and named.

    Returns
    -------
    prepared : Prepared or None
        Inputs of the other clips, in their order; None if there is none.
    problems : dict of str to str
        Why a clip is left out, in one line without its path, by clip id.
    """
    context = replace(context, refuse_silence=True)
    try:
        # Built-in inputs find such clips while they fill the cache, so that each clip is decoded once. Inputs of
        # plugins and inputs that are decoded on access don't report them, so these clips are decoded here first.
        if registry.input(requested) not in SPECS or not context.cached:
            folder = CacheFolder.of(context, "peaks", version=1)
            cache.fill(folder, clips, partial(_seconds, excerpt=context.excerpt), context, "Reading audio")
        return prepare_clips(requested, clips, context, registry, columns) if clips else None, {}
    except cache.UnusableClipsError as error:
        problems = {clip.id: error.reasons[clip.content_hash] for clip in clips if clip.content_hash in error.reasons}
    usable = [clip for clip in clips if clip.id not in problems]
    return prepare_clips(requested, usable, context, registry, columns) if usable else None, problems


def make_clips(paths: Mapping[str, Any], hashes: Mapping[str, str]) -> list[Clip]:
    """Clips from paths by id; missing content hashes are computed."""
    return [Clip(id_, path, hashes.get(id_) or audio.content_hash(path)) for id_, path in paths.items()]


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


def _seconds(path: Path, *, excerpt: Excerpt) -> NDArray[np.float64]:
    """Length of a clip's excerpt, shape (1,): a small array for entries that are made for their peak."""
    samples, rate = audio.read(path, excerpt)
    return np.array([len(samples) / rate])


def _positions(columns: Columns, available: Columns) -> NDArray[np.int64]:
    position = {column: i for i, column in enumerate(available)}
    for column in columns:
        if column not in position:
            raise DataError(
                f"the model was trained on a given feature, {'/'.join(column)!r}, that can't be extracted from audio; "
                "predict with a model that was trained on extracted features"
            )
    return np.array([position[column] for column in columns], dtype=np.int64)


def _columns_of(table: Prepared, chosen: NDArray[np.int64]) -> Prepared:
    values = np.asarray(table.inputs, dtype=np.float64)[:, chosen]
    return replace(table, inputs=values, columns=tuple(table.columns[i] for i in chosen))


def _given(requested: FeatureTable, dataset: Dataset, ids: Sequence[str]) -> Prepared:
    assert dataset.load_features is not None  # noqa: S101, checked by the caller
    given = dataset.load_features()
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


def _clips(requested: Any, dataset: Dataset, ids: Sequence[str], hashes: Mapping[str, str]) -> list[Clip]:
    tracks = {track.id: track for track in dataset.tracks}
    paths = {id_: tracks[id_].path for id_ in ids}
    if all(path is None for path in paths.values()):
        raise DataError(
            f"dataset {dataset.name} has no audio, which {type(requested).__name__} are made from; add a path column to its "
            "tracks.csv, or use a model that takes given features"
        )
    missing = [(id_, path) for id_, path in paths.items() if path is None or not path.is_file()]
    if missing:
        id_, path = missing[0]
        others = f" (and that of {len(missing) - 1} more tracks)" if len(missing) > 1 else ""
        raise DataError(
            f"the audio of track {id_!r} is missing{others}{': ' + str(path) if path else ''}; "
            f"put it there, or leave such tracks out: genrebench data check {dataset.name}, then --exclude FILE"
        )
    return make_clips(paths, hashes)

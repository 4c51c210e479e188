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
from genrebench.errors import DataError
from genrebench.inputs import cache, features, frames, waveforms
from genrebench.inputs.entries import CacheFolder
from genrebench.plugin.hosted_input import given_values, prepare_input
from genrebench.plugin.inputs import Clip, Columns, InputContext, InputSpec, Prepared
from genrebench.plugin.registry import Registry, installed_plugins
from genrebench.records import Dataset, Excerpt

SPECS: tuple[InputSpec, ...] = (features.SPEC, waveforms.SPEC, frames.SPEC)
"""The built-in kinds of input."""


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
    registry = registry or installed_plugins()
    given = given_values(registry.registered_input(requested), requested, dataset)
    if given is not None:
        return given(ids)
    return prepare_clips(requested, _clips(requested, dataset, ids, hashes), context, registry)


def prepare_clips(
    requested: Any, clips: Sequence[Clip], context: InputContext, registry: Registry | None = None, columns: Columns = ()
) -> Prepared:
    """Prepare the inputs of audio files outside a dataset, for prediction.

    Parameters
    ----------
    requested, context, registry
        As for `prepare`.
    clips : sequence of Clip
    columns : tuple of tuple of str
        The columns of the table that a trained model saw: exactly these are returned, in this order.

    Raises
    ------
    UsageError
        If the model requires a feature group that doesn't exist.
    DataError
        If the input doesn't have one of `columns`.
    AudioError
        If an audio file can't be decoded.
    """
    registered = (registry or installed_plugins()).registered_input(requested)
    prepared = prepare_input(registered, requested, clips, replace(context, columns=columns))
    return _columns_of(prepared, columns) if columns and prepared.columns not in (columns, ()) else prepared


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


def _seconds(path: Path, *, excerpt: Excerpt) -> NDArray[np.float64]:
    """Length of a clip's excerpt, shape (1,): a small array for entries that are made for their peak."""
    samples, rate = audio.read(path, excerpt)
    return np.array([len(samples) / rate])


def _columns_of(table: Prepared, columns: Columns) -> Prepared:
    """The columns of a table that a trained model saw, in their order."""
    position = {column: i for i, column in enumerate(table.columns)}
    absent = next((column for column in columns if column not in position), None)
    if absent is not None:
        raise DataError(f"the model was trained on the column {'/'.join(absent)!r}, which its input doesn't have any more")
    chosen = [position[column] for column in columns]
    values: NDArray[Any] = np.asarray(table.inputs)
    return replace(table, inputs=values[:, chosen], columns=columns)


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

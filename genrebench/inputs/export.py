"""Extracting FMA's 518 feature columns from a folder or dataset into a CSV file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from genrebench import audio, files
from genrebench.datasets import require_audio
from genrebench.inputs import features, prepare_clips
from genrebench.plugin.contract import FeatureTable
from genrebench.plugin.inputs import Clip
from genrebench.records import Dataset, Excerpt
from genrebench.session import Session


def clips_of(dataset: Dataset) -> dict[str, Path]:
    """Audio files of a dataset by track id; labels aren't needed.

    Raises
    ------
    DataError
        If the dataset has no audio, or a file is missing.
    """
    require_audio(dataset, dataset.tracks)
    return {track.id: track.path for track in dataset.tracks if track.path is not None}


def write_features(paths: Mapping[str, Path], out: Path, excerpt: Excerpt, session: Session) -> int:
    """Extract the 518 feature columns from audio files and write them in the format of FMA's features.csv.

    Parameters
    ----------
    paths : mapping of str to Path
        Audio file by track id.
    out : Path
        Written atomically.
    excerpt : Excerpt
    session : Session

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    UsageError
        If `out` can't be written.
    AudioError
        If a file can't be decoded; the features of all other files are cached by then.
    """
    files.require_place(out)
    hashes = audio.content_hashes(list(paths.values()), audio.hash_cache(session.home))
    clips = [Clip(id_, path, content) for (id_, path), content in zip(paths.items(), hashes, strict=True)]
    context = session.input_context(excerpt)
    prepared = prepare_clips(FeatureTable(source="extract"), clips, context, session.registry)
    features.write_csv(out, list(paths), np.asarray(prepared.inputs), prepared.columns)
    return len(paths)

"""Filling the cache in batches: clips are decoded in other processes, and their arrays are computed together in this one."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import AudioError
from genrebench.inputs import cache
from genrebench.inputs.entries import CacheFolder, Entry
from genrebench.inputs.sharing import unfinished_folder
from genrebench.plugin.inputs import Clip, InputContext
from genrebench.workers import in_processes

Samples = tuple[NDArray[np.float32], int]
Decode = Callable[[Path], Samples]
Compute = Callable[[Sequence[Samples], Sequence[Path]], list[NDArray[Any]]]


def fill(
    folder: CacheFolder,
    clips: Sequence[Clip],
    decode: Decode,
    compute: Compute,
    context: InputContext,
    description: str,
    size: int,
) -> dict[str, int]:
    """As `genrebench.inputs.cache.fill`, but entries are computed in batches in this process.

    Parameters
    ----------
    folder, clips, context, description
        As for `genrebench.inputs.cache.fill`.
    decode : callable
        ``decode(path)`` returns samples and their rate; picklable.
    compute : callable
        ``compute(tracks, paths)`` returns the arrays of several clips.
    size : int
        Largest number of clips in a batch.

    Returns
    -------
    dict of str to int
        As for `genrebench.inputs.cache.fill`.

    Raises
    ------
    UnusableClipsError, DataError
        As for `genrebench.inputs.cache.fill`.
    """

    def work(missing: Sequence[Clip]) -> Generator[tuple[Clip, Entry | str], None, None]:
        todo = list(missing)
        while todo:
            batch, todo = todo[:size], todo[size:]
            with ExitStack() as claims:
                mine = [clip for clip in batch if claims.enter_context(folder.claimed(clip.content_hash))]
                yield from together(mine)
            elsewhere = [clip for clip in batch if clip not in mine]
            if elsewhere and not mine:
                time.sleep(cache.WAIT_SECONDS)
            todo += elsewhere  # found when its turn comes, or computed here if the other process has died

    def together(batch: Sequence[Clip]) -> Generator[tuple[Clip, Entry | str], None, None]:
        found = {clip: folder.find(clip.content_hash, with_peak=context.refuse_silence) for clip in batch}
        yield from ((clip, entry) for clip, entry in found.items() if entry is not None)
        calls = ((clip,) for clip, entry in found.items() if entry is None)
        tracks = {}
        with closing(in_processes(partial(_decoded, decode), calls, context.workers)) as results:
            for clip, samples, noted in results:
                if isinstance(samples, str):
                    yield clip, samples
                else:
                    tracks[clip] = samples, noted
        if tracks:
            arrays = compute([samples for samples, _ in tracks.values()], [clip.path for clip in tracks])
            with unfinished_folder(folder.cache) as unfinished:
                for (clip, (_, noted)), array in zip(tracks.items(), arrays, strict=True):
                    entry = folder.write(clip.content_hash, array, max(noted.peaks, default=np.nan), unfinished)
                    yield clip, entry._replace(cancels=noted.cancels)

    return cache.filled(folder, clips, work, context, description)


def _decoded(decode: Decode, clip: Clip) -> tuple[Clip, Samples | str, audio.Noted]:
    """The samples of a clip, or why it can't be used, and what decoding noticed."""
    with audio.noting() as noted:
        try:
            samples = decode(clip.path)
            if audio.content_hash(clip.path) != clip.content_hash:
                return clip, cache.CHANGED, noted
        except AudioError as error:
            return clip, error.reason(clip.path), noted
    return clip, samples, noted

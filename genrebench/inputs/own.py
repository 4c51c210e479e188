"""What kinds of input of plugins share with the core's: decoding, the excerpt, the cache by content, and worker processes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genrebench import audio
from genrebench.errors import PluginError
from genrebench.inputs import batches, cache
from genrebench.inputs.entries import CacheFolder
from genrebench.inputs.lazy import CachedArrays
from genrebench.jsontypes import plain
from genrebench.plugin.inputs import Clip, InputContext
from genrebench.plugin.lazy import LazyInputs
from genrebench.records import Excerpt


def cached_arrays(
    requested: Any,
    clips: Sequence[Clip],
    compute: Callable[..., Any],
    context: InputContext,
    *,
    version: int,
    sample_rate: int | None = None,
    key: Sequence[Any] = (),
    batch_size: int | None = None,
    description: str | None = None,
) -> LazyInputs:
    """Compute one array per clip, or read it from the cache; for the `prepare` of an `InputSpec`.

    Each clip is decoded, cut to the excerpt and resampled, and what `compute` returns is cached by the content of the audio and
    by `requested`, `sample_rate`, `key` and `version`. Clips with the same content are computed once. Work is shared by
    ``context.workers`` processes and shows its progress; after an interruption it goes on where it was.

    Parameters
    ----------
    requested : dataclass
        The input as the model asks for it; the values of its fields are part of the cache's key.
    clips, context
        As `prepare` got them.
    compute : callable
        ``compute(samples, rate)`` returns an array for a clip, whose first axis is the one that is read lazily; it is stored in
        the type that it has, and read as float32. It runs in other processes. Samples are float32 of shape (n_samples,), in
        [-1, 1].
    version : int
        Increase it when `compute` returns other values for the same audio.
    sample_rate : int, optional
        Hz; by default the rate of each file.
    key : sequence, optional
        Other values, in JSON types, on which `compute` depends, such as the hash of a file that it reads.
    batch_size : int, optional
        With it, ``compute([samples, ...], rates)`` returns the arrays of up to so many clips, and runs in this process, which
        may use a GPU; only decoding is left to others. `rates` is a list, too.
    description : str, optional
        Label of the progress display.

    Returns
    -------
    LazyInputs

    Raises
    ------
    AudioError
        If a clip can't be decoded; raised after all others are done.
    PluginError
        If `compute` returns something else than an array of finite numbers.
    DataError
        If the disk is full or can't be written.
    """
    folder = CacheFolder.of(context, _name(requested, sample_rate, key), version=version)
    told = description or f"Computing {type(requested).__name__}"
    decode = partial(_decode, sample_rate=sample_rate, excerpt=context.excerpt)
    if batch_size is None:
        lengths = cache.fill(folder, clips, partial(_one, decode=decode, compute=compute), context, told)
    else:
        lengths = batches.fill(folder, clips, decode, partial(_several, compute=compute), context, told, batch_size)
    return CachedArrays.of(folder, clips, lengths)


def _name(requested: Any, sample_rate: int | None, key: Sequence[Any]) -> str:
    """Name of the folder of an input's entries: whose it is, for people, and a hash of all that the values depend on."""
    if not dataclasses.is_dataclass(requested):
        raise PluginError(f"{type(requested).__name__}, with which a model asks for its input, isn't a dataclass")
    kind = type(requested)
    values = json.dumps(plain([dataclasses.asdict(requested), sample_rate, list(key)]), sort_keys=True)  # type: ignore[arg-type]
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}-{hashlib.sha256(values.encode()).hexdigest()[:12]}"


def _decode(path: Path, *, sample_rate: int | None, excerpt: Excerpt) -> tuple[NDArray[np.float32], int]:
    return audio.read(path, excerpt, sample_rate=sample_rate)


def _one(path: Path, *, decode: batches.Decode, compute: Callable[..., Any]) -> NDArray[Any]:
    return _checked(compute(*decode(path)), str(path))


def _several(
    tracks: Sequence[tuple[NDArray[np.float32], int]], paths: Sequence[Path], *, compute: Callable[..., Any]
) -> list[NDArray[Any]]:
    results = list(compute([samples for samples, _ in tracks], [rate for _, rate in tracks]))
    if len(results) != len(paths):
        raise PluginError(f"compute returned {len(results)} arrays for {len(paths)} clips")
    return [_checked(result, str(path)) for result, path in zip(results, paths, strict=True)]


def _checked(result: Any, where: str) -> NDArray[Any]:
    array = np.asarray(result)
    if array.dtype.kind not in "fiub" or not array.ndim:
        raise PluginError(f"{where}: compute returned {type(result).__name__} ({result!r:.40}), not an array of numbers")
    if not np.isfinite(array).all():
        n_bad = np.count_nonzero(~np.isfinite(array))
        raise PluginError(f"{where}: {n_bad} of {array.size} values that compute returned aren't finite")
    return array

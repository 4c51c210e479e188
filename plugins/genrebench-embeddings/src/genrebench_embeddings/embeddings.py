"""The input: embeddings of all layers of an encoder, pooled over time, computed once for any number of probes and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Clip, InputContext, Prepared, UsageError, cached_arrays

VERSION = 1
STATISTICS = ("mean", "std", "max")
BATCH = 8
"""Tracks that are decoded and encoded together."""


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of a pretrained audio model, one row per track.

    Parameters
    ----------
    encoder : str
        ``onnx:FILE``, ``hf:FOLDER``, ``hf:ID@REVISION`` or ``package:NAME``.
    layer : int or None
        Layer, from 0; None for all layers, side by side.
    pooling : {"mean", "mean_std", "mean_std_max"}
        Statistics of the frames over time.
    rate : int or None
        Hz that an ONNX file wants, if it doesn't say so itself.
    window : float
        Seconds that the encoder hears at once, where it leaves that open.
    """

    encoder: str
    layer: int | None = None
    pooling: Literal["mean", "mean_std", "mean_std_max"] = "mean_std"
    rate: int | None = None
    window: float = 10.0

    @property
    def statistics(self) -> tuple[str, ...]:
        """The statistics of each value, in the order of the columns."""
        return tuple(self.pooling.split("_"))


@dataclass(frozen=True)
class Encoded:
    """What the cache keeps: the statistics of all layers, whatever a probe takes of them."""

    window: float


def prepare(requested: Embeddings, clips: Sequence[Clip], context: InputContext) -> Prepared:
    """Encode each clip, unless it is in the cache, and take the layer and the statistics that were asked for.

    Raises
    ------
    UsageError
        If there is no such encoder or layer.
    AudioError
        If a clip can't be decoded.
    """
    from genrebench_embeddings.encoders import open_encoder

    encoder = open_encoder(requested.encoder, requested.rate, requested.window, context.device, context.workers)
    arrays = cached_arrays(
        Encoded(requested.window),
        clips,
        Summary(encoder),
        context,
        version=VERSION,
        sample_rate=encoder.sample_rate,
        key=encoder.key,
        batch_size=BATCH,
        description=f"Encoding with {requested.encoder}",
    )
    return _table(requested, [arrays[i] for i in range(len(arrays))], f"embeddings of {requested.encoder}")


class Summary:
    """Encodes tracks window by window, and summarises the frames of each layer.

    The array of a track has one row per value: the number of its layer, and its mean, standard deviation and maximum over all
    frames of the track.

    Parameters
    ----------
    encoder : Encoder
    """

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder

    def __call__(self, tracks: Sequence[NDArray[np.float32]], _rates: Sequence[int]) -> list[NDArray[np.float32]]:
        """Encode several tracks; their windows are put into common batches."""
        windows, owners, filled = [], [], []
        for number, samples in enumerate(tracks):
            for window, share in self._windows(samples):
                windows.append(window)
                owners.append(number)
                filled.append(share)
        frames: list[list[list[NDArray[np.float32]]]] = [[] for _ in tracks]
        size = self._encoder.batch_size
        for start in range(0, len(windows), size):
            layers = self._encoder(np.stack(windows[start : start + size]))
            for i in range(len(layers[0])):
                share = filled[start + i]
                frames[owners[start + i]].append([layer[i, : max(1, round(share * layer.shape[1]))] for layer in layers])
        return [_summary([np.concatenate(parts) for parts in zip(*of_track, strict=True)]) for of_track in frames]

    def _windows(self, samples: NDArray[np.float32]) -> list[tuple[NDArray[np.float32], float]]:
        """Windows side by side, each with the share that is filled; a last one that is mostly padding is left out."""
        n = self._encoder.window
        starts = [start for start in range(0, max(1, len(samples)), n) if start == 0 or len(samples) - start >= n / 2]
        parts = [samples[start : start + n] for start in starts]
        return [(np.pad(part, (0, n - len(part))), len(part) / n) for part in parts]


def _summary(layers: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Statistics of each value of each layer, shape (n_values, 4)."""
    rows = []
    for number, frames in enumerate(layers):
        values = frames.astype(np.float64)
        rows.append(np.stack([np.full(values.shape[1], number), values.mean(0), values.std(0), values.max(0)], axis=1))
    return np.concatenate(rows).astype(np.float32)


def _table(requested: Embeddings, arrays: Sequence[NDArray[np.float32]], source: str) -> Prepared:
    layers = arrays[0][:, 0].astype(int) if arrays else np.zeros(0, dtype=int)
    n_layers = int(layers.max(initial=-1)) + 1
    if requested.layer is not None and requested.layer >= n_layers > 0:
        raise UsageError(f"{requested.encoder} has the layers 0 to {n_layers - 1}, so layer={requested.layer} isn't one")
    chosen = np.flatnonzero(layers == requested.layer) if requested.layer is not None else np.arange(len(layers))
    positions = [1 + STATISTICS.index(name) for name in requested.statistics]
    first = {layer: int(np.flatnonzero(layers == layer)[0]) for layer in set(layers.tolist())}
    columns = tuple(
        (f"layer-{layers[row]:02d}", name, f"{row - first[int(layers[row])]:04d}")
        for row in chosen.tolist()
        for name in requested.statistics
    )
    table = np.array([array[chosen][:, positions].ravel() for array in arrays], dtype=np.float64)
    return Prepared(table.reshape(len(arrays), len(columns)), columns, source)


def example(requested: Embeddings, labels: NDArray[np.int64], seed: int, _seconds: float) -> Prepared:
    """Made embeddings of two layers of eight values, of which the second tells the labels apart better."""
    noise = np.random.default_rng(seed).normal(0, 1, (len(labels), 2, 8))
    centres = np.random.default_rng(0).normal(0, 1.5, (64, 8))  # the same for all seeds
    means = (noise + centres[labels][:, None] * np.array([0.3, 1.0])[:, None]).reshape(-1, 16)
    means[labels < 0] = 0.0
    layers = np.broadcast_to(np.repeat([0.0, 1.0], 8), means.shape)
    arrays = np.stack([layers, means, 1 + 0.1 * means, 2 + means], axis=2)
    if requested.layer is not None and requested.layer > 1:
        requested = replace(requested, layer=1)
    if not len(labels):
        columns = example(requested, np.zeros(1, dtype=np.int64), seed, 0.0).columns
        return Prepared(np.zeros((0, len(columns))), columns)
    return _table(requested, list(arrays), "made")

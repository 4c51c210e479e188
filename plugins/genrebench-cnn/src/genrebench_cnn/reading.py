"""From lazy waveforms to batches of audio, read ahead in the background."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from genrebench.api import LazyInputs

T = TypeVar("T")
R = TypeVar("R")


def read_pieces(
    inputs: LazyInputs, lengths: NDArray[np.int64], tracks: Iterable[int], starts: Iterable[int], span: int
) -> NDArray[np.float32]:
    """Cut pieces of audio out of tracks, zero-padded where a track ends.

    Parameters
    ----------
    inputs : LazyInputs
        Waveforms.
    lengths : ndarray of int
        Samples of each of them.
    tracks, starts : iterables of int
        Which track, and from which sample.
    span : int
        Samples a piece.

    Returns
    -------
    ndarray of float32, shape (n, span)
    """
    tracks, starts = list(tracks), list(starts)
    pieces = np.zeros((len(tracks), span), dtype=np.float32)
    for piece, track, start in zip(pieces, tracks, starts, strict=True):
        stop = min(start + span, int(lengths[track]))
        if stop > start:
            piece[: stop - start] = inputs.read(track, start, stop)
    return pieces


def ahead(work: Callable[[T], R], items: Iterable[T], threads: int = 1) -> Iterator[R]:
    """Yield ``work(item)`` in order, computed by `threads` background threads that stay one item a thread ahead."""
    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

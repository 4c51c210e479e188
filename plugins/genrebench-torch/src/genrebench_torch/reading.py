"""Reading in the background, while the device computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor

T = TypeVar("T")
R = TypeVar("R")


def ahead(work: Callable[[T], R], items: Iterable[T], threads: int = 1) -> Iterator[R]:
    """Yield ``work(item)`` in the order of the items, computed in the background, one item per thread ahead.

    Parameters
    ----------
    work : callable
        Called in background threads; what it raises is raised here.
    items : iterable
        Consumed in this thread.
    threads : int
    """
    threads = max(1, threads)
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


def pinned(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return the array as a tensor on the CPU: for CUDA in pinned memory, from which it is copied while the device computes."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory() if device.type == "cuda" else tensor

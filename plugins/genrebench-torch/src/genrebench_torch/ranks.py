"""The processes that train one network together, one per device: what they share, and who does what."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from genrebench.api import LazyInputs
from genrebench_torch.norms import RanksBatchNorm, on_this_rank, over_ranks

T = TypeVar("T")

TIMEOUT = datetime.timedelta(minutes=10)
"""How long a rank waits for another one."""


@dataclass(frozen=True)
class Part:
    """A rank's part of a batch.

    Parameters
    ----------
    rows : ndarray of int
        Its items among those of the batch. A rank that has none takes the first one with weight 0, so that it stays in step.
    size : int
        Sum of its items' sizes; 0 for an item of weight 0.
    total : int
        Sum of the sizes of all items of the batch.
    weight : float
        Factor of the rank's mean loss: the mean over the ranks is then the mean over the batch.
    """

    rows: NDArray[np.int64]
    size: int
    total: int
    weight: float


class Ranks:
    """One of the processes that train a network together; of a single one unless made by `joined`.

    Parameters
    ----------
    rank : int
        Number of this process, from 0. Rank 0 writes checkpoints, curve and facts, and shows progress.
    size : int
        Number of processes.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self._norms: list[RanksBatchNorm] = []

    def parallel(self, network: nn.Module, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """Return a forward pass whose backward pass averages the gradients of `network` over the ranks.

        All ranks begin with the weights and buffers of rank 0. Batch norm is over the batch of all ranks.

        Parameters
        ----------
        network : torch.nn.Module
            With all parameters that are trained.
        forward : callable
            Calls `network` or its parts, and uses all of its parameters. With one rank it is returned as it is.
        """
        if self.size == 1:
            return forward
        over_ranks(network)
        self._norms += [part for part in network.modules() if isinstance(part, RanksBatchNorm)]
        for buffer in network.buffers():  # sent once: batch norm's statistics stay the same on all ranks
            dist.broadcast(buffer, 0)
        return DistributedDataParallel(_Forward(network, forward), broadcast_buffers=False, gradient_as_bucket_view=True)

    def owns(self, tracks: Any) -> NDArray[np.bool_]:
        """Which tracks are this rank's: data is sharded by track, so that each rank reads and keeps its own ones."""
        return np.asarray(tracks) % self.size == self.rank

    def part(self, tracks: Any, sizes: Any = None) -> Part:
        """Return what of a batch of items is this rank's.

        Parameters
        ----------
        tracks : sequence of int, shape (n,)
            Track of each item.
        sizes : sequence of int, shape (n,), optional
            Number of values of each item that the loss is the mean of; by default 1.
        """
        sizes = np.ones(len(tracks), dtype=np.int64) if sizes is None else np.asarray(sizes)
        rows, total = np.flatnonzero(self.owns(tracks)), int(sizes.sum())
        if not len(rows):
            return Part(np.zeros(1, dtype=np.int64), 0, total, 0.0)
        size = int(sizes[rows].sum())
        return Part(rows, size, total, self.size * size / total if self.size > 1 else 1.0)

    def begin_step(self, part: Part) -> None:
        """Say that the next forward pass is over this part of a batch: an item of weight 0 doesn't count in batch norm."""
        for norm in self._norms:
            norm.counted = part.size > 0

    def seed(self, seed: int) -> int:
        """Seed of this rank's random numbers, such as those of dropout; that of rank 0 is `seed` itself."""
        return seed if self.rank == 0 else int(np.random.SeedSequence([seed, self.rank]).generate_state(1)[0])

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Whether a flag is set on any rank. The ranks wait for each other, but not for their devices."""
        if self.size == 1:
            return flags
        values = torch.tensor(flags, dtype=torch.uint8)
        dist.all_reduce(values, dist.ReduceOp.MAX)
        return tuple(map(bool, values.tolist()))

    def added(self, total: float, values: Sequence[float]) -> float:
        """Add the values of all ranks to a total that all have."""
        if self.size == 1:
            return sum(values, total)
        mine = torch.tensor([sum(values)], dtype=torch.float64)
        dist.all_reduce(mine)
        return total + mine.item()

    def of_first(self, make: Callable[[], T]) -> T:
        """What `make` returns on rank 0, where alone it is called; what it raises is raised on all ranks."""
        if self.size == 1:
            return make()
        answer: list[Any] = [None, None]
        if self.rank == 0:
            try:
                answer[0] = make()
            except Exception as error:
                answer[1] = error
        dist.broadcast_object_list(answer)
        if answer[1] is not None:
            raise answer[1]
        made: T = answer[0]
        return made

    def sharded(self, rows_of: Callable[[LazyInputs], NDArray[Any]], inputs: LazyInputs) -> NDArray[Any]:
        """Return ``rows_of(inputs)``, one row per track, of which each rank computes a part."""
        if self.size == 1:
            return rows_of(inputs)
        own = inputs.subset(range(self.rank, len(inputs), self.size))
        return self.gathered(rows_of(own) if len(own) else None, len(inputs))

    def gathered(self, rows: NDArray[Any] | None, n: int) -> NDArray[Any]:
        """Return `n` rows, of which each rank has computed those at ``range(rank, n, size)``; None where these are none."""
        parts: list[Any] = [rows]
        if self.size > 1:
            parts = [None] * self.size
            dist.all_gather_object(parts, rows)
        result = np.empty((n, *parts[0].shape[1:]), parts[0].dtype)
        for rank, part in enumerate(parts):
            if part is not None:
                result[rank :: self.size] = part
        return result


class _Forward(nn.Module):
    """A forward pass as a module, for `DistributedDataParallel`."""

    def __init__(self, network: nn.Module, forward: Callable[..., Tensor]) -> None:
        super().__init__()
        self.network, self._call = network, forward

    def forward(self, *arguments: Any) -> Tensor:
        return self._call(*arguments)


@contextlib.contextmanager
def joined(store: dist.Store, rank: int, size: int, device: torch.device) -> Iterator[Ranks]:
    """Join the other ranks for the body: tensors on CUDA are exchanged by NCCL, all others by gloo.

    Parameters
    ----------
    store : torch.distributed.Store
        Where the ranks find each other; each training needs a new one or a prefix of its own.
    rank, size : int
    device : torch.device
        Of this rank.
    """
    backend = "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"
    with no_output():  # gloo prints whom it is connected to
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    try:
        yield Ranks(rank, size)
    finally:
        dist.destroy_process_group()


def finish(modules: Sequence[nn.Module]) -> None:
    """Let modules that were trained by several ranks be used by one."""
    for module in modules:
        on_this_rank(module)


@contextlib.contextmanager
def no_output() -> Iterator[None]:
    """Discard what the body's libraries print on stdout and stderr."""
    before = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        for number, old in zip((1, 2), before, strict=True):
            os.dup2(old, number)
            os.close(old)
        os.close(nowhere)

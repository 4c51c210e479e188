"""The convolutions on a CPU as matrix products over pieces of audio that stay in the processor's cache.

The first two blocks of the network have few channels and long rows, so with separate operations their speed is limited by
memory, not by arithmetic: convolution, ReLU, batch norm and pool each read and write 44,096 values per channel. Here one pass
over a piece of the audio computes the convolution, the ReLU, the sums that batch norm needs and the pool; only the pooled
values, a quarter, leave the cache. Batch norm's affine part commutes with the average pool and is applied to the pooled values.
In the backward pass the convolution of the first block is recomputed, which is faster than storing it; that of the second is
stored.

Rows are channels-last: (n, positions, channels).
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from genrebench_torch.devices import half_precision, own_threads
from genrebench_torch.norms import RanksBatchNorm

R = TypeVar("R")

POOL = 4
"""Width and stride of the first two pools."""

CACHED = 1 << 19
"""Values in the largest array of a piece: two megabytes, so that several fit into the last-level cache."""


class ConvReluPool(torch.autograd.Function):
    """Convolution, ReLU and average pool by 4, with the sums that batch norm needs.

    ``apply(x, matrix, bias, group, with_sums, half)`` takes

    - x, Tensor of shape (n, positions, channels), contiguous
    - matrix, Tensor of shape (taps * channels, group * filters): the convolution of `group` positions
    - bias, Tensor of shape (filters,)
    - group, int, 1 or `POOL`
    - with_sums, bool
    - half, bool: the products in bfloat16, all sums over positions in single precision

    and returns the pooled values, shape (n, positions // 4, filters), and for each filter the sum and the sum of squares of its
    ReLU over all positions, shape (2, filters), in double precision; zeros without `with_sums`. Up to three last positions
    belong to no pool: they count in the sums alone.
    """

    @staticmethod
    def forward(  # noqa: D102
        ctx: Any, x: Tensor, matrix: Tensor, bias: Tensor, group: int, with_sums: bool, half: bool
    ) -> tuple[Tensor, Tensor]:
        pieces = _Pieces(x, matrix, bias, group, half)
        pooled = _large((len(x), pieces.n_pooled, len(bias)), x.dtype)

        # storing a large product takes less time than recomputing it
        stored = _large((len(x), POOL * pieces.n_pooled, len(bias)), pieces.dtype) if group == 1 and with_sums else None

        def work(row: int) -> Tensor:
            sums = torch.zeros(2, len(bias), dtype=torch.float64)
            for begin, end in pieces.walk():
                out = None if stored is None else stored[row, POOL * begin : POOL * end]
                active = pieces.activations(pieces.patches(row, begin, end), out)
                part = pooled[row, begin:end]
                torch.sum(active.view(end - begin, POOL, -1), dim=1, dtype=part.dtype, out=part)
                if with_sums:
                    sums[0] += part.sum(dim=0)
                    sums[1] += pieces.per_filter(torch.mul(active, active, out=_scratch("squares", active.shape, active.dtype)))
                part /= POOL
            if with_sums and pieces.n_rest:
                rest = pieces.rest_activations(pieces.rest_patches(row))
                sums += torch.stack((rest.sum(dim=0), rest.square().sum(dim=0)))
            return sums

        sums = torch.stack(in_parallel(work, len(x))).sum(dim=0)
        ctx.save_for_backward(x, matrix, bias)
        ctx.group, ctx.half, ctx.stored = group, half, stored
        return pooled, sums

    @staticmethod
    def backward(ctx: Any, grad_pooled: Tensor, grad_sums: Tensor) -> tuple[Tensor | None, ...]:  # noqa: D102
        x, matrix, bias = ctx.saved_tensors
        pieces = _Pieces(x, matrix, bias, ctx.group, ctx.half)
        grad_sum, twice_grad_square = grad_sums[0].to(x.dtype), 2 * grad_sums[1].to(x.dtype)
        grad_x = _large(x.shape, x.dtype) if ctx.needs_input_grad[0] else None

        def work(row: int) -> tuple[Tensor, Tensor]:
            grad_matrix, grad_bias = torch.zeros_like(matrix), torch.zeros_like(bias)
            if grad_x is not None:
                grad_x[row] = 0
            for begin, end in pieces.walk():
                patches = pieces.patches(row, begin, end)
                active = pieces.activations(patches) if ctx.stored is None else ctx.stored[row, POOL * begin : POOL * end]
                if ctx.half:
                    active = _scratch("single", active.shape, x.dtype).copy_(active)
                by_four = active.view(end - begin, POOL, -1)
                part = torch.add(grad_sum, grad_pooled[row, begin:end, None], alpha=1 / POOL)
                grad = torch.addcmul(part, by_four, twice_grad_square, out=_scratch("grad", by_four.shape, x.dtype))
                torch.ops.aten.threshold_backward(grad, by_four, 0, grad_input=grad)
                grad = grad.view(len(patches), -1)
                grad_bias += pieces.per_filter(grad)
                if ctx.half:
                    grad = _scratch("half", grad.shape, pieces.dtype).copy_(grad)
                    grad_matrix += patches.T @ grad
                else:
                    grad_matrix.addmm_(patches.T, grad)
                if grad_x is not None:
                    out = _scratch("grad_patches", patches.shape, pieces.dtype)
                    grad_patches = torch.mm(grad, pieces.factor.T, out=out)
                    pieces.spread(grad_patches, grad_x[row], begin)
            if pieces.n_rest:
                patches = pieces.rest_patches(row)
                active = pieces.rest_activations(patches)
                grad = torch.addcmul(grad_sum, active, twice_grad_square) * (active > 0)
                pieces.single(grad_matrix).addmm_(patches.T, grad)
                grad_bias += grad.sum(dim=0)
                if grad_x is not None:
                    pieces.rest_spread(grad @ pieces.single(matrix).T, grad_x[row])
            return grad_matrix, grad_bias

        grad_matrix, grad_bias = (torch.stack(part).sum(dim=0) for part in zip(*in_parallel(work, len(x)), strict=True))
        return grad_x, grad_matrix, grad_bias, None, None, None


def in_parallel(work: Callable[[int], R], n_rows: int) -> list[R]:
    """Return ``work(row)`` for each row, in order, computed by the threads of `own_pool`, or else as many as torch has.

    The threads synchronise once per pass; with torch's own parallelism they would do so in each of thousands of operations. The
    result doesn't depend on their number.
    """
    threads = torch.get_num_threads()
    size = _size.get() or threads
    if min(size, n_rows) <= 1:
        return [work(row) for row in range(n_rows)]

    def without_graph(row: int) -> R:
        with torch.no_grad():  # which each thread sets for itself
            return work(row)

    torch.set_num_threads(1)
    try:
        return list(_pool(os.getpid(), size).map(without_graph, range(n_rows)))
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def own_pool(n: int) -> Iterator[None]:
    """Let `in_parallel` use `n` threads in the body, and torch's own operations one.

    With several threads of their own, these add in another order, and a training would depend on the number of processors.
    """
    before = _size.set(max(1, n))
    try:
        with own_threads(1):
            yield
    finally:
        _size.reset(before)


_size: ContextVar[int | None] = ContextVar("size", default=None)


@functools.lru_cache(maxsize=1)
def _pool(_process: int, n: int) -> ThreadPoolExecutor:
    """Threads that stay alive; a forked process needs its own."""
    return ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,))


def _large(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """An uninitialised tensor for many values.

    It is allocated by NumPy, which unlike torch asks for large pages for large arrays; that makes allocation much faster.
    """
    known = "int16" if dtype == torch.bfloat16 else str(dtype).removeprefix("torch.")  # NumPy has no bfloat16
    return torch.from_numpy(np.empty(tuple(shape), known)).view(dtype)


class _Scratch(threading.local):
    """Buffers of one thread that are reused: newly allocated memory isn't in the cache."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def __call__(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """An uninitialised tensor of a shape."""
        n, held = math.prod(shape), self._held.get(name)
        if held is None or held.dtype != dtype or len(held) < n:
            held = self._held[name] = _large((n,), dtype)
        return held[:n].view(*shape)


_scratch = _Scratch()


class _Pieces:
    """The pieces of the rows, and the operations on one piece."""

    def __init__(self, x: Tensor, matrix: Tensor, bias: Tensor, group: int, half: bool) -> None:
        self.x, self.matrix, self.group = x, matrix, group
        self.dtype = torch.bfloat16 if half else x.dtype
        self.channels = x.shape[2]
        self.n_taps = matrix.shape[0] // self.channels  # positions that one row of patches covers
        self.bias, self.n_filters = bias.repeat(group), len(bias)
        self.factor, self.term = matrix.to(self.dtype), self.bias.to(self.dtype)
        self.n_kernel = self.n_taps - group + 1
        self.n_pooled, self.n_rest = divmod(x.shape[1] - self.n_kernel + 1, POOL)
        widest = max(POOL * matrix.shape[1], POOL * matrix.shape[0]) // group
        self.step = max(1, CACHED // widest)

    def walk(self) -> Iterator[tuple[int, int]]:
        """Yield the first pooled position of each piece of a row, and the one after its last."""
        for begin in range(0, self.n_pooled, self.step):
            yield begin, min(begin + self.step, self.n_pooled)

    def patches(self, row: int, begin: int, end: int) -> Tensor:
        """Input of the convolution for the pooled positions from `begin` to `end`; valid until the next call."""
        shape = (end - begin) * POOL // self.group, self.matrix.shape[0]
        piece = self.x[row, begin * POOL :].as_strided(shape, (self.group * self.channels, 1))
        return _scratch("patches", shape, self.dtype).copy_(piece)

    def activations(self, patches: Tensor, out: Tensor | None = None) -> Tensor:
        """ReLU of the convolution, written to `out`, or valid until the next call."""
        if out is None:
            out = _scratch("active", (len(patches), self.matrix.shape[1]), self.dtype)
        return torch.addmm(self.term, patches, self.factor, out=out).relu_()

    def per_filter(self, values: Tensor) -> Tensor:
        """Sum over all positions, shape (filters,)."""
        return values.view(-1, POOL * self.n_filters).sum(dim=0, dtype=self.x.dtype).view(POOL, -1).sum(dim=0)

    def spread(self, grad_patches: Tensor, grad_row: Tensor, begin: int) -> None:
        """Add the gradient of patches to the positions that they were taken from."""
        for tap in range(self.n_taps):
            target = grad_row[begin * POOL + tap :][: len(grad_patches) * self.group : self.group]
            target += grad_patches[:, tap * self.channels : (tap + 1) * self.channels]

    def single(self, matrix: Tensor) -> Tensor:
        """The part of a matrix like the convolution's, or of its gradient, that belongs to the first position of a group."""
        return matrix[: self.n_kernel * self.channels, : self.n_filters]

    def rest_patches(self, row: int) -> Tensor:
        """Input of the convolution for the last positions, one per row, which belong to no pool."""
        size = (self.n_rest, self.n_kernel * self.channels)
        return self.x[row, POOL * self.n_pooled :].as_strided(size, (self.channels, 1))

    def rest_activations(self, patches: Tensor) -> Tensor:
        """ReLU of the convolution at these positions, shape (n_rest, filters)."""
        return torch.addmm(self.bias[: self.n_filters], patches, self.single(self.matrix)).relu_()

    def rest_spread(self, grad_patches: Tensor, grad_row: Tensor) -> None:
        """Add the gradient of these patches to the positions that they were taken from."""
        for position, grad in enumerate(grad_patches, start=POOL * self.n_pooled):
            grad_row[position : position + self.n_kernel] += grad.view(-1, self.channels)


def fast_maps(network: Any, samples: Tensor) -> Tensor:
    """Feature maps before the last pool, shape (n, positions, 128): `Network.maps` with its last two axes swapped."""
    x, affine = network.dropout(samples)[:, :, None].contiguous(), None
    x, affine = _block(x, affine, network.conv1, network.norm1, POOL)
    x, affine = _drop(x, affine, network.dropout)
    x, affine = _block(x, affine, network.conv2, network.norm2, 1)
    x, affine = _drop(x, affine, network.dropout)
    x = torch.relu(_wide_convolution(x, affine, network.conv3))
    return network.norm3(x.flatten(0, 1)).view_as(x)


Affine = tuple[Tensor, Tensor] | None
"""Scale and shift per channel that are still to be applied to pooled values."""


def _drop(x: Tensor, affine: Affine, dropout: nn.Dropout) -> tuple[Tensor, Affine]:
    """Dropout, which needs the values with batch norm applied."""
    if affine is None or not (dropout.training and dropout.p):
        return x, affine
    return dropout(torch.addcmul(affine[1], x, affine[0])), None


def _fold(conv: nn.Conv1d, affine: Affine) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that applies scale and shift to its input first."""
    if affine is None:
        return conv.weight, conv.bias
    scale, shift = affine
    return conv.weight * scale[:, None], conv.bias + (conv.weight * shift[:, None]).sum(dim=(1, 2))


def _block(x: Tensor, affine: Affine, conv: nn.Conv1d, norm: nn.BatchNorm1d, group: int) -> tuple[Tensor, Affine]:
    """Convolution, ReLU, pool, and the batch norm still to be applied; `group` positions per row of the product."""
    weight, bias = _fold(conv, affine)
    kernel = weight.permute(2, 1, 0)  # (taps, channels, filters)
    taps = len(kernel) + group - 1
    shifted = [functional.pad(kernel, (0, 0, 0, 0, i, group - 1 - i)) for i in range(group)]
    matrix = torch.stack(shifted, dim=2).reshape(taps * x.shape[2], -1)
    half = group == 1 and torch.is_autocast_enabled("cpu")  # with few channels, converting costs more than the product
    with half_precision(x.device, enabled=False):
        pooled, sums = ConvReluPool.apply(x, matrix, bias, group, norm.training, half)
    return pooled, _affine(norm, sums, len(x) * (x.shape[1] - len(kernel) + 1))


def _affine(norm: nn.BatchNorm1d, sums: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Batch norm as scale and shift per channel; updates the running statistics in training."""
    if isinstance(norm, RanksBatchNorm) and norm.training:
        sums, total = norm.sums_of_all(sums, count)
        count = int(total)
    if norm.training:
        mean = sums[0] / count
        variance = (sums[1] / count - mean.square()).clamp(min=0)
        with torch.no_grad():
            norm.running_mean.lerp_(mean.to(norm.running_mean), norm.momentum)
            norm.running_var.lerp_((variance * count / max(1, count - 1)).to(norm.running_var), norm.momentum)
            norm.num_batches_tracked += 1
    else:
        mean, variance = norm.running_mean.double(), norm.running_var.double()
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return scale.to(norm.weight), (norm.bias - mean * scale).to(norm.weight)


def _wide_convolution(x: Tensor, affine: Affine, conv: nn.Conv1d) -> Tensor:
    """Convolution whose kernel size is a multiple of its stride, as one matrix product and a sum of shifted rows."""
    weight, bias = _fold(conv, affine)
    stride, filters = conv.stride[0], conv.out_channels
    parts = conv.kernel_size[0] // stride
    n, positions, channels = x.shape
    rows = positions // stride
    blocks = x[:, : rows * stride].reshape(n * rows, stride * channels)
    kernel = weight.view(filters, channels, parts, stride).permute(3, 1, 2, 0).reshape(stride * channels, parts * filters)
    products = (blocks @ kernel).to(x.dtype).view(n, rows, parts, filters)
    n_out = rows - parts + 1
    return sum((products[:, part : part + n_out, part] for part in range(1, parts)), products[:, :n_out, 0]) + bias

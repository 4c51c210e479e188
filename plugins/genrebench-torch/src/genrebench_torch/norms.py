"""Batch norm over the batch of all ranks.

torch's `SyncBatchNorm` does this on CUDA only, and there each of its forward passes waits for the device.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _SumOverRanks(torch.autograd.Function):
    """Sum over the ranks, of values and in the backward pass of gradients."""

    @staticmethod
    def forward(_ctx: Any, values: Tensor) -> Tensor:
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


class RanksBatchNorm(nn.BatchNorm1d):
    """`BatchNorm1d` whose statistics in training are those of the batch of all ranks; each rank has a value at least.

    Attributes
    ----------
    counted : bool
        Whether this rank's values are part of the batch.
    """

    counted: bool

    def sums_of_all(self, sums: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Sums over all ranks.

        Parameters
        ----------
        sums : Tensor of shape (2, n_channels)
            Sum and sum of squares of this rank's values, in double precision.
        count : int
            Values per channel.

        Returns
        -------
        sums : Tensor of shape (2, n_channels)
        count : Tensor, a scalar
        """
        mine = torch.cat((sums.flatten(), torch.full((1,), float(count), dtype=sums.dtype, device=sums.device)))
        total = _SumOverRanks.apply(mine if self.counted else 0 * mine)
        return total[:-1].view_as(sums), total[-1].detach()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise values of shape (n, n_channels) or (n, n_channels, length)."""
        if not self.training:
            return super().forward(x)
        axes = (0,) if x.dim() == 2 else (0, 2)
        n = x.numel() // x.shape[1]
        single = torch.promote_types(x.dtype, torch.float32)
        variance, mean = (part.double() for part in torch.var_mean(x.to(single), dim=axes, correction=0))
        sums, count = self.sums_of_all(torch.stack((n * mean, n * (variance + mean.square()))), n)
        mean = sums[0] / count
        variance = (sums[1] / count - mean.square()).clamp(min=0)
        self.note(mean, variance, count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        scale, shift = scale.to(single), (self.bias - mean * scale).to(single)
        shape = (1, -1) if x.dim() == 2 else (1, -1, 1)
        return torch.addcmul(shift.view(shape), x, scale.view(shape)).to(x.dtype)

    @torch.no_grad()
    def note(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Update the running statistics."""
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_((variance * count / (count - 1).clamp(min=1)).to(self.running_var), self.momentum)
        self.num_batches_tracked += 1


def over_ranks(module: nn.Module) -> None:
    """Turn each `BatchNorm1d` in a module into a `RanksBatchNorm`; parameters and buffers are the same objects.

    Raises
    ------
    NotImplementedError
        If there is a batch norm of another kind.
    """
    for part in module.modules():
        if type(part) is nn.BatchNorm1d and part.affine and part.momentum is not None and part.track_running_stats:
            part.__class__ = RanksBatchNorm
            part.counted = True
        elif isinstance(part, nn.modules.batchnorm._BatchNorm) and not isinstance(part, RanksBatchNorm | nn.SyncBatchNorm):
            raise NotImplementedError(f"{part} can't be synchronised; use BatchNorm1d with affine=True, or SyncBatchNorm")


def on_this_rank(module: nn.Module) -> None:
    """Undo `over_ranks`, once the training has ended."""
    for part in module.modules():
        if type(part) is RanksBatchNorm:
            part.__class__ = nn.BatchNorm1d

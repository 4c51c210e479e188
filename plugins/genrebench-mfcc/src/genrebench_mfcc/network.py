"""The network: dilated filters in time over each coefficient, pooled to their strengths, and small heads on the pooled values.

Of a filter's output only the strength is pooled, and that is a quadratic form of the coefficient's products with itself some
frames later. So the products are computed once per crop and no filtered sequence is ever computed: the result is the same, and
learning the filters costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genrebench_mfcc.options import MfccOptions

TAPS = 3
"""Taps of a filter in time."""

_SILENT = 1e-4
"""Its square is added to each variance, in units of the training part, so that a constant has a finite logarithm."""

_FAR = 5.0
"""Pooled values are clipped to this many standard deviations of the training part."""


@dataclass(frozen=True)
class Moments:
    """All that the network needs of some crops.

    Parameters
    ----------
    mean : Tensor of shape (n, n_coefficients)
        Mean of the standardised coefficients.
    variance : Tensor of shape (n, n_coefficients)
    products : Tensor of shape (n, n_dilations, n_coefficients, TAPS, TAPS)
        Mean over time of the product of taps i and j, after subtracting the crop's mean.
    """

    mean: Tensor
    variance: Tensor
    products: Tensor

    def to(self, device: torch.device) -> Moments:
        """Return the same on `device`."""
        return Moments(self.mean.to(device), self.variance.to(device), self.products.to(device))


def join(parts: list[Moments]) -> Moments:
    """Moments of the crops of all parts, in their order."""
    return Moments(*(torch.cat([getattr(part, name) for part in parts]) for name in ("mean", "variance", "products")))


class TimeFilters(nn.Module):
    """One learned filter of three taps for each coefficient and dilation.

    A filter starts as the difference of two frames that are `dilation` apart. Its strength is the logarithm of the standard
    deviation of its output relative to that of the coefficient: how much of the coefficient's movement happens at that pace.
    Unlike mean and deviation it depends on the order of the frames.

    Parameters
    ----------
    n_coefficients : int
    n_dilations : int
    """

    def __init__(self, n_coefficients: int, n_dilations: int) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.tensor([-1.0, 1.0, 0.0]).repeat(n_dilations, n_coefficients, 1))

    def forward(self, moments: Moments) -> Tensor:
        """Relative log strengths, shape (n, n_dilations * n_coefficients)."""
        energy = torch.einsum("ndcij,dci,dcj->ndc", moments.products, self.taps, self.taps)
        return (_log_deviation(energy) - _log_deviation(moments.variance)[:, None]).flatten(1)


def _log_deviation(variance: Tensor) -> Tensor:
    return 0.5 * torch.log(variance.clamp(min=0) + _SILENT**2)


class Head(nn.Sequential):
    """A small network from pooled values to logits."""

    def __init__(self, n_pooled: int, n_genres: int, options: MfccOptions) -> None:
        super().__init__(
            nn.Dropout(options.dropout),
            nn.Linear(n_pooled, options.hidden),
            nn.LayerNorm(options.hidden),
            nn.GELU(),
            nn.Dropout(options.dropout),
            nn.Linear(options.hidden, n_genres),
        )


class Network(nn.Module):
    """Maps the moments of a crop to logits, one set per member.

    Parameters
    ----------
    n_genres : int
    options : MfccOptions
    """

    frame_mean: Tensor
    frame_deviation: Tensor
    pooled_mean: Tensor
    pooled_deviation: Tensor

    def __init__(self, n_genres: int, options: MfccOptions) -> None:
        super().__init__()
        self.dilations = options.dilations
        n_pooled = (2 + len(options.dilations)) * options.coefficients
        for name, size in (("frame", options.coefficients), ("pooled", n_pooled)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_deviation", torch.ones(size))
        self.filters = TimeFilters(options.coefficients, len(options.dilations))
        self.heads = nn.ModuleList(Head(n_pooled, n_genres, options) for _ in range(options.members))

    @torch.no_grad()
    def moments(self, frames: Tensor) -> Moments:
        """Moments of crops.

        Parameters
        ----------
        frames : Tensor of shape (n, n_frames, n_coefficients)
            At least as many frames as the widest filter spans.
        """
        x = (frames - self.frame_mean) / self.frame_deviation
        mean = x.mean(dim=1)
        x = x - mean[:, None]
        products = [_products(x, dilation) for dilation in self.dilations]
        return Moments(mean, x.square().mean(dim=1), torch.stack(products, dim=1))

    def pooled(self, moments: Moments) -> Tensor:
        """Mean, log standard deviation and filter strengths, shape (n, (2 + n_dilations) * n_coefficients)."""
        return torch.cat([moments.mean, _log_deviation(moments.variance), self.filters(moments)], dim=1)

    def forward(self, moments: Moments) -> Tensor:
        """Logits of shape (n_members, n, n_genres)."""
        x = (self.pooled(moments) - self.pooled_mean) / self.pooled_deviation
        x = x.clamp(-_FAR, _FAR)
        return torch.stack([head(x) for head in self.heads])


def _products(x: Tensor, dilation: int) -> Tensor:
    """Mean products of all pairs of taps: (n, n_frames, n_coefficients) to (n, n_coefficients, TAPS, TAPS).

    Taps i and j multiply frames that are (j - i) * dilation apart, over `n` successive frames from i * dilation on. So the
    products at each distance are computed once and serve all pairs of taps at that distance.
    """
    n = x.shape[1] - (TAPS - 1) * dilation
    result = x.new_empty(len(x), x.shape[2], TAPS, TAPS)
    for distance in range(TAPS):
        lag = distance * dilation
        product = x[:, : x.shape[1] - lag] * x[:, lag:]
        total = product.sum(dim=1)
        for i in range(TAPS - distance):
            start = i * dilation
            mean = (total - product[:, :start].sum(dim=1) - product[:, start + n :].sum(dim=1)) / n
            result[:, :, i, i + distance] = result[:, :, i + distance, i] = mean
    return result

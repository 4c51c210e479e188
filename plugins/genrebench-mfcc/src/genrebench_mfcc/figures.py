"""Figures of a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genrebench.api import log_loss
from genrebench_mfcc.calibration import Calibration
from genrebench_mfcc.network import TAPS, Network
from genrebench_mfcc.options import MfccOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = 10


def time_filters(network: Network, options: MfccOptions) -> Figure:
    """Gain of the learned filters against the rate of change; the difference filter that they start from is dashed."""
    from matplotlib.figure import Figure

    taps = network.filters.taps.detach().cpu().double().numpy()
    n = len(options.dilations)
    figure = Figure(figsize=(3.2 * n, 3), layout="constrained")
    for axes, dilation, bank in zip(figure.subplots(1, n, squeeze=False)[0], options.dilations, taps, strict=True):
        hertz = np.linspace(0, options.frames_per_second / (2 * dilation), 100)
        turns = np.exp(-2j * np.pi * np.outer(np.arange(TAPS) * dilation, hertz / options.frames_per_second))
        gains = np.abs(bank @ turns)
        low, middle, high = np.percentile(gains, [10, 50, 90], axis=0)
        axes.fill_between(hertz, low, high, alpha=0.3, label="80 % of the coefficients")
        axes.plot(hertz, middle, label="median")
        axes.plot(hertz, np.abs(np.array([-1.0, 1.0, 0.0]) @ turns), "k--", linewidth=0.8, label="start")
        axes.set(xlabel="rate of change, Hz", title=f"dilation {dilation}")
    figure.axes[0].set_ylabel("gain")
    figure.axes[0].legend(fontsize="small")
    return figure


def reliability(calibration: Calibration) -> Figure:
    """Accuracy against the confidence in the top genre, before and after scaling, and the number of tracks in each bin."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4.6), layout="constrained")
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], "k--", linewidth=0.8)
    edges = np.linspace(0, 1, _BINS + 1)
    scaled = f"temperature {calibration.scale.temperature:.2f}"
    for side, (name, values) in enumerate({"before": calibration.before, scaled: calibration.after}.items()):
        confidence, correct = values.max(axis=1), values.argmax(axis=1) == calibration.labels
        bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
        used = np.unique(bins)
        points = np.array([(confidence[bins == b].mean(), correct[bins == b].mean()) for b in used])
        loss = log_loss(calibration.labels, values)
        (line,) = axes.plot(points[:, 0], points[:, 1], "o-", label=f"{name}: log loss {loss:.3f}")
        numbers = np.bincount(bins, minlength=_BINS)
        bars = counts.bar(edges[:-1] + (0.25 + 0.5 * side) / _BINS, numbers, 0.5 / _BINS, color=line.get_color())
        counts.bar_label(bars, [str(n) if n else "" for n in numbers], fontsize=5)
    axes.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), title=f"on {calibration.fitted_on}")
    axes.legend(fontsize="small")
    counts.set(xlabel="confidence", ylabel="tracks")
    counts.margins(y=0.2)
    return figure

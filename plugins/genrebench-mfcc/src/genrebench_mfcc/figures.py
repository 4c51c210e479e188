"""Figures of a trained model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genrebench.api import log_loss
from genrebench_mfcc.calibration import CROSS_FITTED, Calibration
from genrebench_mfcc.network import TAPS, Network
from genrebench_mfcc.options import MfccOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS, _MIN_BIN = 10, 4


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
    figure.set_label(
        "How strongly the filters pass on changes of a coefficient, by how fast it changes. All start from the difference of "
        "neighbouring frames (dashed); where the median has left it, training found other rates of change to tell genres apart."
    )
    return figure


def reliability(calibration: Calibration) -> Figure:
    """Accuracy against the confidence in the top genre, before and after scaling, in bins of about equal numbers of tracks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "k--", linewidth=0.8)
    n_bins = max(1, min(_BINS, len(calibration.labels) // _MIN_BIN))
    for name, values in {"before": calibration.before, "cross-fitted": calibration.after}.items():
        confidence, correct = values.max(axis=1), values.argmax(axis=1) == calibration.labels
        bins = np.array_split(np.argsort(confidence, kind="stable"), n_bins)
        points = np.array([(confidence[rows].mean(), correct[rows].mean()) for rows in bins])
        axes.plot(points[:, 0], points[:, 1], "o-", label=f"{name}: log loss {log_loss(calibration.labels, values):.3f}")
    axes.set(xlabel="mean confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"{len(calibration.labels)} tracks of {calibration.fitted_on}")
    axes.legend(fontsize="small")
    figure.set_label(
        f"Below the dashed line the model is overconfident. The temperature {calibration.scale.temperature:.2f} is fitted on "
        f'all of these tracks ({calibration.fitted_on}); the line "cross-fitted" shows what such a temperature is worth on '
        f"others: {CROSS_FITTED}."
    )
    return figure

"""Figures of runs and of predictions along files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from genrebench.errors import UsageError
from genrebench.evaluation import error_analysis, metrics
from genrebench.evaluation.calibration import equal_bins
from genrebench.figures import Curves, draw_calibration, draw_confusion, draw_curves
from genrebench.figures.picture import Picture
from genrebench.plugin.contract import Timeline
from genrebench.records import Predictions
from genrebench.runs.timelines import timeline_edges
from genrebench.tables import plot_text


def draw_confusions(predictions: Predictions, title: str) -> Figure:
    """Draw the confusion matrix: true genres in rows, predicted genres in columns, rows normalised to sum to 1."""
    counts = metrics.confusion(predictions.labels, predictions.probabilities)
    return draw_confusion(error_analysis.normalised_confusion(counts), predictions.genres, title)


def draw_reliability(predictions: Predictions, title: str) -> Figure:
    """Draw accuracy against confidence, in bins of equal counts."""
    return draw_calibration(equal_bins(predictions.labels, predictions.probabilities, predictions.groups), title)


def draw_training(runs: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], title: str) -> Figure:
    """Draw the training curves of runs in one plot.

    Parameters
    ----------
    runs : sequence of (str, sequence of mapping)
        Id and curves of each run.
    title : str

    Raises
    ------
    UsageError
        If there are no curves.
    """
    curves = [Curves(points) for _, points in runs if points]
    if not curves:
        raise UsageError(f"{', '.join(name for name, _ in runs) or 'no run'}: no curves, for the model has no epochs")
    return draw_curves(curves, title)


def draw_timelines(lines: Sequence[tuple[str, Timeline]], genres: Sequence[str]) -> Figure:
    """Draw one panel per file: time from left to right, genres from top to bottom in order of probability.

    Parameters
    ----------
    lines : sequence of (str, Timeline)
        Name and timeline of each file, in seconds of the file.
    genres : sequence of str

    Raises
    ------
    UsageError
        If there are no timelines.
    """
    if not lines:
        raise UsageError("there are no timelines to draw; predict with timeline=True and at least one decodable file")
    height = 1.1 + 0.22 * len(genres)
    figure = Picture(figsize=(9, height * len(lines)), layout="constrained")
    for axes, (name, line) in zip(figure.subplots(len(lines), 1, squeeze=False)[:, 0], lines, strict=True):
        order = (-line.probabilities.mean(axis=0)).argsort(kind="stable")
        mesh = axes.pcolormesh(
            timeline_edges(line), range(len(genres) + 1), line.probabilities[:, order].T, vmin=0, vmax=1, cmap="magma_r"
        )
        axes.set_yticks([i + 0.5 for i in range(len(genres))], [plot_text(genres[i]) for i in order], fontsize="small")
        axes.invert_yaxis()
        axes.set(title=plot_text(name), xlabel="seconds of the file")
        figure.colorbar(mesh, ax=axes, label="probability")
    return figure

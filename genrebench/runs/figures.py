"""Figures of runs and predictions, drawn with matplotlib without its global state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from genrebench.errors import UsageError
from genrebench.evaluation import error_analysis, metrics
from genrebench.plugin.contract import Timeline
from genrebench.records import Predictions
from genrebench.runs.timelines import timeline_edges
from genrebench.tables import plot_text


def draw_confusion(predictions: Predictions, title: str) -> Figure:
    """Draw the confusion matrix: true genres in rows, predicted genres in columns, rows normalised to sum to 1."""
    shares = error_analysis.normalised_confusion(metrics.confusion(predictions.labels, predictions.probabilities))
    genres = [plot_text(genre) for genre in predictions.genres]
    size = 2.5 + 0.4 * len(genres)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(genres)), genres, rotation=45, ha="right")
    axes.set_yticks(range(len(genres)), genres)
    axes.set(title=plot_text(title), xlabel="predicted", ylabel="true")
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.6 else "black")
    figure.colorbar(image, ax=axes, label="share of the genre's test tracks")
    return figure


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
    figure = Figure(figsize=(9, height * len(lines)), layout="constrained")
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

"""The figure of predictions along files, drawn with matplotlib without its global state."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from genrebench.errors import UsageError
from genrebench.plugin.contract import Timeline
from genrebench.runs.timelines import timeline_edges
from genrebench.tables import plot_text


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

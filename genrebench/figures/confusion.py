"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from genrebench.figures.picture import Picture
from genrebench.figures.style import ACCENT, INK, placed_axes, room_for, short, styled

_CELL = 0.42
"""Size of a cell in inches."""

_MAP = LinearSegmentedColormap.from_list("share", ["#ffffff", ACCENT])


def draw_confusion(shares: NDArray[np.float64], genres: Sequence[str], title: str) -> Figure:
    """Draw a confusion matrix as a heat map.

    Parameters
    ----------
    shares : ndarray of shape (n_genres, n_genres)
        True genre in rows, predicted in columns; rows sum to 1.
    genres : sequence of str
    title : str
    """
    names = [short(genre, 28) for genre in genres]
    size, side = _CELL * len(names), room_for(names)
    with styled():
        figure = Picture(figsize=(side + 0.25 + size + 0.3, size + 0.75 * side + 0.75))
        axes = placed_axes(figure, side + 0.25, 0.3, 0.75 * side + 0.35, 0.4)
        axes.imshow(shares, vmin=0, vmax=1, cmap=_MAP)
        axes.grid(visible=False)
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", color=INK)
        axes.set_yticks(range(len(names)), names, color=INK)
        axes.set(title=short(title, 70), ylabel="true")
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                axes.text(
                    column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color="white" if share > 0.5 else INK
                )
        axes.set_xlabel("predicted; in each row the shares of the true genre's tracks", loc="left")
    return figure

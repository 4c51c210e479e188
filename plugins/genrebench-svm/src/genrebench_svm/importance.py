"""Which feature groups matter for which genre: the rise in log loss when a group's columns are permuted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genrebench.api import Examples, Model, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_TRACKS = 1000
MAX_GROUPS = 20
REPEATS = 5


def permutation_importance(
    model: Model[Table], examples: Examples[Table], columns: Sequence[tuple[str, ...]], seed: int
) -> Mapping[str, NDArray[np.float64]]:
    """Rise in log loss when the columns of a feature group are permuted together across the tracks.

    Parameters
    ----------
    model : Model
        Fitted.
    examples : Examples
        With more than 1,000 tracks, 1,000 are drawn.
    columns : sequence of tuple of str
        Names; their first level is the group.
    seed : int

    Returns
    -------
    mapping of str to ndarray of float, shape (n_genres,)
        The mean rise over each genre's tracks and five permutations, in nats, by group; NaN for a genre without tracks. At most
        20 groups: those with the largest rise over all tracks, in descending order.

    References
    ----------
    L. Breiman, "Random forests", Machine Learning 45 (2001), section 10.
    """
    generator = np.random.default_rng(seed)
    rows = np.arange(len(examples))
    if len(rows) > MAX_TRACKS:
        rows = np.sort(generator.choice(rows, MAX_TRACKS, replace=False))
    table = np.asarray(examples.inputs, dtype=np.float64)[rows]
    labels = examples.labels[rows]
    names = np.array([column[0] for column in columns])
    before = _losses(model, table, labels)
    rises = {}
    for name in dict.fromkeys(names.tolist()):
        in_group = names == name
        rise = np.zeros(len(rows))
        for _ in range(REPEATS):
            permuted = table.copy()
            permuted[:, in_group] = table[generator.permutation(len(rows))][:, in_group]
            rise += (_losses(model, permuted, labels) - before) / REPEATS
        rises[name] = rise
    n_genres = model.predict_proba(table[:1]).shape[1]
    counts = np.bincount(labels, minlength=n_genres)
    ranked = sorted(rises, key=lambda name: -float(rises[name].mean()))[:MAX_GROUPS]
    return {
        name: np.divide(
            np.bincount(labels, weights=rises[name], minlength=n_genres),
            counts,
            out=np.full(n_genres, np.nan),
            where=counts > 0,
        )
        for name in ranked
    }


def draw_importance(importance: Mapping[str, NDArray[np.float64]], genres: Sequence[str], title: str) -> Figure:
    """Draw the rises as a heat map, one row per feature group, one column per genre."""
    from matplotlib.figure import Figure

    values = np.array(list(importance.values()))
    finite = values[np.isfinite(values)]
    limit = max(float(np.abs(finite).max(initial=0.0)), 1e-3)
    figure = Figure(figsize=(2.5 + 0.6 * len(genres), 2.0 + 0.35 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    # genre names are plain text, also with dollar signs
    axes.set_xticks(range(len(genres)), genres, rotation=60, ha="right", parse_math=False)
    axes.set_yticks(range(len(values)), list(importance), parse_math=False)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            shade = "white" if abs(value) > 0.6 * limit else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=shade)
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, label="rise in log loss when permuted, nats", shrink=0.9)
    figure.set_label(
        "How much the log loss of a genre (column) rises when a group of features (row) is shuffled among the tracks. Red: the "
        "model needs the group for this genre; white: others tell the same, so it may be left out; blue: it misleads there."
    )
    return figure


def _losses(model: Model[Table], table: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    p = model.predict_proba(table)[np.arange(len(labels)), labels]
    result: NDArray[np.float64] = -np.log(np.maximum(p, 1e-15))
    return result

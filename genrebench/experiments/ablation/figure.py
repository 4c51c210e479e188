"""Figure of an ablation."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from genrebench.experiments.ablation.conditions import Reference, Row
from genrebench.figures.picture import Picture

_LINES = ({"color": "0.65", "linewidth": 3}, {"color": "black", "linewidth": 1, "linestyle": ":"})
"""Line styles of the references, chosen so that both are visible if they coincide."""


def draw(rows: Sequence[Row], references: Sequence[Reference], title: str, *, error: str, remarks: Sequence[str]) -> Figure:
    """Draw log loss and F1 under each condition, with the scores of the baselines.

    The error bars show the 95 % interval of the difference from "in order", not that of the score itself.

    Parameters
    ----------
    rows : sequence of Row
        The first is "in order".
    references : sequence of Reference
    title : str
        May have several lines.
    error : str
        Label of the error bars.
    remarks : sequence of str
        Text below the panels.
    """
    notes = "\n".join(textwrap.fill(remark, 120) for remark in remarks)
    height = 0.4 * len(rows) + 2.2 + 0.2 * notes.count("\n")
    figure = Picture(figsize=(9, height), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = [row.condition for row in rows]
    colours = ["tab:blue"] + ["tab:orange"] * (len(names) - 1)
    for axes, score, label in (
        (panels[0], "log_loss", "log loss, lower is better"),
        (panels[1], "f1_micro", "F1 micro, higher is better"),
    ):
        scores = [getattr(row, score) for row in rows]
        axes.barh(names, scores, color=colours, height=0.6)
        ends = np.array([getattr(row, f"{score}_interval") for row in rows[1:]]).reshape(-1, 2)
        if np.isfinite(ends).all():
            differences = np.array([getattr(row, f"{score}_difference") for row in rows[1:]])[:, None]
            away = np.abs(ends - differences).T
            axes.errorbar(scores[1:], names[1:], xerr=away, fmt="none", ecolor="black", label=f"± {error}")
        axes.axvline(scores[0], color="tab:blue", linewidth=0.8, linestyle="--", label=names[0])
        for reference, style in zip(references, _LINES, strict=False):
            axes.axvline(getattr(reference, score), label=reference.name, **style)
        axes.set_xlabel(label)
    panels[0].invert_yaxis()
    panels[1].set_xlim(0, 1)
    figure.suptitle(title, fontsize="medium", parse_math=False)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(
        *handles, loc="outside lower center", ncols=4, fontsize="small", title=notes, title_fontsize="small", frameon=False
    )
    return figure

"""Genres along a file: as a strip in the terminal and as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genrebench import files
from genrebench.cli._output import clean
from genrebench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genrebench.plugin.contract import Timeline
    from genrebench.runs.predict import Answer

SUFFIXES = (".png", ".svg", ".pdf")

_BLOCKS = " ▁▂▃▄▅▆▇█"


def strip(line: Timeline, genres: Sequence[str], top: int, width: int) -> Iterator[str]:
    """Yield a line of blocks for each of the likeliest genres, then a scale.

    The fuller a block, the likelier the genre there. Where the line has no room for them all, a block stands for the mean of
    several seconds.

    Parameters
    ----------
    line : Timeline
    genres : sequence of str
    top : int
        Genres to show, at most.
    width : int
        Columns of the terminal.
    """
    import numpy as np

    order = (-line.probabilities.mean(axis=0)).argsort(kind="stable")[:top]
    names = [clean(genres[i]) for i in order]
    indent = max(map(len, names)) + 4
    room = max(10, width - indent)
    together = -(-len(line.seconds) // room)
    starts = np.arange(0, len(line.seconds), together)
    sizes = np.diff([*starts, len(line.seconds)])
    means = np.add.reduceat(line.probabilities, starts, axis=0) / sizes[:, None]
    for name, i in zip(names, order, strict=True):
        yield f"  {name:<{indent - 4}}  " + "".join(_BLOCKS[round(float(p) * (len(_BLOCKS) - 1))] for p in means[:, i])
    edges = _edges(line)
    block = (edges[-1] - edges[0]) / len(line.seconds) * together
    yield f"  {edges[0]:.0f} .. {edges[-1]:.0f} s, {block:.3g} s a block"


def require_suffix(out: Path) -> None:
    """Refuse a figure of a kind that isn't drawn, or in a folder that isn't there, before anything is computed."""
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--figure {str(out)!r} has none of the endings {', '.join(SUFFIXES)}")
    files.require_place(out)


def draw(out: Path, answers: Sequence[Answer], genres: Sequence[str]) -> None:
    """Draw a panel for each file: genres from top to bottom, the likeliest first, and seconds from left to right."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    lines = [(answer.path.name, answer.timeline) for answer in answers if answer.timeline is not None]
    if not lines:
        raise UsageError("no file has a timeline to draw")
    height = 1.1 + 0.22 * len(genres)
    with mpl.rc_context({"svg.fonttype": "none"}):  # text that can be searched and edited
        figure = Figure(figsize=(9, height * len(lines)), layout="constrained")
        axes = figure.subplots(len(lines), 1, squeeze=False)[:, 0]
        for axis, (name, line) in zip(axes, lines, strict=True):
            order = (-line.probabilities.mean(axis=0)).argsort(kind="stable")
            mesh = axis.pcolormesh(
                _edges(line), range(len(genres) + 1), line.probabilities[:, order].T, vmin=0, vmax=1, cmap="magma_r"
            )
            axis.set_yticks([i + 0.5 for i in range(len(genres))], [_plain(genres[i]) for i in order], fontsize="small")
            axis.invert_yaxis()
            axis.set(title=_plain(name), xlabel="seconds of the file")
            figure.colorbar(mesh, ax=axis, label="probability")
        try:
            figure.savefig(out, dpi=120)
        except OSError as error:
            raise UsageError(f"can't write the figure {str(out)!r}: {error}") from None


def _edges(line: Timeline) -> NDArray[np.float64]:
    """Where the stretches of a timeline begin, and where the last one ends; a single one is taken to last a second."""
    import numpy as np

    seconds = np.asarray(line.seconds, dtype=np.float64)
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0
    return np.append(seconds, seconds[-1] + step)


def _plain(text: str) -> str:
    return clean(text).replace("$", r"\$")

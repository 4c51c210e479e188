"""The timeline of a file as strips of block characters in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from genrebench.plugin.contract import Timeline

_BLOCKS = " ▁▂▃▄▅▆▇█"


def strip(line: Timeline, genres: Sequence[str], top: int, width: int) -> Iterator[str]:
    """Yield a line of blocks for each of the most probable genres, then a scale.

    The height of a block is the probability of the genre. If the timeline doesn't fit the terminal, a block is the mean over
    several seconds.

    Parameters
    ----------
    line : Timeline
    genres : sequence of str
    top : int
        Maximum number of genres.
    width : int
        Width of the terminal, in characters.
    """
    import numpy as np

    from genrebench.layout import length
    from genrebench.runs.timelines import timeline_edges
    from genrebench.tables import printable

    order = (-line.probabilities.mean(axis=0)).argsort(kind="stable")[:top]
    names = [printable(genres[i]) for i in order]
    indent = max(map(length, names)) + 4
    n_blocks = max(10, width - indent)
    seconds_per_block = -(-len(line.seconds) // n_blocks)
    starts = np.arange(0, len(line.seconds), seconds_per_block)
    sizes = np.diff([*starts, len(line.seconds)])
    means = np.add.reduceat(line.probabilities, starts, axis=0) / sizes[:, None]
    for name, i in zip(names, order, strict=True):
        yield f"  {name}{' ' * (indent - 4 - length(name))}  " + "".join(
            _BLOCKS[round(float(p) * (len(_BLOCKS) - 1))] for p in means[:, i]
        )
    edges = timeline_edges(line)
    block = (edges[-1] - edges[0]) / len(line.seconds) * seconds_per_block
    yield f"  {edges[0]:.0f} .. {edges[-1]:.0f} s, {block:.3g} s per block"

"""Where the stretches of a timeline begin and end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Timeline


def timeline_edges(line: Timeline) -> NDArray[np.float64]:
    """Boundaries between the segments of a timeline, in seconds; a single segment is assumed to last one second."""
    seconds = np.asarray(line.seconds, dtype=np.float64)
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0
    return np.append(seconds, seconds[-1] + step)

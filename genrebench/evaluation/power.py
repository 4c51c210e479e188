"""What difference between two models a test set can show, before any model is run.

How far two models differ from track to track isn't known then. So typical values are taken: those by which the reference models
differ on the demo music (deviation 0.1 to 1.0 nats and 0.2 to 0.6 answers, correlation within artists 0.6 to 0.8 and 0.1 to
0.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genrebench.evaluation.intervals import CONFIDENCE, MIN_UNITS
from genrebench.evaluation.variance import effective_units

POWER = 0.8


@dataclass(frozen=True)
class Typical:
    """How two models differ from track to track.

    Parameters
    ----------
    deviation : float
        Standard deviation of the difference between tracks.
    correlation : float
        Of the differences of two tracks by one artist.
    """

    deviation: float
    correlation: float


LOG_LOSS, ACCURACY = Typical(0.8, 0.5), Typical(0.5, 0.3)


def few_units_factor(effective: float) -> float:
    """What a detectable difference by quantiles is too small by: the tests also have to agree, and errors are underestimated.

    Found by simulation with 6 to 60 units, see the part "power" of `benchmarks/interval_coverage.py`.
    """
    return 1 + 1.3 / effective


def detectable(sizes: Sequence[int], typical: Typical, power: float = POWER) -> float | None:
    """Smallest mean difference that a test over artists finds with probability `power`; None with fewer than six artists.

    Parameters
    ----------
    sizes : sequence of int
        Test tracks of each artist; ones where no artist is known.
    typical : Typical
    """
    from scipy.special import stdtrit

    n = np.asarray(sizes, dtype=np.float64)
    if len(n) < MIN_UNITS:
        return None
    effective = effective_units(n)
    between, within = typical.correlation, 1 - typical.correlation
    error = typical.deviation * math.sqrt(between / effective + within / n.sum())
    degrees = max(effective - 1, 1)
    quantiles = float(stdtrit(degrees, (1 + CONFIDENCE) / 2) + stdtrit(degrees, power))
    return error * quantiles * few_units_factor(effective)


def artists_for(sizes: Sequence[int], typical: Typical, difference: float) -> int | None:
    """How many artists like those of `sizes` it takes to find a difference with 80 % power; None if more than a million."""
    for artists in (math.ceil(len(sizes) * 1.05**step) for step in range(400)):
        if artists > 1_000_000:
            break
        tiled = np.resize(np.asarray(sizes), max(artists, MIN_UNITS))
        found = detectable(tiled.tolist(), typical)
        if found is not None and found <= difference:
            return len(tiled)
    return None

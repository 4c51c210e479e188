"""What the inputs of some clips will cost: how many are cached, and the time and disk of the others, measured on a few."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from genrebench.inputs import cache
from genrebench.plugin.hosted_input import prepare_input
from genrebench.plugin.inputs import Clip, InputContext
from genrebench.plugin.registry import Registry
from genrebench.progress import no_progress

_TRIED = 4
"""Number of clips that are computed to measure the others; the first, which loads libraries, isn't counted."""


@dataclass(frozen=True)
class Survey:
    """What inputs will cost.

    Parameters
    ----------
    cached, missing : int
        Number of distinct clips whose input is in the cache, and of the others.
    seconds : float
        For the missing clips, by one process.
    bytes : float
        For the missing clips, on disk.
    """

    cached: int
    missing: int
    seconds: float = 0.0
    bytes: float = 0.0


def survey(requested: Any, clips: Sequence[Clip], context: InputContext, registry: Registry) -> Survey:
    """Ask the cache for the inputs of some clips, and compute a few of those that are missing, which it then keeps.

    Parameters
    ----------
    requested, clips, context, registry
        As for `genrebench.inputs.prepare_clips`.

    Raises
    ------
    DataError
        If the disk has too little room for the others.
    AudioError
        If one of the few clips can't be decoded.
    """
    registered = registry.registered_input(requested)
    n = len({clip.content_hash for clip in clips})
    asked = cache.asked_only.set(True)
    try:
        prepare_input(registered, requested, clips, context)
    except cache.Missing as found:
        folder, missing = found.folder, found.clips
    else:
        return Survey(n, 0)  # kept nowhere, or computed on access
    finally:
        cache.asked_only.reset(asked)
    quiet = replace(context, workers=1, progress=no_progress)
    spent, size = [], []
    for clip in missing[:_TRIED]:
        start = time.perf_counter()
        prepare_input(registered, requested, [clip], quiet)
        spent.append(time.perf_counter() - start)
        size.append(folder.path(clip.content_hash).stat().st_size)
    left = len(missing) - len(spent)
    if left <= 0:
        return Survey(n - left, max(left, 0))
    counted = spent[1:]
    return Survey(n - left, left, left * sum(counted) / len(counted), left * sum(size) / len(size))

"""genrebench plugin: cnn-raw, the raw-audio network of "Learning to Recognize Musical Genre" (M. Büchi, ZHAW, 2018)."""

from __future__ import annotations

import os

from genrebench.api import Context, Model, ModelSpec, Waveforms, hookimpl
from genrebench_cnn.options import CnnOptions


def _build(context: Context, options: CnnOptions) -> Model:
    # torch, which looks at this when it first needs much memory, asks the system for large pages then: a tenth more speed
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    from genrebench_cnn.model import CnnRaw  # torch comes in here, and only here

    return CnnRaw(context, options)


def _inputs(options: CnnOptions) -> Waveforms:
    return Waveforms(sample_rate=options.sample_rate)


@hookimpl
def genrebench_models() -> list[ModelSpec]:
    """Offer the report's network."""
    summary = "convolutional network on raw audio, one window of a second at a time, as in the 2018 report"
    return [ModelSpec("cnn-raw", summary, _build, _inputs, CnnOptions)]

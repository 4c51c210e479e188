"""genrebench plugin: mfcc-frames, a model of MFCC sequences that keeps their order in time."""

from __future__ import annotations

from genrebench.api import Context, Frames, Model, ModelSpec, hookimpl
from genrebench_mfcc.options import MfccOptions


def _build(context: Context, options: MfccOptions) -> Model:
    from genrebench_mfcc.model import MfccFrames  # torch comes in here, and only here

    return MfccFrames(context, options)


def _inputs(options: MfccOptions) -> Frames:
    return Frames(
        kind="mfcc",
        sample_rate=options.sample_rate,
        hop_length=options.hop_length,
        n_fft=options.n_fft,
        n_coefficients=options.coefficients,
    )


@hookimpl
def genrebench_models() -> list[ModelSpec]:
    """Offer the framewise model."""
    summary = "MFCC frames in their order: dilated filters in time, pooled to their strengths, small networks averaged"
    return [ModelSpec("mfcc-frames", summary, _build, _inputs, MfccOptions)]

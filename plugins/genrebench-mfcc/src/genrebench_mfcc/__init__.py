"""genrebench plugin: mfcc-frames, a model of MFCC sequences that keeps their order in time."""

from __future__ import annotations

from genrebench.api import Context, Frames, LazyInputs, Model, ModelSpec, hookimpl
from genrebench_mfcc.options import MfccOptions
from genrebench_torch import check_device, join


def _build(context: Context, options: MfccOptions) -> Model[LazyInputs]:
    from genrebench_mfcc.model import MfccFrames  # imports torch

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
    """Offer the model of MFCC sequences."""
    return [
        ModelSpec(
            name="mfcc-frames",
            summary="MFCC frames in their order: dilated filters in time, pooled to their strengths, small networks averaged",
            build=_build,
            inputs=_inputs,
            options=MfccOptions,
            check=check_device,
            timeline=True,
            join=join,
        )
    ]

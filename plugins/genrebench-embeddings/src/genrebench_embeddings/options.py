"""Options of the probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from genrebench.api import Context, Field
from genrebench_embeddings.embeddings import Embeddings
from genrebench_embeddings.encoders import PACKAGES, require_encoder


@dataclass(frozen=True)
class ProbeOptions:
    """Options that all probes have."""

    encoder: Annotated[
        str, Field(description="onnx:FILE, hf:FOLDER, hf:ID@REVISION or package:NAME (basic-pitch)", min_length=1)
    ] = "package:basic-pitch"
    layer: Annotated[int | None, Field(ge=0, description="layer of the encoder, from 0; none: chosen on validation tracks")] = (
        None
    )
    pooling: Annotated[Literal["mean", "mean_std", "mean_std_max"], Field(description="statistics of the frames over time")] = (
        "mean_std"
    )
    rate: Annotated[
        int | None, Field(ge=1000, le=384_000, description="Hz that an ONNX file wants; none: as it says itself")
    ] = None
    window: Annotated[
        float, Field(gt=0, le=600, description="seconds that the encoder hears at once, where it leaves that open")
    ] = 10.0
    trained_on: Annotated[
        tuple[str, ...], Field(description="data sets that the encoder has seen; none: what is known of the package")
    ] = ()

    @property
    def embeddings(self) -> Embeddings:
        """The input that the probe asks for."""
        return Embeddings(self.encoder, self.layer, self.pooling, self.rate, self.window)


@dataclass(frozen=True)
class LinearOptions(ProbeOptions):
    """Options of probe-linear."""

    c: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...],
        Field(min_length=1, description="inverse strengths of the L2 penalty to choose from"),
    ] = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class MlpOptions(ProbeOptions):
    """Options of probe-mlp."""

    hidden: Annotated[int, Field(ge=1, le=10_000, description="units of the hidden layer")] = 128
    alpha: Annotated[
        tuple[Annotated[float, Field(ge=0)], ...],
        Field(min_length=1, description="strengths of the L2 penalty to choose from"),
    ] = (0.1, 1.0, 10.0, 100.0)
    steps: Annotated[int, Field(ge=1, description="steps of L-BFGS, at most")] = 200


@dataclass(frozen=True)
class KnnOptions(ProbeOptions):
    """Options of probe-knn."""

    k: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1, description="numbers of neighbours to choose from")
    ] = (5, 10, 20, 50, 100)


def check(_context: Context, options: ProbeOptions) -> None:
    """Refuse an encoder that isn't there, before any work."""
    require_encoder(options.encoder)


def trained_on(options: Any) -> tuple[str, ...]:
    """Data sets that the encoder has seen, as the user says or as is known of the package."""
    if options.trained_on:
        return tuple(options.trained_on)
    kind, _, name = options.encoder.partition(":")
    return PACKAGES[name].trained_on if kind == "package" and name in PACKAGES else ()

"""genrebench plugin: the reference support vector machine on the 518 FMA features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from genrebench.api import Context, FeatureTable, Field, Model, ModelSpec, hookimpl


@dataclass(frozen=True)
class SvmOptions:
    """Options of `svm-baseline`."""

    C: Annotated[float, Field(gt=0, description="penalty of margin violations")] = 1.0
    gamma: Annotated[float | None, Field(gt=0, description="kernel width; none is 1 / number of columns")] = None
    kernel: Annotated[Literal["rbf", "linear", "poly", "sigmoid"], Field(description="kernel function")] = "rbf"
    features: Annotated[str, Field(description="feature groups, such as mfcc,spectral_contrast; all of them by default")] = (
        "all"
    )
    source: Annotated[
        Literal["auto", "given", "extract"], Field(description="given values, or those extracted from the audio")
    ] = "auto"
    memory: Annotated[float, Field(gt=0, description="GB that kernel values may take; past it they are computed again")] = 4.0


def _inputs(options: SvmOptions) -> FeatureTable:
    names = () if options.features == "all" else tuple(name.strip() for name in options.features.split(",") if name.strip())
    return FeatureTable(groups=names, source=options.source)


def _build(context: Context, options: SvmOptions) -> Model:
    from genrebench_svm.model import SvmModel

    return SvmModel(context, options)


@hookimpl
def genrebench_models() -> list[ModelSpec]:
    """Offer the support vector machine."""
    return [
        ModelSpec(
            "svm-baseline",
            "RBF support vector machine, libsvm's probabilities: the challenge's reference",
            _build,
            _inputs,
            SvmOptions,
        )
    ]

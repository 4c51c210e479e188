"""Options of the two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from genrebench.api import FeatureTable, Field


@dataclass(frozen=True)
class GroupedOptions:
    """Options of `svm-grouped`."""

    C: Annotated[float, Field(gt=0, allow_inf_nan=False, description="penalty of margin violations")] = 1.0
    gamma: Annotated[
        float | None, Field(gt=0, allow_inf_nan=False, description="factor in the kernel; none is 1 / number of columns")
    ] = None
    kernel: Annotated[
        Literal["rbf", "linear", "poly", "sigmoid"], Field(description="kernel; poly has degree 3, coef0 is 0")
    ] = "rbf"
    class_weight: Annotated[
        Literal["none", "balanced"], Field(description="balanced: penalty inverse to the genre's number of tracks")
    ] = "none"
    features: Annotated[str, Field(description="feature groups, such as mfcc,spectral_contrast; all: every column")] = "all"
    source: Annotated[
        Literal["auto", "given", "extract"], Field(description="values that came with the dataset, or computed from the audio")
    ] = "auto"
    engine: Annotated[
        Literal["auto", "scikit-learn", "intelex"],
        Field(description="solver of pairs whose kernel values don't fit in memory; auto: intelex where installed"),
    ] = "auto"
    memory: Annotated[float, Field(gt=0, description="GB for kernel values; beyond it they are recomputed")] = 1.0

    @property
    def probabilities(self) -> str:
        """How decision values become probabilities."""
        return "grouped"

    @property
    def table(self) -> FeatureTable:
        """The columns that the model sees."""
        names = () if self.features == "all" else tuple(name.strip() for name in self.features.split(",") if name.strip())
        return FeatureTable(groups=names, source=self.source)


@dataclass(frozen=True)
class SvmOptions(GroupedOptions):
    """Options of `svm-baseline`."""

    probabilities: Annotated[
        Literal["libsvm", "grouped", "ovr"],
        Field(description="libsvm: the reference; grouped: as svm-grouped; ovr: one sigmoid per genre, as in scikit-learn"),
    ] = "libsvm"

"""genrebench plugin: embeddings of pretrained audio models as an input, and three probes on them."""

from __future__ import annotations

from typing import Any

from genrebench.api import Context, InputSpec, Model, ModelSpec, Table, hookimpl
from genrebench_embeddings.embeddings import Embeddings, example, prepare
from genrebench_embeddings.options import KnnOptions, LinearOptions, MlpOptions, check, trained_on

__all__ = ["Embeddings", "genrebench_inputs", "genrebench_models"]


@hookimpl
def genrebench_inputs() -> list[InputSpec]:
    """Offer the embeddings."""
    return [InputSpec(Embeddings, "embeddings of a pretrained audio model, pooled over time", prepare, example)]


def _linear(context: Context, options: LinearOptions) -> Model[Table]:
    from genrebench_embeddings.linear import LinearProbe  # imports scikit-learn

    return LinearProbe(context, options)


def _mlp(context: Context, options: MlpOptions) -> Model[Table]:
    from genrebench_embeddings.mlp import MlpProbe

    return MlpProbe(context, options)


def _knn(context: Context, options: KnnOptions) -> Model[Table]:
    from genrebench_embeddings.knn import KnnProbe

    return KnnProbe(context, options)


@hookimpl
def genrebench_models() -> list[ModelSpec]:
    """Offer the probes."""
    probes: tuple[tuple[str, str, Any, type], ...] = (
        ("probe-linear", "logistic regression on embeddings", _linear, LinearOptions),
        ("probe-mlp", "a network with one hidden layer on embeddings", _mlp, MlpOptions),
        ("probe-knn", "nearest neighbours by cosine on embeddings", _knn, KnnOptions),
    )
    return [
        ModelSpec(
            name=name,
            summary=f"{summary}; layer and regularisation chosen on validation tracks",
            build=build,
            inputs=lambda options: options.embeddings,
            options=options,
            check=check,
            trained_on=trained_on,
        )
        for name, summary, build, options in probes
    ]

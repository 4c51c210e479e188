"""genrebench plugin: the reference support vector machine on the 518 FMA features."""

from __future__ import annotations

from genrebench.api import Context, Model, ModelSpec, Table, hookimpl
from genrebench_svm.options import GroupedOptions, SvmOptions


def _build(context: Context, options: GroupedOptions) -> Model[Table]:
    from genrebench_svm.model import SvmModel

    return SvmModel(context, options)


CHALLENGE = """@inproceedings{fma_challenge,
  title = {Learning to Recognize Musical Genre from Audio: Challenge Overview},
  author = {Defferrard, Micha{\\"e}l and Mohanty, Sharada P. and Carroll, Sean F. and Salath{\\'e}, Marcel},
  booktitle = {Companion Proceedings of the Web Conference (WWW)},
  year = {2018},
  archiveprefix = {arXiv},
  eprint = {1803.05337},
}"""


@hookimpl
def genrebench_models() -> list[ModelSpec]:
    """Offer the reference, and the same machines with probabilities calibrated across artists."""
    return [
        ModelSpec(
            name="svm-baseline",
            summary="RBF support vector machine with libsvm's probabilities: the challenge's reference",
            build=_build,
            inputs=lambda options: options.table,
            options=SvmOptions,
            citation=CHALLENGE,
        ),
        ModelSpec(
            name="svm-grouped",
            summary="the same machines; probabilities fitted on inner folds that keep the tracks of one artist together",
            build=_build,
            inputs=lambda options: options.table,
            options=GroupedOptions,
            citation=CHALLENGE,
        ),
    ]

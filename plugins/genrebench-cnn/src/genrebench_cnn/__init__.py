"""genrebench plugin: the raw-audio network of "Learning to Recognize Musical Genre" (M. Büchi, ZHAW, 2018).

cnn-raw trains it fast; cnn-report trains it as the report did.
"""

from __future__ import annotations

import os

from genrebench.api import Context, LazyInputs, Model, ModelSpec, Waveforms, hookimpl
from genrebench_cnn.options import CnnOptions, ReportOptions
from genrebench_torch import check_device, join

LARGE_PAGES = "THP_MEM_ALLOC_ENABLE"
"""Torch reads this variable at its first allocation and then asks for large pages, which makes training a tenth faster."""


def _check(context: Context, options: CnnOptions) -> None:
    check_device(context)
    if options.precision == "mixed":
        from genrebench_cnn.devices import training_device

        training_device(context, options)


def _build(context: Context, options: CnnOptions) -> Model[LazyInputs]:
    given = os.environ.get(LARGE_PAGES)
    os.environ.setdefault(LARGE_PAGES, "1")
    try:
        from genrebench_cnn.model import CnnRaw  # imports torch

        return CnnRaw(context, options)  # whose network is torch's first allocation
    finally:
        if given is None:
            del os.environ[LARGE_PAGES]


def _inputs(options: CnnOptions) -> Waveforms:
    return Waveforms(sample_rate=options.sample_rate if options.resample else None)


@hookimpl
def genrebench_models() -> list[ModelSpec]:
    """Offer the report's network, trained fast and trained to the letter."""
    summary = "convolutional network on raw audio, one window of a second at a time, as in the 2018 report"
    return [
        _spec(CnnOptions, f"{summary}; trains fast"),
        _spec(ReportOptions, f"{summary}; trains as the report did, to the letter"),
    ]


REPORT = """@techreport{genre_report,
  title = {Learning to Recognize Musical Genre},
  author = {B{\\"u}chi, M.},
  institution = {ZHAW},
  year = {2018},
}"""


def _spec(options: type[CnnOptions], summary: str) -> ModelSpec:
    return ModelSpec(
        options.model,
        summary,
        build=_build,
        inputs=_inputs,
        options=options,
        check=_check,
        timeline=True,
        citation=REPORT,
        join=join,
    )

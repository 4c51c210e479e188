"""Scores by the metrics of plugins, computed from the stored predictions of runs, whatever their records say."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.evaluation import metrics
from genrebench.plugin.metrics import Measured, MetricSpec
from genrebench.plugin.registry import Registered
from genrebench.runs.contents import read_predictions
from genrebench.runs.reader_cache import read_cached, write_cached
from genrebench.runs.record import Run
from genrebench.runs.scored import track_order

Metrics = Sequence[Registered[MetricSpec]]

CACHE = "metrics"
"""Folder of the reader's cache."""


def read_measured(folder: Path, run: Run, specs: Metrics) -> tuple[dict[str, Measured], list[str]]:
    """Measure the predictions of a finished run.

    Parameters
    ----------
    folder : Path
        Of the run.
    run : Run
        With predictions that were verified.
    specs : sequence of Registered of MetricSpec

    Returns
    -------
    measured : dict of str to Measured
        By name of the metric; values per track are in the order of `Scored`. A metric that fails is left out.
    problems : list of str
        One line for each metric that failed.

    Raises
    ------
    StoreError
        If the predictions can't be read.
    """
    checksum = "" if run.predictions is None else run.predictions.sha256
    keys = {one.spec.name: [code_of(one), checksum] for one in specs}
    cached = {name: _decode(read_cached(CACHE, *key)) for name, key in keys.items()}
    missing = [one for one in specs if cached[one.spec.name] is None]
    problems: list[str] = []
    if missing:
        predictions = read_predictions(folder, run)
        order = track_order(predictions)
        found, problems = metrics.measure_more(predictions.labels, predictions.probabilities, [one.spec for one in missing])
        for name, one in found.items():
            if one is not None:
                cached[name] = Measured(one.score, None if one.values is None else one.values[order])
                write_cached(_encode(cached[name]), CACHE, *keys[name])
    return {name: one for name, one in cached.items() if one is not None}, problems


def code_of(registered: Registered[MetricSpec]) -> list[Any]:
    """What changes with a metric's code: its plugin's version, and the file that defines it."""
    spec, plugin = registered.spec, registered.plugin
    name = getattr(spec.compute, "__module__", None) or type(spec.compute).__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    stat = Path(file).stat() if file is not None and Path(file).is_file() else None
    stamp = [] if stat is None else [stat.st_size, stat.st_mtime_ns]
    # what has no file, such as a function in a notebook, has no version either
    own = [] if registered.origin == "plugin" and stat is not None else [id(spec)]
    return [plugin.distribution, plugin.version, spec.name, spec.per_track, list(map(str, spec.range)), *stamp, *own]


def _encode(measured: Measured | None) -> bytes:
    if measured is None:
        return b""
    values = b"" if measured.values is None else measured.values.astype("<f8").tobytes()
    return json.dumps([measured.score, measured.values is not None]).encode() + b"\n" + values


def _decode(data: bytes | None) -> Measured | None:
    if not data:
        return None
    head, _, body = data.partition(b"\n")
    try:
        score, per_track = json.loads(head)
        return Measured(float(score), np.frombuffer(body, "<f8") if per_track else None)
    except (ValueError, TypeError):
        return None

"""From predictions to everything that a run's record says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genrebench.evaluation import calibration, metrics
from genrebench.plugin.metrics import MetricSpec
from genrebench.records import Predictions


@dataclass(frozen=True)
class Scoring:
    """Scored predictions.

    Parameters
    ----------
    predictions : Predictions
        As they were scored: scaled by the temperatures if that was asked for.
    metrics : mapping of str to (float or None)
        Score by metric; None without test tracks, or where a plugin's metric failed.
    facts : mapping
        "temperature_scaling", where each fold has a temperature: temperatures, log_loss, log_loss_scaled, gain.
    problems : tuple of str
        One line for each metric that failed.
    """

    predictions: Predictions
    metrics: Mapping[str, float | None]
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def score_predictions(
    predictions: Predictions, temperatures: Sequence[float], specs: Sequence[MetricSpec], *, calibrate: bool = False
) -> Scoring:
    """Score the predictions of all folds.

    Parameters
    ----------
    predictions : Predictions
    temperatures : sequence of float
        For each fold, the temperature that fits its validation tracks best; nan where it has none.
    specs : sequence of MetricSpec
        The built-in metrics and those of plugins.
    calibrate : bool
        Score the predictions scaled by the temperatures.
    """
    values: dict[str, float | None] = {spec.name: None for spec in specs}
    if not predictions.ids:
        return Scoring(predictions, values)
    facts = {}
    if np.isfinite(temperatures).all():
        scaled = calibration.scaled_by_fold(predictions, temperatures)
        before, after = (metrics.log_loss(p.labels, p.probabilities) for p in (predictions, scaled))
        scaling = {"temperatures": list(temperatures), "log_loss": before, "log_loss_scaled": after, "gain": before - after}
        facts = {"temperature_scaling": scaling}
        predictions = scaled if calibrate else predictions
    values.update(metrics.evaluate(predictions.labels, predictions.probabilities))
    measured, problems = metrics.measure_more(predictions.labels, predictions.probabilities, specs)
    more = {name: None if one is None else one.score for name, one in measured.items()}
    return Scoring(predictions, values | more, facts, tuple(problems))

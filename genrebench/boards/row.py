"""A row of a board: one model, with its scores and what can be said of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from genrebench.boards.board_metrics import WITH_INTERVAL
from genrebench.boards.by_metric import ByMetric
from genrebench.jsontypes import plain
from genrebench.runs.record import Origin
from genrebench.tables import setting

FACTS = (
    *("changed", "calibrated", "feature_source", "origin", "lab", "trained_on", "test_seen"),
    *("device", "parameters", "timings", "peak_rss_mb"),
)
ELSEWHERE = "predicted elsewhere"
"""Marks a row whose predictions genrebench didn't make."""

MAX_LABEL = 60
"""Characters of the options in a row's label; the table and the JSON have them all."""


@dataclass(frozen=True)
class Row:
    """One model on a board.

    Parameters
    ----------
    row : str
        Short identifier, determined by the task and the model, its version and its options.
    rank : int
        From 1, by log loss.
    model, plugin, version : str
    options : mapping
    runs : tuple of str
        Run ids, one per seed.
    seeds : tuple of int
    scores : mapping of str to float
        Mean over the seeds of each metric.
    spread : mapping of str to (float or None)
        Standard deviation over the seeds (n - 1); None with one seed.
    intervals : mapping of str to (float, float)
        95 % interval of log_loss and the F1 scores, clustered by artist if artists are known; empty with fewer than six
        artists or tracks. What it speaks of is `population`.
    by_metric : mapping of str to ByMetric
        Intervals, ties and ranks by metrics of plugins that are means over tracks.
    tied_with : tuple of str
        Rows that can't be told from this one by log loss, with 95 % confidence for all pairs of the board together.
    rank_interval : (int, int)
        The ranks that the row may have, with 95 % confidence for all rows of the board together.
    may_be_best : bool
        Whether the row is one of those among which the best is, with 95 % confidence.
    baseline : bool
        True for the rows that ignore the audio; see `genrebench.boards.baselines`.
    changed : mapping
        The options that differ from their defaults.
    calibrated : bool
    feature_source : str or None
        Source of the features.
    origin : {"plugin", "imported", "object", "file"} or None
        Origin of the model; None for a baseline.
    lab : str
        Whose runs they are, for those imported from a bundle; empty for one's own.
    device : str or None
    parameters : int or None
        Number of the model's parameters, if recorded.
    timings : mapping of str to float
        Mean over the seeds, in seconds.
    peak_rss_mb : float or None
        Largest over the seeds, in 10^6 bytes.
    trained_on : tuple of str
        Data sets that the model had seen before its training part, as its plugin says.
    test_seen : bool
        Whether the board's dataset is among them, so that the model may have seen the test tracks.
    shown_as : str
        The model's name as the board shows it: with its distribution and version where two rows would look alike.
    """

    row: str
    rank: int
    model: str
    plugin: str
    version: str
    options: Mapping[str, Any]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: Mapping[str, float]
    spread: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tied_with: tuple[str, ...] = ()
    rank_interval: tuple[int, int] = (1, 1)
    may_be_best: bool = False
    by_metric: Mapping[str, ByMetric] = field(default_factory=dict)
    baseline: bool = False
    changed: Mapping[str, Any] = field(default_factory=dict)
    calibrated: bool = False
    feature_source: str | None = None
    origin: Origin | None = None
    lab: str = ""
    device: str | None = None
    parameters: int | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    peak_rss_mb: float | None = None
    trained_on: tuple[str, ...] = ()
    test_seen: bool = False
    shown_as: str = ""

    @property
    def population(self) -> Literal["method", "trained model"]:
        """What the scores' intervals and ranks speak of, on other tracks like these: the method, or this one trained model.

        Of the method from two seeds on, as the variance between trainings is then part of the intervals.
        """
        return "method" if self.baseline or len(self.seeds) > 1 else "trained model"

    @property
    def label(self) -> str:
        """Label for display: the model and the options that differ from their defaults."""
        options = ", ".join(setting(*option) for option in self.changed.items())
        if len(options) > MAX_LABEL:
            options = f"{options[: MAX_LABEL - 1]}…"
        marks = (options, ELSEWHERE if self.origin == "imported" else "", self.lab and f"by {self.lab}")
        notes = [text for text in marks if text]
        return f"{self.title} ({', '.join(notes)})" if notes else self.title

    @property
    def title(self) -> str:
        """The model's name, for display on its board."""
        return self.shown_as or self.model

    def to_json(self) -> dict[str, Any]:
        """The row in JSON types, with its scores at the top level."""
        return {
            "row": self.row,
            "rank": self.rank,
            "model": self.model,
            "plugin": self.plugin,
            "version": self.version,
            "options": dict(self.options),
            "runs": list(self.runs),
            "seeds": list(self.seeds),
            **self.scores,
            **{f"{metric}_interval": plain(self.interval(metric)) for metric in (*WITH_INTERVAL, *self.by_metric)},
            "spread": dict(self.spread),
            "by_metric": plain(self.by_metric),
            "tied_with": list(self.tied_with),
            "rank_interval": list(self.rank_interval),
            "may_be_best": self.may_be_best,
            "population": self.population,
            "baseline": self.baseline,
            **{name: plain(getattr(self, name)) for name in FACTS},
        }

    @property
    def seconds(self) -> float:
        """Seconds to fit and predict; 0 if they aren't known."""
        return sum(self.timings.get(name, 0.0) for name in ("fit_s", "predict_s"))

    def flat(self) -> dict[str, Any]:
        """The row as a flat mapping, with one scalar per interval bound."""
        bounds = {
            f"{metric}_{end}": value
            for metric in (*self.intervals, *self.by_metric)
            if (interval := self.interval(metric)) is not None
            for end, value in zip(("low", "high"), interval, strict=True)
        }
        kept = {"rank", "model", "plugin", "version", *self.scores}
        flat = {key: value for key, value in self.to_json().items() if key in kept}
        return (
            flat
            | bounds
            | {
                "seeds": len(self.seeds),
                "log_loss_spread": float("nan") if (spread := self.spread.get("log_loss")) is None else spread,
                "options": dict(self.changed),
                "baseline": self.baseline,
                "tied_with": list(self.tied_with),
                "rank_low": self.rank_interval[0],
                "rank_high": self.rank_interval[1],
                "may_be_best": self.may_be_best,
                "population": self.population,
                "runs": list(self.runs),
                "row": self.row,
            }
        )

    def interval(self, metric: str) -> tuple[float, float] | None:
        """95 % interval of a score; None if it has none."""
        if metric in self.by_metric:
            return self.by_metric[metric].interval
        return self.intervals.get(metric)

    def machine(self) -> dict[str, Any]:
        """The row for programs: one scalar per key, whatever there is; intervals as `METRIC_low` and `METRIC_high`."""
        flat: dict[str, Any] = {
            "rank": self.rank,
            "rank_low": self.rank_interval[0],
            "rank_high": self.rank_interval[1],
            "may_be_best": self.may_be_best,
            "row": self.row,
            "model": self.model,
            "plugin": self.plugin,
            "version": self.version,
            "baseline": self.baseline,
            "calibrated": self.calibrated,
            "feature_source": self.feature_source,
            "options": json.dumps(dict(self.changed)) if self.changed else "",
            "n_seeds": len(self.seeds),
            "seeds": " ".join(map(str, self.seeds)),
            "run_ids": " ".join(self.runs),
        }
        for metric, score in self.scores.items():
            flat[metric] = score
            if metric in WITH_INTERVAL or metric in self.by_metric:
                flat[f"{metric}_low"], flat[f"{metric}_high"] = self.interval(metric) or (None, None)
            flat[f"{metric}_spread"] = self.spread.get(metric)
        costs = {"parameters": self.parameters, "device": self.device, "peak_rss_mb": self.peak_rss_mb}
        return flat | {"tied_with": " ".join(self.tied_with), **self.timings, **costs}


def between(interval: tuple[float, float] | None) -> str:
    """An interval as text: "0.512 .. 0.604"; empty if there is none."""
    return "" if interval is None else f"{interval[0]:.3f} .. {interval[1]:.3f}"


def rank_range(interval: tuple[int, int]) -> str:
    """A rank interval as text: "2" or "1 .. 3"."""
    low, high = interval
    return str(low) if low == high else f"{low} .. {high}"


def missing_text(n_units: int, unit: str) -> str:
    """What a test set may lack: by the rule of three, what none of n units shows may happen on up to 3 / n, with 95 %."""
    return f"What happens on fewer than 1 {unit} in {n_units // 3} may be missing from this test set."


def units_text(n_units: int, unit: str, effective_units: float) -> str:
    """Sampling units in words, such as "75 artists, worth 20 of equal size"."""
    worth = f", worth {effective_units:.0f} of equal size" if effective_units < 0.8 * n_units else ""
    return f"{n_units} {unit}s{worth}"

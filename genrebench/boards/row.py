"""A row of a board: one model, with its scores and what can be said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from genrebench.jsontypes import plain
from genrebench.runs.record import Origin
from genrebench.tables import number

WITH_INTERVAL = ("log_loss", "brier", "f1_micro", "f1_macro", "f1_weighted")
COLUMNS = (
    *("rank", "ranks 95 %", "model", "options", "seeds", "log loss", "95 %", "± seeds"),
    *("F1 micro", "F1 macro", "features", "note"),
)
FACTS = ("changed", "calibrated", "feature_source", "origin", "device", "parameters", "timings", "peak_rss_mb")
MAX_LABEL = 60
"""Characters of the options in a row's label; the table and the JSON have them all."""

OPTIONAL = ("features", "options", "note", "± seeds", "seeds", "F1 macro")
"""Columns that a narrow terminal leaves out, the first one first."""

NUMBERS = ("rank", "log loss", "± seeds", "F1 micro", "F1 macro")


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
    origin : {"plugin", "imported", "object"} or None
        Origin of the model; None for a baseline.
    device : str or None
    parameters : int or None
        Number of the model's parameters, if recorded.
    timings : mapping of str to float
        Mean over the seeds, in seconds.
    peak_rss_mb : float or None
        Largest over the seeds, in 10^6 bytes.
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
    baseline: bool = False
    changed: Mapping[str, Any] = field(default_factory=dict)
    calibrated: bool = False
    feature_source: str | None = None
    origin: Origin | None = None
    device: str | None = None
    parameters: int | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    peak_rss_mb: float | None = None

    @property
    def population(self) -> Literal["method", "trained model"]:
        """What the scores' intervals and ranks speak of, on other tracks like these: the method, or this one trained model.

        Of the method from two seeds on, as the variance between trainings is then part of the intervals.
        """
        return "method" if self.baseline or len(self.seeds) > 1 else "trained model"

    @property
    def label(self) -> str:
        """Label for display: the model and the options that differ from their defaults."""
        options = ", ".join(f"{key}={value}" for key, value in self.changed.items())
        if len(options) > MAX_LABEL:
            options = f"{options[: MAX_LABEL - 1]}…"
        return f"{self.model} ({options})" if options else self.model

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
            **{f"{metric}_interval": self._interval(metric) for metric in WITH_INTERVAL},
            "spread": dict(self.spread),
            "tied_with": list(self.tied_with),
            "rank_interval": list(self.rank_interval),
            "may_be_best": self.may_be_best,
            "population": self.population,
            "baseline": self.baseline,
            **{name: plain(getattr(self, name)) for name in FACTS},
        }

    def flat(self) -> dict[str, Any]:
        """The row as a flat mapping, with one scalar per interval bound."""
        bounds = {
            f"{metric}_{end}": value
            for metric, interval in self.intervals.items()
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

    def _interval(self, metric: str) -> list[float] | None:
        return list(self.intervals[metric]) if metric in self.intervals else None

    def cells(self, ranks: Mapping[str, int]) -> tuple[str, ...]:
        """The cells of the row, in the order of `COLUMNS`; `ranks` maps row ids to ranks."""
        ends = self.intervals.get("log_loss")
        spread = self.spread.get("log_loss")
        return (
            str(self.rank),
            rank_range(self.rank_interval),
            self.model,
            " ".join(f"{key}={value}" for key, value in self.changed.items()),
            ",".join(map(str, self.seeds)),
            number(self.scores["log_loss"]),
            "" if ends is None else f"{ends[0]:.3f} .. {ends[1]:.3f}",
            "" if spread is None else number(spread),
            number(self.scores["f1_micro"]),
            number(self.scores["f1_macro"]),
            self.feature_source or "",
            self._note(ranks),
        )

    def _note(self, ranks: Mapping[str, int]) -> str:
        notes = ["may be first"] if self.may_be_best else []
        if self.baseline:
            notes.append("baseline (ignores the audio)")
        if self.origin == "imported":
            notes.append("imported predictions")
        if self.calibrated:
            notes.append("calibrated on validation tracks")
        if self.tied_with:
            tied = sorted(ranks[other] for other in self.tied_with if other in ranks)
            notes.append("tied with rank " + ", ".join(map(str, tied)))
        return "; ".join(notes)


def rank_range(interval: tuple[int, int]) -> str:
    """A rank interval as text: "2" or "1 .. 3"."""
    low, high = interval
    return str(low) if low == high else f"{low} .. {high}"


def units_text(n_units: int, unit: str, effective_units: float) -> str:
    """Sampling units in words, such as "75 artists, worth 20 of equal size"."""
    worth = f", worth {effective_units:.0f} of equal size" if effective_units < 0.8 * n_units else ""
    return f"{n_units} {unit}s{worth}"

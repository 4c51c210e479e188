"""The columns of a board: those that it shows by itself, and all that can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genrebench.boards.board_metrics import WITH_INTERVAL, BoardMetrics
from genrebench.boards.row import ELSEWHERE, Row, between, rank_range
from genrebench.errors import UsageError, did_you_mean
from genrebench.tables import number, setting

Ranks = Mapping[str, int]
"""Row ids to ranks."""


@dataclass(frozen=True)
class Column:
    """A column of a board.

    Parameters
    ----------
    title : str
    text : callable
        ``text(row, ranks)`` returns the cell.
    is_number : bool
        Whether it is aligned at the right.
    is_prose : bool
        Whether it may be wrapped at words.
    """

    title: str
    text: Callable[[Row, Ranks], str]
    is_number: bool = True
    is_prose: bool = False


def _note(row: Row, ranks: Ranks) -> str:
    notes = ["may be first"] if row.may_be_best else []
    if row.baseline:
        notes.append("baseline (ignores the audio)")
    if row.origin == "imported":
        notes.append(ELSEWHERE)
    if row.lab:
        notes.append(f"run by {row.lab}")
    if row.trained_on:
        seen = "HAS SEEN THE TEST SET: " if row.test_seen else ""
        notes.append(f"{seen}pretrained on {', '.join(row.trained_on)}")
    if row.calibrated:
        notes.append("calibrated on validation tracks")
    if row.tied_with:
        tied = sorted(ranks[other] for other in row.tied_with if other in ranks)
        notes.append("tied with rank " + ", ".join(map(str, tied)))
    return "; ".join(notes)


def _options(row: Row, _: Ranks) -> str:
    return " ".join(setting(*option) for option in row.changed.items())


def _spread(row: Row, _: Ranks) -> str:
    spread = row.spread.get("log_loss")
    return "" if spread is None else number(spread)


def _timing(name: str) -> Callable[[Row, Ranks], str]:
    return lambda row, _: f"{row.timings[name]:.1f}" if name in row.timings else ""


COLUMNS: dict[str, Column] = {
    "rank": Column("rank", lambda row, _: str(row.rank)),
    "ranks": Column("ranks 95 %", lambda row, _: rank_range(row.rank_interval), is_number=False),
    "model": Column("model", lambda row, _: row.title, is_number=False),
    "options": Column("options", _options, is_number=False, is_prose=True),
    "seeds": Column("seeds", lambda row, _: ",".join(map(str, row.seeds)), is_number=False),
    "log_loss": Column("log loss", lambda row, _: number(row.scores["log_loss"])),
    "log_loss_interval": Column("95 %", lambda row, _: _interval(row, "log_loss"), is_number=False),
    "spread": Column("± seeds", _spread),
    "f1_micro": Column("F1 micro", lambda row, _: number(row.scores["f1_micro"])),
    "f1_macro": Column("F1 macro", lambda row, _: number(row.scores["f1_macro"])),
    "features": Column("features", lambda row, _: row.feature_source or "", is_number=False, is_prose=True),
    "note": Column("note", _note, is_number=False, is_prose=True),
    "f1_weighted": Column("F1 weighted", lambda row, _: number(row.scores["f1_weighted"])),
    "brier": Column("Brier", lambda row, _: number(row.scores["brier"])),
    "calibration_error": Column("calibration error", lambda row, _: number(row.scores["calibration_error"])),
    "inputs_s": Column("inputs s", _timing("inputs_s")),
    "fit_s": Column("fit s", _timing("fit_s")),
    "predict_s": Column("predict s", _timing("predict_s")),
    "memory": Column("memory MB", lambda row, _: "" if row.peak_rss_mb is None else f"{row.peak_rss_mb:.0f}"),
    "parameters": Column("parameters", lambda row, _: "" if row.parameters is None else f"{row.parameters}"),
    "device": Column("device", lambda row, _: row.device or "", is_number=False),
    "version": Column("version", lambda row, _: row.version, is_number=False),
    "runs": Column("runs", lambda row, _: " ".join(row.runs), is_number=False, is_prose=True),
}
"""The columns of every board; metrics of plugins and intervals of other metrics can be chosen by their names, too."""

DEFAULT = tuple(COLUMNS)[:12]
FIRST = ("rank", "model")
"""What every choice begins with."""

BELOW_FIRST = ("features", "options", "note", "runs", "version", "device")
BELOW_LAST = ("spread", "seeds", "f1_macro", "ranks")
STAY = ("log_loss", "log_loss_interval", "f1_micro")
"""In which order columns move below their row on narrow terminals, all others between these; see `genrebench.layout.Grid`."""


def chosen(names: str | Sequence[str] | None, rows: Iterable[Row]) -> tuple[str, ...]:
    """The columns that a choice means.

    Parameters
    ----------
    names : str or sequence of str, optional
        Names, or text with names separated by commas; "default" and "all" stand for several. By default, "default".
    rows : iterable of Row
        Their metrics can be chosen.

    Raises
    ------
    UsageError
        If a name is unknown; the message names similar ones.
    """
    if names is None or names in ("default", ["default"], ("default",)):
        return DEFAULT
    rows = list(rows)
    metrics = dict.fromkeys(metric for row in rows for metric in row.scores)
    with_interval = dict.fromkeys([*WITH_INTERVAL, *(metric for row in rows for metric in row.by_metric)])
    intervals = [f"{metric}_interval" for metric in with_interval]
    known = dict.fromkeys([*COLUMNS, *metrics, *intervals])
    result: list[str] = []
    for name in [part.strip() for part in names.split(",")] if isinstance(names, str) else names:
        if name not in known and name not in ("default", "all"):
            raise UsageError(f"there is no column {name!r}; {did_you_mean(name, [*known, 'default', 'all'])}")
        result += DEFAULT if name == "default" else known if name == "all" else [name]
    return tuple(dict.fromkeys([*FIRST, *result]))


def of_metrics(metrics: BoardMetrics) -> tuple[str, ...]:
    """The columns of a board that shows these metrics, with their intervals; by default, `DEFAULT`."""
    if metrics.chosen is None:
        return DEFAULT
    shown = [
        name
        for metric in metrics.chosen
        for name in ((metric.name, f"{metric.name}_interval") if metrics.has_interval(metric) else (metric.name,))
    ]
    kept = [name for name in DEFAULT if name not in ("f1_micro", "f1_macro")]
    return tuple(dict.fromkeys([*kept[:-2], *shown, *kept[-2:]]))


def layout(names: Sequence[str]) -> dict[str, Any]:
    """How a table of these columns is laid out: keywords of `genrebench.layout.Grid`."""
    others = [name for name in reversed(names) if name not in (*FIRST, *BELOW_FIRST, *BELOW_LAST, *STAY)]
    return {
        "right": tuple(column(name).title for name in names if column(name).is_number),
        "name": column("model").title,
        "text": tuple(column(name).title for name in names if column(name).is_prose),
        "below": tuple(column(name).title for name in (*BELOW_FIRST, *others, *BELOW_LAST) if name in names),
    }


def column(name: str) -> Column:
    """A column by its name, which may be that of a metric or of an interval."""
    if name in COLUMNS:
        return COLUMNS[name]
    metric = name.removesuffix("_interval")  # no metric's name ends so
    title = name.replace("_", " ")
    if metric != name:
        return Column(f"{column(metric).title} 95 %", lambda row, _: _interval(row, metric), is_number=False)
    return Column(title, lambda row, _: number(row.scores[name]) if name in row.scores else "")


def _interval(row: Row, metric: str) -> str:
    return between(row.interval(metric))

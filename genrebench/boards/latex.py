"""Boards as LaTeX tables for papers, with the package booktabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from genrebench.boards.board_metrics import BoardMetrics, title
from genrebench.boards.row import Row, rank_range
from genrebench.plugin.metrics import MetricSpec
from genrebench.runs.record import TaskRecord
from genrebench.tables import latex_text, number


def latex(task: TaskRecord, rows: Sequence[Row], metrics: BoardMetrics, unit: str) -> str:
    """The rows of a board as a LaTeX table.

    Parameters
    ----------
    task : TaskRecord
    rows : sequence of Row
        In order of rank.
    metrics : BoardMetrics
        Which metrics have columns.
    unit : {"artist", "track"}
        Sampling unit of the intervals.

    Returns
    -------
    str
        A floating table with one row per model. A score is bold if its row is the only one that may be the best by this metric,
        with 95 % confidence; metrics without such a test have no bold score. Intervals are in brackets.
    """
    header = ["Rank", "Model", "Seeds", "Log loss", *(_heading(title(metric.name)) for metric in metrics.shown)]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{_caption(task, rows, unit)}}}",
        f"  \\begin{{tabular}}{{rlr{'l' * (1 + len(metrics.shown))}}}",
        r"    \toprule",
        f"    {' & '.join(header)} \\\\",
        r"    \midrule",
    ]
    for baseline in (False, True):
        kind = [row for row in rows if row.baseline == baseline]
        if baseline and 0 < len(kind) < len(rows):
            lines.append(r"    \midrule")
        lines += [f"    {' & '.join(_cells(row, rows, metrics))} \\\\" for row in kind]
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}"])


def _heading(name: str) -> str:
    return latex_text(name[:1].upper() + name[1:])


def _cells(row: Row, rows: Sequence[Row], metrics: BoardMetrics) -> list[str]:
    ranks = rank_range(row.rank_interval).replace(" .. ", "--")
    seeds = "" if row.baseline else str(len(row.seeds))
    best = _alone(rows, lambda other: other.may_be_best)
    cells = [ranks, latex_text(row.label), seeds, _score(row, "log_loss", bold=row is best)]
    return [*cells, *(_score(row, metric.name, bold=row is _best(rows, metric)) for metric in metrics.shown)]


def _best(rows: Sequence[Row], metric: MetricSpec) -> Row | None:
    """The only row that may be the best by a metric of a plugin."""
    return _alone(rows, lambda row: metric.name in row.by_metric and row.by_metric[metric.name].may_be_best is True)


def _alone(rows: Sequence[Row], is_candidate: Callable[[Row], bool]) -> Row | None:
    candidates = [row for row in rows if is_candidate(row)]
    return candidates[0] if len(candidates) == 1 and not candidates[0].baseline else None


def _score(row: Row, metric: str, *, bold: bool) -> str:
    value = number(row.scores.get(metric))
    if bold:
        value = f"\\textbf{{{value}}}"
    interval = row.interval(metric)
    return value if interval is None else f"{value} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _caption(task: TaskRecord, rows: Sequence[Row], unit: str) -> str:
    synthetic = ", synthetic music" if task.synthetic else ""
    text = (
        f"{task.dataset}{synthetic}, split {task.split_title}: {task.n_test} test tracks, {len(task.genres)} genres, task "
        f"{task.fingerprint}."
    )
    if any(row.intervals for row in rows):
        alone = any(row.population == "trained model" for row in rows)
        text += (
            f" Ranks and, in brackets, intervals hold with 95 % confidence for other tracks like these, by {unit}; ranks "
            "for all rows together."
        )
        text += " Those of one seed speak of one trained model." if alone else ""
        text += " Bold: the only row that may be the best."
    return latex_text(text)

"""The tables of a run: its genres, its confusions, what it was, and the details of its record."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genrebench.evaluation import metrics
from genrebench.jsontypes import plain
from genrebench.records import Predictions
from genrebench.runs.record import Run
from genrebench.tables import Table, age, number

FEW = 3
"""Number of genres and confusions that are named first."""

Row = tuple[str, object]


def genre_table(rows: Sequence[Mapping[str, Any]], predictions: Predictions | None = None) -> list[Table]:
    """Scores by genre, the lowest F1 first, and which genres its tracks were taken for; no table without scores.

    Parameters
    ----------
    rows : sequence of mapping
        As `genrebench.evaluation.error_analysis.genre_table` returns.
    predictions : Predictions, optional
    """
    if not rows:
        return []
    taken = {} if predictions is None else taken_for(predictions)
    ordered = sorted(rows, key=lambda row: (row["f1"] is None, row["f1"] or 0.0, row["genre"]))
    columns = ("genre", "tracks", "F1", "95 %", "precision", "precision, 95 %", "recall", "recall, 95 %", "taken for")
    cells = [
        (
            row["genre"],
            row["support"],
            *(cell for score in ("f1", "precision", "recall") for cell in (_two(row[score]), _ends(row[f"{score}_interval"]))),
            ", ".join(f"{genre} {n}" for genre, n in taken.get(row["genre"], [])[:FEW]),
        )
        for row in ordered
    ]
    title = "Genres, lowest F1 first (no interval where fewer than three artists, or tracks without artists, tell of one)"
    intervals = ("recall, 95 %", "precision, 95 %")
    right = tuple(column for column in columns if column not in ("genre", "taken for"))
    return [Table.of(columns, cells, title, right, text=("taken for",), below=intervals, drop=intervals)]


def worst_genres(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """The genres with the lowest F1, which may be none where there are few: (genre, F1)."""
    scored = sorted((row["f1"], row["genre"]) for row in rows if row["f1"] is not None)
    return [(genre, f1) for f1, genre in scored[: min(FEW, len(scored) // 2)]]


def taken_for(predictions: Predictions) -> dict[str, list[tuple[str, int]]]:
    """For each genre, the other genres that its tracks were predicted as, the most frequent first: (genre, tracks)."""
    counts = metrics.confusion(predictions.labels, predictions.probabilities)
    genres = predictions.genres
    return {
        genre: sorted(
            ((genres[j], int(n)) for j, n in enumerate(counts[i]) if j != i and n), key=lambda pair: (-pair[1], pair[0])
        )
        for i, genre in enumerate(genres)
    }


def confusion_table(predictions: Predictions) -> Table:
    """The confusion matrix as numbers of tracks; a column is named by the letter that stands before its genre."""
    counts = metrics.confusion(predictions.labels, predictions.probabilities)
    letters = [_letters(i) for i in range(len(predictions.genres))]
    rows = [
        (f"{letter} {genre}", *(str(n) if n else "·" for n in of_genre.tolist()))
        for letter, genre, of_genre in zip(letters, predictions.genres, counts, strict=True)
    ]
    title = "Confusions: the true genre in rows, the predicted one in columns"
    return Table.of(("", *letters), rows, title, letters, matrix=True)


def what_it_was(run: Run, folder: Path) -> Table:
    """The run in a few lines: model, options, data, times."""
    task, model = run.task, run.model
    times = ", ".join(f"{name.removesuffix('_s')} {seconds:.1f} s" for name, seconds in run.timings.items())
    ago = age(run.started, datetime.now(UTC))
    version = f" {model.version}" if model.version else ""
    rows: list[Row] = [
        ("run", run.id),
        ("status", run.status if not run.error else f"{run.status}: {run.error}"),
        ("started", f"{run.started[:16].replace('T', ' ')} UTC{f', {ago} ago' if ago else ''}"),
        ("model", f"{model.name} ({model.plugin}{version})"),
        ("options", " ".join(f"{key}={_text(value)}" for key, value in model.changed.items()) or "defaults"),
        ("calibrated", "on validation tracks" if model.calibrated else ""),
        ("seed", run.seed),
        ("features", model.feature_source),
        ("dataset", task.dataset_title),
        ("split", task.split_title if not task.split_seed else f"{task.split_title}, seed {task.split_seed}"),
        ("tracks", task.counts),
        ("excluded", f"{len(task.excluded)} tracks" if task.excluded else ""),
        ("extra training", "" if task.extra_training is None else task.extra_training.text(by_genre=True)),
        ("shared artists", task.shared_artists),
        ("time", times),
        ("peak memory", None if run.peak_rss_mb is None else f"{run.peak_rss_mb} MB"),
        ("folder", _relative(folder)),
    ]
    return Table.of(("", "what it was"), [row for row in rows if row[1] not in ("", None)], text=("what it was",))


def details(run: Run, scores: Mapping[str, float | None], curves: Sequence[Mapping[str, Any]]) -> Table:
    """Everything else that the record says."""
    task = {key: value for key, value in plain(run.task).items() if key not in ("excluded", "extra_training")}
    sections = {"metrics": dict(scores), "model": plain(run.model), "task": task, "facts": plain(run.facts)}
    sections["environment"] = dict(run.environment)
    rows = [row for section, values in sections.items() for row in flat(section, values)]
    return Table.of(("detail", "value"), [*rows, *_curves(curves)], text=("value",))


def flat(name: str, value: Any) -> Iterator[Row]:
    """The leaves of a mapping, with dotted names; lists are joined by commas."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(f"{name}.{key}", item)
    else:
        if (text := _text(value)) != "":
            yield name, text


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        nested = any(isinstance(item, list | tuple) for item in value)
        return ("; " if nested else ", ").join(map(_text, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items()) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _two(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _ends(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.2f} .. {ends[1]:.2f}"


def _letters(i: int) -> str:
    """a, b, ... z, aa, ab, ..."""
    alphabet = string.ascii_lowercase
    return alphabet[i] if i < len(alphabet) else _letters(i // len(alphabet) - 1) + alphabet[i % len(alphabet)]


def _relative(folder: Path) -> Path:
    """A path as seen from the current folder, if it is in it."""
    with contextlib.suppress(ValueError, OSError):
        return folder.relative_to(Path.cwd())
    return folder


def _curves(points: Sequence[Mapping[str, Any]]) -> list[Row]:
    """One row per curve, with the values of all epochs."""
    folds = {point["fold"] for point in points}
    curves: dict[str, list[str]] = {}
    for point in points:
        prefix = f"fold {int(point['fold']) + 1}." if len(folds) > 1 else ""
        for name, value in point.items():
            if name not in ("fold", "epoch"):
                curves.setdefault(f"curve.{prefix}{name}", []).append(number(value))
    return [(name, " ".join(values)) for name, values in curves.items()]

"""The page of a run, and the page of the tracks behind its confusion matrix."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genrebench.boards.row import Row
from genrebench.boards.rows import Board
from genrebench.boards.uncertainty import row_intervals
from genrebench.errors import StoreError
from genrebench.evaluation import calibration, error_analysis, metrics
from genrebench.figures import Curves, draw_calibration, draw_confusion, draw_curves
from genrebench.records import Predictions
from genrebench.report import drawings, files, sentences
from genrebench.report.board_pages import page_name
from genrebench.report.clips import Clips
from genrebench.report.pairs import pairs_with
from genrebench.report.site import render
from genrebench.report.strips import Strips
from genrebench.runs.contents import CURVES, stamp_of
from genrebench.runs.pages import taken_for
from genrebench.runs.record import Run
from genrebench.runs.reproduce import command_line
from genrebench.runs.store import RunStore

MAX_TRACKS = 200
"""Tracks that are listed behind one cell of the confusion matrix: the most confident ones. The predictions have all."""

MAX_HEARD = 5
"""Those of them whose audio is copied into the report."""

MAX_OTHER_SEEDS = 9

HIDDEN = ("temperature_scaling", "device", "parameters", "experiment", "by_fold")
"""Facts that a page shows elsewhere."""


@dataclass(frozen=True)
class RunPage:
    """What a run's page shows beside what is in its folder; in types that other processes can be sent.

    Parameters
    ----------
    root : Path
        Folder of the runs.
    run_id, label, board, board_page : str
    standing : str
        Rank on the board.
    scores : mapping of str to float
    intervals : mapping of str to (float, float)
        Those of the row, if it has one seed.
    guessing : mapping of str to mapping
        Scores of the baselines by name.
    seeds : tuple of (int, str)
        Seed and run id of all runs of the row.
    others : tuple of (str, str)
        Label and page of each comparison.
    with_files : bool
        Whether figures are written as files, too.
    """

    root: Path
    run_id: str
    label: str
    board: str
    board_page: str
    standing: str
    scores: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] | None
    guessing: Mapping[str, Mapping[str, float]]
    seeds: tuple[tuple[int, str], ...]
    others: tuple[tuple[str, str], ...]
    with_files: bool

    @classmethod
    def of(
        cls, board: Board, row: Row, run_id: str, store: RunStore, scores: Mapping[str, float], pairs: Any, *, with_files: bool
    ) -> RunPage:
        """The page of a run of a row."""
        standing = sentences.standing_sentence(row.rank, len(board.rows), row.rank_interval, len(row.seeds))
        return cls(
            root=store.root,
            run_id=run_id,
            label=row.label,
            board=f"{board.task.dataset}, split {board.task.split_title}",
            board_page=page_name(board),
            standing=standing,
            scores=dict(scores),
            intervals=dict(row.intervals) if len(row.runs) == 1 else None,
            guessing={other.model: dict(other.scores) for other in board.rows if other.baseline},
            seeds=tuple(zip(row.seeds, row.runs, strict=True)),
            others=tuple((other.label, page) for other, page in pairs_with(row, pairs)),
            with_files=with_files,
        )

    @property
    def page(self) -> str:
        """Name of the page."""
        return f"runs/{self.run_id}.html"

    def content(self) -> list[Any]:
        """All that the page is made from, in JSON types; what is in the run's folder by its time and size."""
        values = {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}
        store = RunStore(self.root)
        stamps = [_stamps(store.folder(run_id)) for _, run_id in self.seeds[: MAX_OTHER_SEEDS + 1]]
        return [values, _stamps(store.folder(self.run_id)), stamps]


def make(job: RunPage, folder: Path, clips: Clips) -> tuple[list[str], list[str]]:
    """Write the page of a run, that of its tracks, and its files to download.

    Returns
    -------
    files : list of str
        What was written, relative to the report.
    problems : list of str
        One line for each figure or curve that can't be shown.

    Raises
    ------
    StoreError
        If the run's predictions were damaged after the boards were computed.
    """
    store = RunStore(job.root)
    run = store.load(job.run_id)
    predictions = store.predictions(run)
    labels, p, genres = predictions.labels, predictions.probabilities, predictions.genres
    own = folder / "runs" / run.id
    own.mkdir(parents=True, exist_ok=True)
    counts = metrics.confusion(labels, p)
    shares = error_analysis.normalised_confusion(counts)
    bins = calibration.equal_bins(labels, p, predictions.groups)
    genre_rows = error_analysis.genre_table(labels, p, genres, predictions.groups)
    curves, problems = _curves(store, run, job.seeds)
    pictures, damaged = clips.figures(store.folder(run.id), run.id)
    title = f"{job.label}, seed {run.seed}"
    curves_svg = None
    if curves:
        figure = draw_curves(curves)
        curves_svg, curves_file = drawings.inline(figure, "curves", "Values over the epochs of the training")
    if job.with_files:
        drawings.write_files(draw_calibration(bins, title), None, own / "calibration")
        drawings.write_files(draw_confusion(shares, genres, title), None, own / "confusion")
        if curves:
            drawings.write_files(figure, curves_file, own / "curves")
    (own / "predictions.csv").write_bytes(store.predictions_file(run))
    (own / "genres.csv").write_bytes(files.records_as_csv(genre_rows))
    (own / "calibration.csv").write_bytes(files.records_as_csv(bins))
    intervals = job.intervals
    if intervals is None:
        intervals = row_intervals([[store.scored(run)]], len(genres), run.task.split)[0]
    temperature, advise = sentences.temperature_sentence(run, predictions)
    dataset = run.task.dataset
    mistakes = [m | {"clip": clips.clip(dataset, m["track"])} for m in error_analysis.confident_mistakes(predictions)]
    confused = taken_for(predictions)
    page = render(
        "run.html",
        root="../",
        job=job,
        run=run,
        scores=job.scores,
        intervals=intervals,
        guessing=job.guessing,
        summary=sentences.summary(job.label, job.scores, intervals.get("f1_micro"), job.guessing, genre_rows, predictions),
        genres=genres,
        genre_rows=sorted(genre_rows, key=lambda row: (row["f1"] is None, row["f1"] or 0.0, row["genre"])),
        confused=confused,
        strips=Strips(0.0, 1.0, (0.0, 0.5, 1.0)),
        pair_rows=error_analysis.pair_losses(labels, p, genres),
        counts=counts.tolist(),
        shares=shares.tolist(),
        support=counts.sum(axis=1).tolist(),
        mistakes=mistakes,
        bins=bins,
        shares_of=Strips(0.0, 1.0, (0.0, 0.5, 1.0)),
        confidence=sentences.confidence_sentence(bins),
        temperature=temperature,
        advise=advise,
        curves=curves_svg,
        n_other_seeds=sum(one.muted for one in curves),
        pictures=pictures,
        command=command_line(run) if run.model.origin in ("plugin", "file") else None,
        n_folds=run.task.n_folds,
        facts={name: value for name, value in _facts(run).items() if name not in HIDDEN},
        options=json.dumps(dict(run.model.changed), default=str),
    )
    (folder / job.page).write_text(page, encoding="utf-8", errors="replace")  # file names needn't be valid Unicode
    (own / "tracks.html").write_text(_tracks_page(job, run, predictions, clips), encoding="utf-8", errors="replace")
    written = [job.page, *(one.relative_to(folder).as_posix() for one in sorted(own.iterdir()))]
    return written, [*problems, *damaged]


def _stamps(folder: Path) -> Any:
    """What changes whenever one of the files of a run does that its page shows."""
    stamps: list[Any] = [stamp_of(folder)]
    for file in (folder / "run.json", folder / CURVES, *sorted((folder / "figures").glob("*.png"))):
        try:
            stat = file.stat()
        except OSError:
            continue
        stamps.append([file.name, stat.st_size, stat.st_mtime_ns, stat.st_ino])
    return stamps


def _curves(store: RunStore, run: Run, seeds: Sequence[tuple[int, str]]) -> tuple[list[Curves], list[str]]:
    """The curves of the run, after those of the other seeds of its row."""
    try:
        points = store.curves(run)
    except StoreError as error:
        return [], [str(error)]
    if not points:
        return [], []
    others = []
    for _, run_id in [one for one in seeds if one[1] != run.id][:MAX_OTHER_SEEDS]:
        try:
            others.append(Curves(store.curves(store.load(run_id)), muted=True))
        except StoreError:  # its own page says so
            continue
    return [*(one for one in others if one.points), Curves(points)], []


def _facts(run: Run) -> dict[str, Any]:
    """What the model recorded; of a run over several folds, the values of all folds where they differ."""
    facts = dict(run.facts)
    n_folds = run.task.n_folds
    if n_folds == 1:
        return facts
    by_fold = facts.get("by_fold")
    by_fold = by_fold if isinstance(by_fold, Mapping) else {}
    for name in facts:
        values = by_fold.get(name)
        if name in HIDDEN or not isinstance(values, Mapping):
            continue
        if len({json.dumps(value, sort_keys=True, default=str) for value in values.values()}) > 1:
            facts[name] = {f"fold {fold}:": value for fold, value in values.items()}
    return facts


def _tracks_page(job: RunPage, run: Run, predictions: Predictions, clips: Clips) -> str:
    """The tracks behind each cell of the confusion matrix, the most confident first."""
    labels, p = predictions.labels, predictions.probabilities
    predicted, confidence = p.argmax(axis=1), p.max(axis=1)
    losses = metrics.track_log_losses(labels, p)
    order = np.argsort(-confidence, kind="stable")
    cells: dict[tuple[int, int], list[int]] = {}
    for i in order.tolist():
        cells.setdefault((int(labels[i]), int(predicted[i])), []).append(i)
    support = np.bincount(labels, minlength=len(predictions.genres)).tolist()
    shown = [
        {
            "anchor": f"t{true}-p{answer}",
            "true": predictions.genres[true],
            "predicted": predictions.genres[answer],
            "right": true == answer,
            "n": len(rows),
            "support": support[true],
            "tracks": [
                (
                    predictions.ids[i],
                    float(confidence[i]),
                    float(p[i, true]),
                    float(losses[i]),
                    int(predictions.folds[i]) + 1,
                    clips.clip(run.task.dataset, predictions.ids[i]) if number < MAX_HEARD else None,
                )
                for number, i in enumerate(rows[:MAX_TRACKS])
            ],
        }
        for (true, answer), rows in sorted(cells.items())
    ]
    return render("tracks.html", root="../../", job=job, run=run, cells=shown, n_folds=run.task.n_folds, limit=MAX_TRACKS)

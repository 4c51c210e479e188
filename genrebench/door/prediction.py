"""Predictions of finished runs for audio files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genrebench import audio, files
from genrebench.audio import playlists
from genrebench.door.folders import Progress, open_run
from genrebench.door.opening import Say, open_session
from genrebench.errors import UsageError
from genrebench.plugin.objects import registered_object
from genrebench.runs import predict as predict_module
from genrebench.runs import submission
from genrebench.runs.file_predictions import FilePrediction, FilePredictions, require_writable
from genrebench.runs.result import RunResult
from genrebench.session import Session


def predict(
    files: str | Path | Sequence[str | Path],
    run: str | RunResult,
    *,
    timeline: bool = False,
    min_confidence: float = 0.0,
    out: str | Path | None = None,
    model: Any = None,
    runs: str | Path = "runs",
    device: str = "auto",
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
) -> FilePredictions:
    """Classify audio files with the model of a finished run.

    Parameters
    ----------
    files : path or sequence of paths
        Audio files; folders, which are searched with their subfolders; and playlists (.m3u, .m3u8). Duplicates are dropped.
    run : str or RunResult
        The run whose model to use.
    timeline : bool
        Also predict probabilities per second.
    min_confidence : float
        From 0 to 1: the answer is "unsure" for a file whose likeliest genre has a lower probability.
    out : path, optional
        A .csv, .json or .jsonl file to which the predictions are written; see `FilePredictions.write`.
    model : ModelSpec or scikit-learn classifier, optional
        The object that `run` was called with, for a run whose model isn't an installed one. What it learned is read from the
        run, and the object itself isn't fitted.
    runs, device, workers, progress, say
        As in `run`.

    Returns
    -------
    FilePredictions
        One per file. For a file that doesn't exist, can't be decoded or is silent, the probabilities are the genre frequencies
        of the training tracks, and `problem` says why.

    Raises
    ------
    UsageError
        If none of the files exists, a folder has no audio, a playlist names no file, the run has no fitted model, or the model
        has no timeline.
    """
    if not 0 <= min_confidence <= 1:
        raise UsageError(f"the least confidence {min_confidence!r} isn't a probability, a number from 0 to 1")
    if out is not None:
        require_writable(Path(out))
    given = [Path(file) for file in ([files] if isinstance(files, str | Path) else files)]
    if given and not any(os.path.exists(path) for path in given):  # noqa: PTH110, False for a name that is too long
        raise UsageError(f"there is no file {str(given[0])!r}")
    paths = playlists.expand(given, audio.find)
    session = open_session(device=device, workers=workers, progress=progress, say=say)
    predictions = _predict(open_run(run, runs), paths, model, session, timeline=timeline)
    predictions = predictions.with_min_confidence(min_confidence)
    if out is not None:
        predictions.write(out)
    return predictions


@dataclass(frozen=True)
class Submission:
    """A submission file.

    Parameters
    ----------
    out : Path
    predictions : FilePredictions
    """

    out: Path
    predictions: FilePredictions

    @property
    def problems(self) -> list[FilePrediction]:
        """Clips whose probabilities are the genre frequencies of the training tracks."""
        return [prediction for prediction in self.predictions if prediction.problem]

    def to_json(self) -> dict[str, Any]:
        """The result in JSON types."""
        problems = [{"file": str(prediction.path), "problem": prediction.problem} for prediction in self.problems]
        return {"out": str(self.out), "rows": len(self.predictions), "prior_used_for": problems}


def write_submission(
    run: str | RunResult,
    clips: str | Path,
    out: str | Path,
    *,
    model: Any = None,
    runs: str | Path = "runs",
    device: str = "auto",
    workers: int | None = None,
    progress: Progress = False,
    say: Say | None = None,
) -> Submission:
    """Classify a folder of clips and write a submission file in the challenge's format.

    Parameters
    ----------
    run : str or RunResult
    clips : path
        Folder of unlabelled clips; subfolders are included.
    out : path
        The CSV file to write.
    model : ModelSpec or scikit-learn classifier, optional
        As in `predict`.
    runs, device, workers, progress, say
        As in `run`.

    Returns
    -------
    Submission
        Clips that can't be decoded or are silent get the genre frequencies of the training tracks; none is dropped.
    """
    folder, target = Path(clips), Path(out)
    if not folder.is_dir():
        raise UsageError(f"there is no folder of clips {str(folder)!r}")
    files.require_place(target)
    paths = audio.find(folder)
    if not paths:
        raise UsageError(f"there are no audio files in {str(folder)!r}")
    session = open_session(device=device, workers=workers, progress=progress, say=say)
    run = open_run(run, runs)
    predictions = _predict(run, paths, model, session)
    submission.write(target, predictions, predictions.genres)
    if set(predictions.genres) != set(submission.GENRES):
        session.say(
            f"warning: run {run.id} has {len(predictions.genres)} genres, which aren't the challenge's "
            f"{len(submission.GENRES)}; the challenge rejects such files"
        )
    return Submission(target, predictions)


def _predict(run: RunResult, paths: Sequence[Path], model: Any, session: Session, *, timeline: bool = False) -> FilePredictions:
    passed = None if model is None else registered_object(model, run.record.model.name)
    return predict_module.predict(run.record, run.store, paths, session, timeline=timeline, registered=passed)

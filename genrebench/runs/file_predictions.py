"""Predictions for audio files, with tables and figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench import files
from genrebench.errors import UsageError
from genrebench.jsontypes import plain
from genrebench.plugin.contract import Timeline
from genrebench.tables import ShownSequence, Table, frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

UNSURE = "unsure"
"""The answer for a file whose likeliest genre is less likely than was asked for."""

SUFFIXES = (".csv", ".json", ".jsonl")
"""Suffixes of files to which predictions can be written."""

N_GENRES_SHOWN = 5
"""Number of genres per file that a table shows."""


@dataclass(frozen=True)
class FilePrediction:
    """Genre probabilities of one file.

    Parameters
    ----------
    path : Path
    probabilities : ndarray of shape (n_genres,)
        The genre frequencies of the training tracks if the file can't be decoded or is silent.
    genres : tuple of str
        In the order of the probabilities.
    problem : str or None
        Why the model wasn't used for the file.
    timeline : Timeline or None
        Probabilities per second of the excerpt that the model used, in seconds of the file; None if not requested.
    min_confidence : float
        Probability that the likeliest genre must have to be the answer.
    """

    path: Path
    probabilities: NDArray[np.float64]
    genres: tuple[str, ...]
    problem: str | None = None
    timeline: Timeline | None = None
    min_confidence: float = 0.0

    @property
    def genre(self) -> str | None:
        """The likeliest genre; "unsure" if it is less likely than `min_confidence`, None if the model wasn't used."""
        if self.problem:
            return None
        likeliest = int(self.probabilities.argmax())
        return UNSURE if self.probabilities[likeliest] < self.min_confidence else self.genres[likeliest]

    @property
    def confidence(self) -> float | None:
        """Probability of the likeliest genre; None if the model wasn't used for the file."""
        return None if self.problem else float(self.probabilities.max())

    def to_json(self) -> dict[str, Any]:
        """The prediction in JSON types."""
        result: dict[str, Any] = {
            "file": str(self.path),
            "genre": self.genre,
            "confidence": self.confidence,
            "probabilities": dict(zip(self.genres, self.probabilities.tolist(), strict=True)),
            "problem": self.problem,
        }
        if self.timeline is not None:
            result["timeline"] = {
                "seconds": self.timeline.seconds.tolist(),
                "probabilities": [dict(zip(self.genres, row.tolist(), strict=True)) for row in self.timeline.probabilities],
            }
        return result


def require_writable(file: Path) -> None:
    """Raise a `UsageError` if predictions can't be written to `file`, because of its suffix or its folder."""
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"predictions are written to {', '.join(SUFFIXES)}, not to {file.name!r}")
    files.require_place(file)


class FilePredictions(ShownSequence[FilePrediction]):
    """Predictions for several files.

    Parameters
    ----------
    predictions : iterable of FilePrediction
    genres : tuple of str
        In the order of the probabilities.
    """

    def __init__(self, predictions: Iterable[FilePrediction], genres: tuple[str, ...]) -> None:
        self._items = tuple(predictions)
        self.genres = genres

    def with_min_confidence(self, min_confidence: float) -> FilePredictions:
        """The same predictions, with the answer "unsure" where the likeliest genre has a lower probability."""
        return FilePredictions([replace(one, min_confidence=min_confidence) for one in self], self.genres)

    def to_json(self) -> list[dict[str, Any]]:
        """The predictions in JSON types."""
        return [prediction.to_json() for prediction in self]

    def to_frame(self) -> pd.DataFrame:
        """One row per file as a pandas DataFrame: genre, confidence, problem, and a column p:GENRE per genre."""
        return frame(self._rows(), index="file")

    def to_csv(self) -> str:
        """The values of `to_frame` as CSV, with full precision; without a header row if there are no files."""
        text = io.StringIO()
        rows = self._rows()
        writer = csv.DictWriter(text, rows[0] if rows else (), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def to_jsonl(self) -> str:
        """The values of `to_json` as JSON Lines: one object per file and line."""
        return "".join(json.dumps(plain(one)) + "\n" for one in self.to_json())

    def write(self, file: str | Path) -> None:
        """Write the predictions as CSV, JSON or JSON Lines, according to the file's suffix.

        Raises
        ------
        UsageError
            If the suffix is none of ``.csv``, ``.json`` and ``.jsonl``, or the file can't be written.
        """
        target = Path(file)
        require_writable(target)
        forms: dict[str, Callable[[], str]] = {
            ".csv": self.to_csv,
            ".jsonl": self.to_jsonl,
            ".json": lambda: f"{json.dumps(plain(self.to_json()), indent=2)}\n",
        }
        try:
            files.write(target, forms[target.suffix.lower()]().encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise UsageError(f"can't write {str(target)!r}: {error.strerror or error}") from None

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "file": str(prediction.path),
                "genre": prediction.genre,
                "confidence": prediction.confidence,
                "problem": prediction.problem,
                **{f"p:{genre}": p for genre, p in zip(self.genres, prediction.probabilities.tolist(), strict=True)},
            }
            for prediction in self
        ]

    def tables(self) -> list[Table]:
        """The most probable genres of each file."""
        columns = ("file", "most probable genres", "problem")
        return [Table.of(columns, [(one.path, self._most_probable(one), one.problem) for one in self])]

    def figure(self) -> Figure:
        """Draw the timelines, which `predict` computes with ``timeline=True``."""
        from genrebench.runs.figures import draw_timelines

        return draw_timelines([(one.path.name, one.timeline) for one in self if one.timeline is not None], self.genres)

    def _most_probable(self, prediction: FilePrediction) -> str:
        order = (-prediction.probabilities).argsort(kind="stable")[:N_GENRES_SHOWN]
        return ", ".join(f"{self.genres[i]} {prediction.probabilities[i]:.1%}" for i in order)

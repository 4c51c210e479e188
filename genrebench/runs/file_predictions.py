"""Predictions for audio files, with tables and figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genrebench.plugin.contract import Timeline
from genrebench.tables import ShownSequence, Table, frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
    """

    path: Path
    probabilities: NDArray[np.float64]
    genres: tuple[str, ...]
    problem: str | None = None
    timeline: Timeline | None = None

    @property
    def genre(self) -> str | None:
        """The likeliest genre; None if the model wasn't used for the file."""
        return None if self.problem else self.genres[int(self.probabilities.argmax())]

    def to_json(self) -> dict[str, Any]:
        """The prediction in JSON types."""
        result: dict[str, Any] = {
            "file": str(self.path),
            "genre": self.genre,
            "probabilities": dict(zip(self.genres, self.probabilities.tolist(), strict=True)),
            "problem": self.problem,
        }
        if self.timeline is not None:
            result["timeline"] = {
                "seconds": self.timeline.seconds.tolist(),
                "probabilities": [dict(zip(self.genres, row.tolist(), strict=True)) for row in self.timeline.probabilities],
            }
        return result


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

    def to_json(self) -> list[dict[str, Any]]:
        """The predictions in JSON types."""
        return [prediction.to_json() for prediction in self]

    def to_frame(self) -> pd.DataFrame:
        """One row per file as a pandas DataFrame: predicted genre, problem, and a column p:GENRE per genre."""
        return frame(
            [
                {
                    "file": str(prediction.path),
                    "genre": prediction.genre,
                    "problem": prediction.problem,
                    **{f"p:{genre}": p for genre, p in zip(self.genres, prediction.probabilities.tolist(), strict=True)},
                }
                for prediction in self
            ],
            index="file",
        )

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

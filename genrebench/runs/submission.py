"""Submission file of the WWW 2018 challenge.

Format: CSV with the columns ``file_id`` and the 16 genres, and one row per test clip; ``file_id`` is the file name without its
extension; rows sum to 1.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from genrebench import files
from genrebench.errors import DataError, UsageError
from genrebench.runs.file_predictions import FilePrediction
from genrebench.tables import spreadsheet_cell

GENRES = (
    "Blues",
    "Classical",
    "Country",
    "Easy Listening",
    "Electronic",
    "Experimental",
    "Folk",
    "Hip-Hop",
    "Instrumental",
    "International",
    "Jazz",
    "Old-Time / Historic",
    "Pop",
    "Rock",
    "Soul-RnB",
    "Spoken",
)
"""The genres of the challenge, in the order of the columns."""


def column_order(genres: Sequence[str]) -> list[int]:
    """Return the index in `genres` of each column of the submission.

    The challenge's 16 genres are put into its order; other genres keep their order.
    """
    return [list(genres).index(genre) for genre in (GENRES if set(genres) == set(GENRES) else genres)]


def write(out: Path, predictions: Sequence[FilePrediction], genres: Sequence[str]) -> None:
    """Write a submission file atomically.

    Parameters
    ----------
    out : Path
        The CSV file.
    predictions : sequence of FilePrediction
    genres : sequence of str
        In the order of the probabilities.

    Raises
    ------
    DataError
        If two clips have the same file name without extension.
    UsageError
        If the file can't be written.
    """
    order = column_order(genres)
    stems = [prediction.path.stem for prediction in predictions]
    duplicates = [stem for stem, count in Counter(stems).items() if count > 1]
    if duplicates:
        raise DataError(f"two clips are called {duplicates[0]!r}; file names without extension have to be unique")
    try:
        with (
            files.atomic(out) as temporary,
            temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
        ):
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["file_id", *(spreadsheet_cell(genres[i]) for i in order)])
            table.writerows(
                [stem, *(repr(float(p.probabilities[i])) for i in order)] for stem, p in zip(stems, predictions, strict=True)
            )
    except OSError as error:
        raise UsageError(f"can't write {str(out)!r}: {error.strerror}") from None

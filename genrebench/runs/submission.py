"""The challenge's submission file.

Format (WWW 2018 challenge): CSV, header ``file_id`` and the 16 genres; a row a test clip; ``file_id`` is the file's stem; rows
sum to 1.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from genrebench import files
from genrebench.errors import DataError, UsageError
from genrebench.runs.file_predictions import FilePrediction

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
"""The challenge's genres in the order of its columns."""


def column_order(genres: Sequence[str]) -> list[int]:
    """Return the index of each submission column's genre among `genres`.

    The challenge's 16 genres are put in its order; any other set of genres keeps its own.
    """
    return [list(genres).index(genre) for genre in (GENRES if set(genres) == set(GENRES) else genres)]


def write(out: Path, predictions: Sequence[FilePrediction], genres: Sequence[str]) -> None:
    """Write a submission, whole or not at all.

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
        If two clips have the same stem.
    UsageError
        If the file can't be written.
    """
    order = column_order(genres)
    stems = [prediction.path.stem for prediction in predictions]
    twice = [stem for stem, count in Counter(stems).items() if count > 1]
    if twice:
        raise DataError(f"two clips are called {twice[0]!r}; the submission needs one row a stem")
    try:
        with files.atomic(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["file_id", *(genres[i] for i in order)])
            table.writerows(
                [stem, *(repr(float(p.probabilities[i])) for i in order)] for stem, p in zip(stems, predictions, strict=True)
            )
    except OSError as error:
        raise UsageError(f"can't write {str(out)!r}: {error.strerror}") from None

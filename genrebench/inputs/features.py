"""The 518 columns of FMA: seven statistics over time of 74 rows of frames.

The recipe is that of FMA's features.csv, with the values that the librosa and the SciPy of 2017 gave. Two of its
peculiarities are part of what the columns mean: the rate of the audio is known to the constant-Q transform and to the mel
filters only, everything else takes it for 22,050 Hz; and ``rmse`` isn't divided by the length of the frame.

One thing is decided otherwise. Where a clip is digitally silent, or constant, the constant-Q transform holds nothing but
rounding, which the recipe scales up to a full chroma: chance, different on every machine. Here such frames have no pitch:
chroma_cqt, chroma_cens and tonnetz are 0 in them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genrebench import audio, files
from genrebench.errors import AudioError, DataError
from genrebench.inputs import cache
from genrebench.inputs.descriptors import N_FFT, describe
from genrebench.inputs.lazy import CachedArrays
from genrebench.inputs.spectra import FloatArray
from genrebench.plugin.contract import FeatureTable
from genrebench.plugin.inputs import Clip, InputContext, InputSpec, Prepared
from genrebench.records import Excerpt

VERSION = 2
ROWS = {
    "chroma_cens": 12,
    "chroma_cqt": 12,
    "chroma_stft": 12,
    "mfcc": 20,
    "rmse": 1,
    "spectral_bandwidth": 1,
    "spectral_centroid": 1,
    "spectral_contrast": 7,
    "spectral_rolloff": 1,
    "tonnetz": 6,
    "zcr": 1,
}
"""Number of rows of frames of each feature, in the order of the columns."""

STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")
COLUMNS = tuple((name, statistic, f"{i + 1:02d}") for name, n in ROWS.items() for statistic in STATISTICS for i in range(n))
"""(feature, statistics, number) of the 518 columns, in FMA's order."""


def prepare(wanted: FeatureTable, clips: Sequence[Clip], context: InputContext) -> Prepared:  # noqa: ARG001
    """Compute the 518 columns of `clips` into the cache; the choice of groups is the caller's.

    Raises
    ------
    AudioError
        If a clip can't be decoded.
    """
    shelf = cache.Shelf.of(context, "features", version=VERSION)
    lengths = cache.fill(shelf, clips, partial(compute_features, excerpt=context.excerpt), context, "Extracting features")
    rows = CachedArrays.of(shelf, clips, lengths)
    table = np.empty((len(clips), len(COLUMNS)))
    for i in range(len(clips)):
        table[i] = rows.read(i)
    return Prepared(table, COLUMNS, "extracted from audio")


SPEC = InputSpec(FeatureTable, "a table of numbers: given, or FMA's 518 columns", prepare)


LONGEST = 600
"""Seconds of audio that features are computed of, at most: 10 minutes at 44.1 kHz take 1 GB of memory."""


def compute_features(path: Path, *, excerpt: Excerpt) -> NDArray[np.float64]:
    """The 518 columns of one clip, shape (518,), at its native rate."""
    seconds = min(audio.info(path).seconds, excerpt.seconds or np.inf)
    if seconds > LONGEST:
        raise AudioError(
            f"{path}: {seconds / 60:.1f} minutes are too long for features, which are computed of {LONGEST / 60:.0f} at most; "
            f"use --excerpt {LONGEST} or less"
        )
    samples, rate = audio.read(path, excerpt)
    return features_of(samples, rate)


def features_of(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """The 518 columns of samples, shape (518,).

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Fewer than 2,048 are extended with silence.
    rate : int
        In Hz.
    """
    samples = audio.extended(samples, N_FFT)
    rows = describe(samples, rate)
    return np.concatenate([_statistics(rows[name]) for name in ROWS])


def write_csv(file: Path, ids: Sequence[str], table: NDArray[np.float64], columns: Sequence[tuple[str, ...]] = COLUMNS) -> None:
    """Write a table in the form of FMA's features.csv: three header rows, then the track id and its values.

    ``pandas.read_csv(file, index_col=0, header=[0, 1, 2])`` reads it, as FMA's own loader does. Values are written with as
    many digits as tell them apart.

    Parameters
    ----------
    file : Path
        Replaced as a whole, or not at all.
    ids : sequence of str
    table : ndarray, shape (n_tracks, n_columns)
    columns : sequence of tuple of str
        (feature, statistics, number) of each column.

    Raises
    ------
    DataError
        If the disk refuses the file.
    """
    try:
        with files.atomic(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            for level, name in enumerate(("feature", "statistics", "number")):
                writer.writerow([name, *(column[level] for column in columns)])
            writer.writerow(["track_id", *[""] * len(columns)])
            for id_, row in zip(ids, table, strict=True):
                writer.writerow([id_, *map(repr, row.tolist())])
    except OSError as error:
        raise DataError(f"can't write {file}: {error.strerror or error}") from None


def _statistics(values: FloatArray) -> NDArray[np.float64]:
    """The seven statistics over time of rows, shape (7 * n_rows,); a constant row has skew 0 and kurtosis -3.

    Moments are taken in double precision: in single, a skew or kurtosis near 0, what is left of larger numbers, is off in
    its third digit.

    Parameters
    ----------
    values : ndarray, shape (n_frames, n_rows)
    """
    rows = np.ascontiguousarray(values.T, dtype=np.float64)
    mean = rows.mean(axis=1)
    centred = rows - mean[:, None]
    squared = centred**2
    variance = squared.mean(axis=1)
    constant = variance <= (1e-7 * mean) ** 2  # rounding in single precision isn't variation
    scale = np.where(constant, 1.0, variance)
    found = {
        "kurtosis": np.where(constant, 0.0, np.mean(squared**2, axis=1) / scale**2) - 3.0,
        "max": rows.max(axis=1),
        "mean": mean,
        "median": np.median(rows, axis=1),
        "min": rows.min(axis=1),
        "skew": np.where(constant, 0.0, np.mean(squared * centred, axis=1) / scale**1.5),
        "std": np.sqrt(variance),
    }
    return np.concatenate([found[name] for name in STATISTICS])

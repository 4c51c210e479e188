"""FMA's 518 feature columns: seven statistics over time of 74 time series.

The recipe is that of FMA's features.csv, and gives the values of the librosa and SciPy versions of 2017. Two of its
peculiarities are kept because they define the columns: only the constant-Q transform and the mel filters use the audio's actual
sample rate, everything else assumes 22,050 Hz; and ``rmse`` isn't divided by the frame length.

There is one deviation. Where a clip is digitally silent or constant, its constant-Q transform is nothing but rounding noise,
which the recipe would scale up to a full chroma vector: random values that differ between machines. Here, chroma_cqt,
chroma_cens and tonnetz are 0 in such frames.
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
from genrebench.inputs import cache, examples
from genrebench.inputs.descriptors import N_FFT, describe
from genrebench.inputs.entries import CacheFolder
from genrebench.inputs.given import choose_groups, given
from genrebench.inputs.lazy import CachedArrays
from genrebench.inputs.spectra import FloatArray
from genrebench.plugin.contract import FeatureTable
from genrebench.plugin.inputs import Clip, Columns, InputContext, InputSpec, Prepared
from genrebench.records import Excerpt

VERSION = 2
N_SERIES = {
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
"""Number of time series of each feature, in the order of the columns."""

STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")
COLUMNS = tuple((name, statistic, f"{i + 1:02d}") for name, n in N_SERIES.items() for statistic in STATISTICS for i in range(n))
"""(feature, statistic, number) of the 518 columns, in FMA's order."""


def prepare(requested: FeatureTable, clips: Sequence[Clip], context: InputContext) -> Prepared:
    """Compute the 518 feature columns of `clips`, cached, and take the requested groups, or the columns of a trained model.

    Raises
    ------
    UsageError
        If there is no such group.
    DataError
        If a column of the trained model is a given one.
    AudioError
        If a clip can't be decoded.
    """
    chosen = _positions(context.columns) if context.columns else choose_groups(COLUMNS, requested.groups)
    folder = CacheFolder.of(context, "features", version=VERSION)
    lengths = cache.fill(folder, clips, partial(compute_features, excerpt=context.excerpt), context, "Extracting features")
    rows = CachedArrays.of(folder, clips, lengths)
    table = np.empty((len(clips), len(chosen)))
    for i in range(len(clips)):
        table[i] = rows.read(i)[chosen]
    return Prepared(table, tuple(COLUMNS[i] for i in chosen), "extracted from audio")


def _positions(columns: Columns) -> NDArray[np.int64]:
    position: dict[tuple[str, ...], int] = {column: i for i, column in enumerate(COLUMNS)}
    for column in columns:
        if column not in position:
            raise DataError(
                f"the model was trained on a given feature, {'/'.join(column)!r}, that can't be extracted from audio; "
                "predict with a model that was trained on extracted features"
            )
    return np.array([position[column] for column in columns], dtype=np.int64)


SPEC = InputSpec(
    FeatureTable,
    "one feature vector per track: precomputed, or FMA's 518 columns",
    prepare,
    examples.feature_table,
    given=given,
)


MAX_SECONDS = 600
"""Maximum length of audio for feature extraction: 10 minutes at 44.1 kHz take 1 GB of memory."""


def compute_features(path: Path, *, excerpt: Excerpt) -> NDArray[np.float64]:
    """The 518 feature values of one clip at its native sample rate, shape (518,)."""
    longest = excerpt.seconds or np.inf
    # only an excerpt that may be too long needs the file's length, which takes decoding the whole of an MP4
    if longest > MAX_SECONDS and (seconds := min(audio.info(path).seconds, longest)) > MAX_SECONDS:
        raise AudioError(
            f"{path}: {seconds / 60:.1f} minutes are too long for feature extraction, at most {MAX_SECONDS / 60:.0f}; "
            f"use --excerpt {MAX_SECONDS} or less"
        )
    samples, rate = audio.read(path, excerpt)
    return features_of(samples, rate)


def features_of(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """The 518 feature values of samples, shape (518,).

    Parameters
    ----------
    samples : ndarray of float32, shape (n_samples,)
        Padded with silence to at least 2,048.
    rate : int
        In Hz.
    """
    samples = audio.extended(samples, N_FFT)
    series = describe(samples, rate)
    return np.concatenate([_statistics(series[name]) for name in N_SERIES])


def write_csv(file: Path, ids: Sequence[str], table: NDArray[np.float64], columns: Sequence[tuple[str, ...]] = COLUMNS) -> None:
    """Write a table in the format of FMA's features.csv: three header rows, then one row per track.

    ``pandas.read_csv(file, index_col=0, header=[0, 1, 2])`` reads it, as FMA's own loader does. Values are written with the
    shortest representation that reads back exactly.

    Parameters
    ----------
    file : Path
        Written atomically.
    ids : sequence of str
    table : ndarray, shape (n_tracks, n_columns)
    columns : sequence of tuple of str
        (feature, statistic, number) of each column.

    Raises
    ------
    DataError
        If the file can't be written.
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
    """The seven statistics over time of several series, shape (7 * n_series,); a constant series has skew 0 and kurtosis -3.

    Moments are computed in double precision: in single precision, a skew or kurtosis near 0 is a small difference of larger
    numbers and wrong in its third digit.

    Parameters
    ----------
    values : ndarray, shape (n_frames, n_series)
    """
    rows = np.ascontiguousarray(values.T, dtype=np.float64)
    mean = rows.mean(axis=1)
    centred = rows - mean[:, None]
    squared = centred**2
    variance = squared.mean(axis=1)
    constant = variance <= (1e-7 * mean) ** 2  # rounding in single precision isn't variation
    scale = np.where(constant, 1.0, variance)
    statistics = {
        "kurtosis": np.where(constant, 0.0, np.mean(squared**2, axis=1) / scale**2) - 3.0,
        "max": rows.max(axis=1),
        "mean": mean,
        "median": np.median(rows, axis=1),
        "min": rows.min(axis=1),
        "skew": np.where(constant, 0.0, np.mean(squared * centred, axis=1) / scale**1.5),
        "std": np.sqrt(variance),
    }
    return np.concatenate([statistics[name] for name in STATISTICS])

"""The plain way of making inputs from audio: one library call after another, as a competent user would write it.

The benchmarks measure against it and the tests compare with it.
"""

import librosa
import numpy as np
import pandas as pd
import scipy.stats


def features(path):
    """FMA's 518 columns of a file, as a series with the official index, written with librosa and SciPy."""
    samples, rate = librosa.load(path, sr=None, mono=True)
    return features_of(samples, rate)


def features_of(samples, rate):
    """The same of samples."""
    table = {}

    def add(name, rows):
        with np.errstate(all="ignore"):
            # the SciPy of 2017 gave 0 and -3 for a constant row
            skew = np.nan_to_num(scipy.stats.skew(rows, axis=1), nan=0.0)
            kurtosis = np.nan_to_num(scipy.stats.kurtosis(rows, axis=1), nan=-3.0)
        statistics = {
            "mean": rows.mean(axis=1),
            "std": rows.std(axis=1),
            "skew": skew,
            "kurtosis": kurtosis,
            "median": np.median(rows, axis=1),
            "min": rows.min(axis=1),
            "max": rows.max(axis=1),
        }
        for statistic, values in statistics.items():
            for number, value in enumerate(values, start=1):
                table[name, statistic, f"{number:02d}"] = value

    add("zcr", librosa.feature.zero_crossing_rate(samples, frame_length=2048, hop_length=512))
    cqt = np.abs(librosa.cqt(samples, sr=rate, hop_length=512, bins_per_octave=12, n_bins=84, tuning=None, pad_mode="reflect"))
    add("chroma_cqt", librosa.feature.chroma_cqt(C=cqt, n_chroma=12, n_octaves=7, bins_per_octave=12))
    cens = librosa.feature.chroma_cens(C=cqt, n_chroma=12, n_octaves=7, bins_per_octave=12)
    add("chroma_cens", cens)
    add("tonnetz", librosa.feature.tonnetz(chroma=cens))
    stft = np.abs(librosa.stft(samples, n_fft=2048, hop_length=512, pad_mode="reflect"))
    add("chroma_stft", librosa.feature.chroma_stft(S=stft**2, n_chroma=12))
    add("rmse", np.sqrt(np.mean(stft**2, axis=0, keepdims=True)))
    add("spectral_centroid", librosa.feature.spectral_centroid(S=stft))
    add("spectral_bandwidth", librosa.feature.spectral_bandwidth(S=stft))
    add("spectral_contrast", librosa.feature.spectral_contrast(S=stft, n_bands=6))
    add("spectral_rolloff", librosa.feature.spectral_rolloff(S=stft))
    mel = librosa.feature.melspectrogram(sr=rate, S=stft**2)
    add("mfcc", librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20))
    return pd.Series(table, dtype=float).sort_index()


def frames(path, kind="mfcc", deltas=False, sample_rate=22050):
    """Frames of a file, (n_frames, n_values), with librosa's defaults; 20 MFCC, 128 mel bands or 12 pitch classes."""
    samples, rate = librosa.load(path, sr=sample_rate, mono=True)
    if kind == "chroma":
        values = librosa.feature.chroma_stft(y=samples, sr=rate)
    elif kind == "mel":
        values = librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=rate))
    else:
        values = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=20)
    if deltas:
        values = np.concatenate([values, librosa.feature.delta(values), librosa.feature.delta(values, order=2)])
    return values.T

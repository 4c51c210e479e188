import numpy as np
import pandas as pd
import pytest
import soundfile

from genrebench import inputs
from genrebench.api import AudioError, DataError, Excerpt, FeatureTable
from genrebench.inputs import features


def chord(seconds, rate, seed=0):
    """Something like music: a few partials with vibrato and beats, and noise."""
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(seed)
    tones = sum(np.sin(2 * np.pi * f * t + np.sin(5 * t)) for f in (110.3, 277.9, 331.0, 1244.5))
    return (0.1 * tones * (1 + np.sin(9 * t)) + 0.01 * rng.normal(size=len(t))).astype(np.float32)


def assert_close(ours, plain):
    assert np.isfinite(ours).all()
    assert list(plain.index) == list(features.COLUMNS)
    error = np.abs(ours - plain.to_numpy()) / np.maximum(np.abs(plain.to_numpy()), 1e-3)
    worst = int(error.argmax())
    assert error[worst] <= 1e-3, (features.COLUMNS[worst], ours[worst], plain.iloc[worst])


@pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")  # librosa's own imports
@pytest.mark.parametrize("i", range(8))
def test_real_clips_agree_with_the_plain_recipe(real_clips, plain, i):
    path = real_clips[i].path
    assert_close(features.compute_features(path, excerpt=Excerpt(None)), plain.features(path))


@pytest.mark.parametrize(
    ("seconds", "rate"), [(1.0, 44100), (5.0, 22050), (3.3, 48000), (4.0, 16000), (3.0, 11025), (3.0, 96000)]
)
def test_other_rates_and_lengths_agree_with_the_plain_recipe(plain, seconds, rate):
    samples = chord(seconds, rate)
    assert_close(features.features_of(samples, rate), plain.features_of(samples, rate))


def test_columns_are_the_official_ones_in_the_official_order(real_data):
    official = pd.read_csv(real_data / "fma" / "features_mfcc_2000.csv", header=[0, 1, 2], index_col=0, nrows=1)
    assert [tuple(column) for column in official.columns] == [column for column in features.COLUMNS if column[0] == "mfcc"]
    assert len(features.COLUMNS) == 518
    assert list(pd.MultiIndex.from_tuples(features.COLUMNS).sort_values()) == list(features.COLUMNS)


def test_a_table_is_prepared_in_the_order_of_the_clips(real_clips, context):
    clips = [real_clips[0], real_clips[1], real_clips[0]]
    table = inputs.prepare_clips(FeatureTable(("mfcc", "zcr")), clips, context)
    assert table.inputs.shape == (3, 147)
    assert np.array_equal(table.inputs[0], table.inputs[2])
    assert not np.array_equal(table.inputs[0], table.inputs[1])
    assert {column[0] for column in table.columns} == {"mfcc", "zcr"}
    assert table.source == "extracted from audio"


def test_the_csv_has_the_official_form(real_data, tmp_path):
    table = np.random.default_rng(0).normal(size=(3, 518)) * 10.0 ** np.arange(-10, 508)[None, :].clip(-10, 10)
    features.write_csv(tmp_path / "features.csv", ["2", "5", "10"], table)
    read = pd.read_csv(tmp_path / "features.csv", index_col=0, header=[0, 1, 2])
    assert read.index.tolist() == [2, 5, 10]
    assert (read.index.name, list(read.columns.names)) == ("track_id", ["feature", "statistics", "number"])
    assert np.array_equal(read.to_numpy(), table)
    official = pd.read_csv(real_data / "fma" / "features_mfcc_2000.csv", index_col=0, header=[0, 1, 2], nrows=1)
    assert read[["mfcc"]].columns.equals(official.columns)
    assert [path.name for path in tmp_path.iterdir()] == ["features.csv"]


def test_a_csv_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"can't write .*features\.csv"):
        features.write_csv(tmp_path / "absent" / "features.csv", ["a"], np.zeros((1, 518)))


def column(values, *name):
    return values[features.COLUMNS.index(name)]


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_silence_has_constant_rows_everywhere(rate):
    values = features.features_of(np.zeros(2 * rate, np.float32), rate)
    assert np.isfinite(values).all()
    assert column(values, "rmse", "max", "01") == 0
    assert column(values, "zcr", "skew", "01") == 0
    assert column(values, "zcr", "kurtosis", "01") == -3


@pytest.mark.parametrize("rate", [8000, 44100])
@pytest.mark.parametrize("level", [1e-3, 0.5, 1.0])
def test_a_constant_signal_has_finite_columns(rate, level):
    values = features.features_of(np.full(2 * rate, level, np.float32), rate)
    assert np.isfinite(values).all()
    assert column(values, "zcr", "mean", "01") < 0.01


PITCHED = ("chroma_cqt", "chroma_cens", "tonnetz")


def test_frames_without_sound_have_no_pitch_and_all_else_agrees_with_the_plain_recipe(plain):
    rate, rng = 44100, np.random.default_rng(0)
    samples = 0.1 * rng.normal(size=5 * rate).astype(np.float32)
    samples[2 * rate : 4 * rate] = 0
    ours, theirs = features.features_of(samples, rate), plain.features_of(samples, rate)
    others = [i for i, (name, *_) in enumerate(features.COLUMNS) if name not in PITCHED]
    np.testing.assert_allclose(ours[others], theirs.to_numpy()[others], rtol=1e-3, atol=1e-6)
    for i in range(1, 13):
        assert column(ours, "chroma_cqt", "min", f"{i:02d}") == 0


@pytest.mark.parametrize("level", [0.01, 0.5])
def test_a_constant_signal_has_no_pitch(level):
    values = features.features_of(np.full(3 * 44100, level, np.float32), 44100)
    for i in range(1, 13):
        assert column(values, "chroma_cqt", "median", f"{i:02d}") == 0
    for i in range(1, 7):
        assert column(values, "tonnetz", "median", f"{i:02d}") == 0


def test_more_than_ten_minutes_are_asked_to_be_cut(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(601 * 1000, np.float32), 1000)
    with pytest.raises(AudioError, match=r"long\.wav: 10\.0 minutes are too long .* --excerpt 600"):
        features.compute_features(tmp_path / "long.wav", excerpt=Excerpt(None))
    with pytest.raises(AudioError, match="--excerpt 600"):
        features.compute_features(tmp_path / "long.wav", excerpt=Excerpt(601))
    assert np.isfinite(features.compute_features(tmp_path / "long.wav", excerpt=Excerpt(5.0))).all()


@pytest.mark.parametrize("n_samples", [1, 2, 500, 2047, 2048, 2049, 10_000])
@pytest.mark.parametrize("rate", [4000, 8000, 44100])
def test_very_short_clips_have_features(n_samples, rate):
    values = features.features_of(chord(n_samples / rate, rate)[:n_samples], rate)
    assert values.shape == (518,)
    assert np.isfinite(values).all()


def test_low_rates_keep_the_pitch():
    # up to 8 kHz the highest filters of the constant-Q transform lie beyond what the rate can hold
    rate = 8000
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(3 * rate) / rate).astype(np.float32)
    values = features.features_of(tone, rate)
    chroma = [column(values, "chroma_cqt", "mean", f"{i:02d}") for i in range(1, 13)]
    assert int(np.argmax(chroma)) == 9  # A


def test_not_a_number_is_an_error_that_names_the_file(tmp_path):
    samples = chord(1.0, 22050)
    samples[3] = np.nan
    soundfile.write(tmp_path / "x.wav", samples, 22050, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"x\.wav"):
        features.compute_features(tmp_path / "x.wav", excerpt=Excerpt())

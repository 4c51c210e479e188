import pickle
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from genrebench import audio, inputs
from genrebench.api import AudioError, Clip, DataError, Excerpt, InputContext, UsageError, Waveforms


@pytest.fixture
def clips(tmp_path):
    """Three clips of 16-bit noise of different lengths at 16 kHz."""
    rng = np.random.default_rng(0)
    for name, n_samples in {"a": 16000, "b": 20000, "c": 5}.items():
        soundfile.write(tmp_path / f"{name}.wav", rng.integers(-32768, 32768, n_samples).astype(np.int16), 16000)
    return inputs.make_clips({name: tmp_path / f"{name}.wav" for name in "abc"}, {})


@pytest.mark.parametrize("cached", [True, False])
def test_16_bit_samples_come_back_exactly(clips, context, cached):
    lazy = inputs.prepare_clips(Waveforms(16000), clips, replace(context, cached=cached)).inputs
    assert len(lazy) == 3
    assert lazy.lengths.tolist() == [16000, 20000, 5]
    for clip, samples in zip(clips, lazy, strict=True):
        assert samples.dtype == np.float32
        assert np.array_equal(samples, soundfile.read(clip.path, dtype="float32")[0])


@pytest.mark.parametrize("cached", [True, False])
def test_a_part_a_slice_and_a_copy_read_the_same(clips, context, cached):
    lazy = inputs.prepare_clips(Waveforms(16000), clips, replace(context, cached=cached)).inputs
    assert np.array_equal(lazy.read(1, 100, 300), lazy[1][100:300])
    assert np.array_equal(lazy.read(1, 19_990), lazy[1][19_990:])
    assert lazy.read(1, 30_000).shape == (0,)
    assert np.array_equal(lazy[-1], lazy[2])
    assert np.array_equal(lazy[1:][0], lazy[1])
    assert lazy.subset([2, 0, 0]).lengths.tolist() == [5, 16000, 16000]
    assert np.array_equal(lazy.subset([2, 1]).subset([1])[0], lazy[1])
    assert np.array_equal(pickle.loads(pickle.dumps(lazy))[1], lazy[1])
    with pytest.raises(IndexError):
        lazy[3]


def test_cached_and_uncached_agree_on_real_clips(real_clips, context):
    cached, uncached = (
        inputs.prepare_clips(Waveforms(8000), real_clips[1:2], replace(context, cached=kept)).inputs for kept in (True, False)
    )
    assert cached.lengths.tolist() == uncached.lengths.tolist()
    assert np.array_equal(cached[0], uncached[0])
    decoded, _ = audio.read(real_clips[1].path, Excerpt(), sample_rate=8000)
    assert np.abs(cached[0] - decoded).max() <= 1 / 65536


def test_samples_beyond_full_scale_are_clipped(tmp_path, context):
    soundfile.write(tmp_path / "a.wav", np.array([1.5, -1.5, 0.25] * 100), 16000, subtype="FLOAT")
    lazy = inputs.prepare_clips(Waveforms(16000), inputs.make_clips({"a": tmp_path / "a.wav"}, {}), context).inputs
    assert lazy[0][:3].tolist() == [1 - 1 / 32768, -1.0, 0.25]


def test_the_middle_is_what_is_seen(clips, tmp_path):
    lazy = inputs.prepare_clips(Waveforms(16000), clips, InputContext(tmp_path / "cache", Excerpt(0.5))).inputs
    assert lazy.lengths.tolist() == [8000, 8000, 5]
    assert np.array_equal(lazy[0], soundfile.read(clips[0].path, dtype="float32")[0][4000:12000])


@pytest.mark.parametrize("cached", [True, False])
def test_without_a_rate_each_file_keeps_its_own(tmp_path, context, cached):
    rng = np.random.default_rng(0)
    rates = {"a": 22_050, "b": 48_000, "c": 44_100}
    for name, rate in rates.items():
        soundfile.write(tmp_path / f"{name}.wav", rng.integers(-32768, 32768, rate).astype(np.int16), rate)
    clips = inputs.make_clips({name: tmp_path / f"{name}.wav" for name in "abc"}, {})
    prepared = inputs.prepare_clips(Waveforms(None), clips, replace(context, cached=cached, excerpt=Excerpt(0.5)))
    lazy = prepared.inputs
    assert prepared.source == "audio at its own rate"
    assert lazy.sample_rates.tolist() == list(rates.values())
    assert lazy.lengths.tolist() == [11_025, 24_000, 22_050]
    for clip, samples in zip(clips, lazy, strict=True):
        assert np.array_equal(samples, audio.read(clip.path, Excerpt(0.5))[0])
    chosen = pickle.loads(pickle.dumps(lazy.subset([2, 0, 0])))
    assert chosen.sample_rates.tolist() == [44_100, 22_050, 22_050]
    assert np.array_equal(chosen.read(1, 100, 300), lazy[0][100:300])
    assert inputs.prepare_clips(Waveforms(44_100), clips, context).inputs.sample_rates is None


def test_a_disk_without_room_is_noticed_before_anything_is_decoded(tmp_path):
    size = 1 << 45  # 32 TiB of silence that the disk doesn't hold
    header = b"RF64\xff\xff\xff\xffWAVEds64" + (28).to_bytes(4, "little")
    header += (size + 72).to_bytes(8, "little") + size.to_bytes(8, "little") + (size // 2).to_bytes(8, "little") + bytes(4)
    header += b"fmt " + (16).to_bytes(4, "little") + bytes([1, 0, 1, 0]) + (16000).to_bytes(4, "little")
    header += (32000).to_bytes(4, "little") + bytes([2, 0, 16, 0]) + b"data\xff\xff\xff\xff"
    path = tmp_path / "endless.wav"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(1 << 43)
    context = InputContext(tmp_path / "cache", Excerpt(None))
    with pytest.raises(DataError, match=r"needs [\d.]+ GB of disk and [\d.]+ GB are free"):
        inputs.prepare_clips(Waveforms(16000), [Clip("a", path, "0" * 32)], context)
    assert not context.cache.exists()


@pytest.mark.parametrize("rate", [0, -1, 10**9])
def test_a_rate_out_of_range_is_refused(context, rate):
    with pytest.raises(UsageError, match=str(rate)):
        inputs.prepare_clips(Waveforms(rate), [], context)


def test_without_a_cache_a_bad_file_is_named_when_it_is_read(tmp_path, context):
    (tmp_path / "bad.mp3").write_bytes(b"no audio")
    bad = [Clip("a", tmp_path / "bad.mp3", "0" * 32)]
    lazy = inputs.prepare_clips(Waveforms(), bad, replace(context, cached=False)).inputs
    with pytest.raises(AudioError, match=r"bad\.mp3"):
        lazy[0]

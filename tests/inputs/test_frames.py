from dataclasses import replace

import numpy as np
import pytest
import soundfile

from genrebench import inputs
from genrebench.api import Excerpt, Frames, UsageError
from genrebench.inputs import frames
from genrebench.plugin.isolation import one_blas_thread

KINDS = [Frames("mfcc"), Frames("mfcc", deltas=True), Frames("mel", n_coefficients=128), Frames("chroma", n_coefficients=12)]


@pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated:DeprecationWarning")  # librosa's own imports
@pytest.mark.parametrize("requested", KINDS, ids=lambda requested: requested.kind + "+deltas" * requested.deltas)
@pytest.mark.parametrize("i", [0, 6])
def test_real_clips_have_librosas_values(real_clips, plain, requested, i):
    theirs = plain.frames(real_clips[i].path, requested.kind, requested.deltas)
    ours = frames.compute_frames(real_clips[i].path, requested=requested, excerpt=Excerpt(None))
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_other_hops_and_windows_have_librosas_values():
    import librosa

    samples = np.random.default_rng(0).normal(size=30_000).astype(np.float32) * 0.1
    requested = Frames(sample_rate=16000, hop_length=160, n_fft=400, n_coefficients=13)
    theirs = librosa.feature.mfcc(y=samples, sr=16000, n_mfcc=13, n_fft=400, hop_length=160).T
    assert np.allclose(frames.frames_of(samples, 16000, requested), theirs, atol=1e-4 * np.abs(theirs).max())


def test_frames_are_read_in_part(real_clips, context):
    lazy = inputs.prepare_clips(Frames(), real_clips[:2], context).inputs
    assert lazy.lengths.tolist() == [len(sequence) for sequence in lazy]
    assert np.array_equal(lazy.read(1, 100, 150), lazy[1][100:150])
    assert lazy[1].shape[1] == 20


def test_without_a_cache_nothing_is_kept_and_the_frames_are_the_same(real_clips, tmp_path, context):
    soundfile.write(tmp_path / "short.wav", np.full(100, 0.1), 8000)
    clips = [real_clips[0], *inputs.make_clips({"short": tmp_path / "short.wav"}, {})]
    uncached = inputs.prepare_clips(Frames(), clips, replace(context, cached=False)).inputs
    with one_blas_thread():  # as in a run
        got = [uncached[0], uncached[1], uncached.read(0, 5, 9)]
    assert not context.cache.exists()
    cached = inputs.prepare_clips(Frames(), clips, context).inputs
    assert uncached.lengths.tolist() == cached.lengths.tolist()
    for ours, theirs in zip(got, [cached[0], cached[1], cached.read(0, 5, 9)], strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("requested", KINDS, ids=lambda requested: requested.kind + "+deltas" * requested.deltas)
@pytest.mark.parametrize("n_samples", [1, 1000, 3000])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_silence_and_very_short_clips_have_frames(requested, n_samples, level):
    samples = level * np.random.default_rng(0).uniform(-1, 1, n_samples).astype(np.float32)
    values = frames.frames_of(samples, 22050, requested)
    assert values.shape[0] == 1 + max(n_samples, 2048) // 512
    assert np.isfinite(values).all()


def test_each_setting_has_entries_of_its_own(tmp_path, context):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 30_000), 22050)
    clips = inputs.make_clips({"a": tmp_path / "a.wav"}, {})
    shapes = [
        inputs.prepare_clips(requested, clips, context).inputs[0].shape
        for requested in (Frames(), Frames(deltas=True), Frames(n_coefficients=13), Frames(hop_length=1024), Frames("mel"))
    ]
    assert shapes == [(59, 20), (59, 60), (59, 13), (30, 20), (59, 20)]


@pytest.mark.parametrize("wrong", [Frames("cepstrum"), Frames(hop_length=0), Frames(n_coefficients=129), Frames(sample_rate=0)])
def test_a_number_out_of_range_is_refused(context, wrong):
    with pytest.raises(UsageError):
        inputs.prepare_clips(wrong, [], context)

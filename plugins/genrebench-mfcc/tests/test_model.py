"""mfcc-frames through the model contract."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genrebench.api import Context, Examples, Frames, InputContext, PluginError, UsageError, log_loss
from genrebench.inputs import make_clips, prepare_clips
from genrebench.plugin.options import parse_options
from genrebench.plugin.registry import installed_plugins
from genrebench.testing import ListInputs, assert_conforms
from genrebench_mfcc import genrebench_models

SPEC = genrebench_models()[0]
GENRES = ("fast", "slow")


def build(settings, genres=GENRES, **context):
    return SPEC.build(Context(genres, **{"device": "cpu", **context}), parse_options(SPEC.name, SPEC.options, settings))


def test_contract_with_augmentation(small):
    learns = {"crop_seconds": 1.5, "epochs": 12, "learning_rate": 0.02}
    assert_conforms(SPEC, **{**small, **learns, "gain_db": 1.0, "mask_seconds": 0.5, "short_crops": 0.5})


def test_asks_for_mfcc_frames():
    options = parse_options(SPEC.name, SPEC.options, {})
    assert SPEC.inputs(options) == Frames("mfcc", 22050, 512, 2048, 64)


def test_it_learns_from_the_order_of_the_frames(small, examples):
    facts, points = {}, []
    model = build(small, record=facts.__setitem__, log=lambda epoch, values: points.append((epoch, values)))
    model.fit(examples(25), examples(6, seed=1))
    test = examples(10, seed=2)
    assert log_loss(test.labels, model.predict_proba(test.inputs)) < 0.2
    shuffled = ListInputs([np.random.default_rng(0).permutation(x) for x in test.inputs])
    assert model.predict_proba(shuffled)[:, 0].min() > 0.5  # shuffled, every track moves fast
    assert facts["temperature"]["fitted_on"] == "validation"
    assert facts["parameters"] == sum(p.numel() for p in model.network.parameters())
    assert [epoch for epoch, _ in points] == list(range(1, facts["epochs"] + 1))
    assert set(points[0][1]) == {"training_loss", "validation_log_loss"}


def test_temperature_of_inner_folds_without_validation(small, examples):
    facts = {}
    model = build({**small, "epochs": 4}, record=facts.__setitem__)
    model.fit(examples(12), examples(0))
    assert facts["temperature"]["fitted_on"] == "inner folds by artist"
    assert facts["temperature"]["tracks"] == 24
    assert facts["kept_epoch"] == 4
    assert model.scale.temperature == facts["temperature"]["value"]
    figure = model.figures()["calibration"]
    (accuracy,) = figure.axes
    said = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert said == [
        f"before: log loss {facts['temperature']['log_loss_before']:.3f}",
        f"cross-fitted: log loss {facts['temperature']['log_loss_cross_fitted']:.3f}",
    ]
    assert "24 tracks of inner folds by artist" in accuracy.get_title()
    assert f"The temperature {model.scale.temperature:.2f} is fitted on all of these tracks" in figure.get_label()
    assert all(len(line.get_xdata()) == 24 // 4 for line in accuracy.lines[1:])


def four_genres(examples, n, seed):
    """Each of the two genres at two levels, and one artist each."""
    plain = examples(2 * n, seed=seed)
    labels = plain.labels + 2 * (np.arange(len(plain)) // 2 % 2)
    inputs = ListInputs([x + 2 * (label // 2) for x, label in zip(plain.inputs, labels, strict=True)])
    return Examples(inputs, labels, labels)


def test_one_artist_per_genre_gives_a_plausible_temperature(small, examples):
    # held out by artist, a network would predict a genre that it was never trained on
    train, test = four_genres(examples, 12, 0), four_genres(examples, 10, 2)
    losses, facts = {}, {}
    for calibrate in (False, True):
        model = build({**small, "calibrate": calibrate}, ("a", "b", "c", "d"), record=facts.__setitem__)
        model.fit(train, examples(0))
        losses[calibrate] = log_loss(test.labels, model.predict_proba(test.inputs))
    assert facts["temperature"]["fitted_on"] == "inner folds by track"
    assert facts["temperature"]["tracks"] == 48
    assert facts["temperature"]["value"] < 1.3
    assert losses[True] < losses[False] + 0.02


def test_validation_tracks_of_a_genre_without_training_tracks_are_not_calibrated_on(small, examples):
    facts = {}
    train, validation = examples(6), examples(6, seed=1)
    fast = np.flatnonzero(train.labels == 0)
    model = build({**small, "epochs": 2}, record=facts.__setitem__)
    model.fit(Examples(train.inputs.subset(fast.tolist()), train.labels[fast], train.groups[fast]), validation)
    assert facts["temperature"]["tracks"] == 6


def test_too_few_tracks_give_no_temperature(small, examples):
    facts = {}
    model = build({**small, "epochs": 1}, record=facts.__setitem__)
    model.fit(examples(1), examples(0))
    assert (facts["temperature"]["fitted_on"], facts["temperature"]["value"]) == ("nothing", 1.0)
    assert facts["temperature"]["tracks"] == 0
    assert "calibration" not in model.figures()


def test_short_clips_get_cautious_probabilities(small, examples):
    model = build({**small, "crop_seconds": 6.0, "mask_seconds": 0.0})  # a mask would hide half of these crops
    model.fit(examples(25), examples(10, seed=1))
    test = examples(20, seed=2)
    losses = [
        log_loss(test.labels, model.predict_proba(ListInputs([x[:n] for x in test.inputs]))) for n in (0, 1, 3, 10, 30, 120)
    ]
    assert max(losses) < np.log(2) + 0.05
    assert losses[0] == pytest.approx(np.log(2), abs=0.02)
    assert losses[-1] < 0.2


class Elsewhere(torch.Tensor):
    """A tensor on a device without doubles, such as MPS; `cpu` copies it to the CPU."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.cpu:
            return super().__torch_function__(func, types, args, kwargs or {}).as_subclass(torch.Tensor)
        result = super().__torch_function__(func, types, args, kwargs or {})
        with torch._C.DisableTorchFunctionSubclass():
            for value in (*args, *(kwargs or {}).values(), result):
                if isinstance(value, torch.Tensor) and value.dtype == torch.float64:
                    raise TypeError(f"{func.__name__}: there are no doubles here")
        return result


def test_no_doubles_on_the_device(small, examples):
    model = build({**small, "epochs": 2})
    for module in model.network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.as_subclass(Elsewhere))
    with pytest.raises(TypeError, match="no doubles"):
        model.network.frame_mean.double()
    model.fit(examples(4), examples(2))
    assert np.isfinite(model.predict_proba(examples(2).inputs)).all()
    assert len(model.predict_timeline(examples(2).inputs)) == 4


def test_tracks_of_any_length_get_probabilities(small, examples):
    model = build({**small, "epochs": 1})
    model.fit(examples(4), examples(0))
    rng = np.random.default_rng(0)
    odd = [rng.normal(size=(n, 4)) for n in (0, 1, 2, 7, 59, 60, 61, 5000)] + [np.full((200, 4), -1131.0), np.zeros((200, 4))]
    p = model.predict_proba(ListInputs(odd))
    assert np.isfinite(p).all()
    assert p.sum(axis=1) == pytest.approx(np.ones(len(odd)))
    lines = model.predict_timeline(ListInputs(odd))
    assert [len(line.seconds) for line in lines] == [1, 1, 1, 1, 3, 3, 3, 250, 10, 10]


def test_training_tracks_of_any_length(small):
    rng = np.random.default_rng(0)
    inputs = ListInputs([rng.normal(size=(n, 4)) for n in (1, 3, 500, 60, 9, 200)])
    model = build({**small, "epochs": 2})
    model.fit(
        Examples(inputs, np.array([0, 1] * 3), np.arange(6)), Examples(inputs.subset([]), np.zeros(0, int), np.zeros(0, int))
    )
    assert np.isfinite(model.predict_proba(inputs)).all()


def test_timeline_follows_the_music(small, examples):
    model = build(small)
    model.fit(examples(25), examples(0))
    rng = np.random.default_rng(5)
    fast, slow = rng.normal(size=(600, 4)), np.repeat(rng.normal(size=(60, 4)), 10, axis=0)
    (line,) = model.predict_timeline(ListInputs([np.concatenate([fast, slow])]))
    assert line.seconds.tolist() == list(range(60))
    assert line.probabilities[:28, 0].min() > 0.5
    assert line.probabilities[32:, 1].min() > 0.5


@pytest.mark.parametrize("seconds", [5, 30])
def test_timeline_has_one_value_per_second(small, examples, seconds):
    model = build({**small, "epochs": 1})
    model.fit(examples(4), examples(0))
    frames = 1 + seconds * 20  # centred frames: one more than hops
    (line,) = model.predict_timeline(ListInputs([np.random.default_rng(0).normal(size=(frames, 4))]))
    assert line.seconds.tolist() == list(range(seconds))


def test_timeline_seconds_sets_the_length_of_the_excerpts(small, examples):
    model = build(small)
    model.fit(examples(25), examples(0))
    rng = np.random.default_rng(5)
    piece = [rng.normal(size=(60, 4)), np.repeat(rng.normal(size=(6, 4)), 10, axis=0)]  # three seconds each
    track = ListInputs([np.concatenate(piece * 5)])
    truth = np.arange(30) // 3 % 2
    losses = []
    for seconds in (1.0, 3.0, 15.0):
        other = build({**small, "timeline_seconds": seconds})
        other.network.load_state_dict(model.network.state_dict())
        losses.append(log_loss(truth, other.predict_timeline(track)[0].probabilities))
    assert losses[0] < losses[1] < losses[2]


class Watched(ListInputs):
    """Records the longest piece that was read."""

    longest = 0

    def read(self, index, start=0, stop=None):
        piece = super().read(index, start, stop)
        Watched.longest = max(Watched.longest, len(piece))
        return piece

    def subset(self, indices):
        return Watched([self.arrays[i] for i in indices])


def test_tracks_are_read_crop_by_crop(small, examples):
    train = examples(4, n_frames=1000)
    model = build({**small, "epochs": 1})
    model.fit(Examples(Watched(train.inputs), train.labels, train.groups), examples(2))
    model.predict_proba(Watched(train.inputs))
    model.predict_timeline(Watched(train.inputs))
    assert Watched.longest == 60


def test_normalisation_uses_the_training_part_alone(small, examples):
    train = examples(6)
    scale, shift = np.array([1, 10, 100, 0], dtype=np.float32), np.array([0, 5, -50, 7], dtype=np.float32)
    moved = Examples(ListInputs([x * scale + shift for x in train.inputs]), train.labels, train.groups)
    other = examples(3, seed=1)
    far = Examples(ListInputs([x + 1000 for x in other.inputs]), other.labels, other.groups)
    model = build({**small, "epochs": 1, "crop_seconds": 6.0})  # whole tracks
    model.fit(moved, far)
    everything = np.concatenate([np.asarray(x) for x in moved.inputs])
    assert model.network.frame_mean.numpy() == pytest.approx(everything.mean(axis=0), abs=1e-3)
    assert model.network.frame_deviation.numpy()[:3] == pytest.approx(everything.std(axis=0)[:3], rel=1e-3)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("validated", [True, False], ids=["validation", "inner folds"])
@pytest.mark.parametrize("at", [1, 5])
def test_a_resumed_training_equals_an_uninterrupted_one(small, examples, tmp_path, at, validated):
    settings = {**small, "epochs": 6, "mask_seconds": 1.0, "gain_db": 1.0}
    train, validation = examples(10), examples(4 if validated else 0, seed=1)

    def stop(epoch, _):
        if epoch == at:
            raise StoppedError

    with pytest.raises(StoppedError):
        build(settings, checkpoints=tmp_path, log=stop).fit(train, validation)
    points = {}
    resumed, whole = build(settings, checkpoints=tmp_path, log=points.__setitem__), build(settings)
    resumed.fit(train, validation)
    whole.fit(train, validation)
    assert sorted(points) == [1, 2, 3, 4, 5, 6]
    assert resumed.scale.temperature == whole.scale.temperature
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)


def test_checkpoints_of_other_trainings_are_refused_and_damaged_ones_made_again(small, examples, tmp_path):
    settings = {**small, "epochs": 1}
    build(settings, checkpoints=tmp_path).fit(examples(4), examples(2))
    with pytest.raises(UsageError, match="other data or options"):
        build(settings, checkpoints=tmp_path, seed=1).fit(examples(4), examples(2))
    (file,) = tmp_path.rglob("*.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    with pytest.warns(UserWarning, match="can't be read"):
        build(settings, checkpoints=tmp_path).fit(examples(4), examples(2))
    assert len(file.read_bytes()) == len(whole)


def test_stops_early_and_keeps_the_best_epoch(small, examples):
    facts, losses = {}, []
    model = build(
        {**small, "epochs": 60, "patience": 3, "learning_rate": 0.03},
        record=facts.__setitem__,
        log=lambda _, values: losses.append(values["validation_log_loss"]),
    )
    wrong = examples(6, seed=1)  # random labels: the loss soon rises
    model.fit(examples(10), Examples(wrong.inputs, np.random.default_rng(0).permutation(wrong.labels), wrong.groups))
    assert facts["kept_epoch"] == 1 + int(np.argmin(losses))
    assert facts["epochs"] == facts["kept_epoch"] + 3 == len(losses)


def test_seeds_differ_and_the_callers_random_state_is_restored(small, examples):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    predictions = []
    for seed in (0, 1):
        model = build({**small, "epochs": 2}, seed=seed)
        model.fit(examples(4), examples(0))
        predictions.append(model.predict_proba(examples(2, seed=3).inputs))
    assert not np.allclose(*predictions)
    assert torch.equal(torch.rand(3), expected)


def test_saved_files_and_what_is_refused_on_loading(small, examples, tmp_path):
    model = build({**small, "epochs": 1})
    model.fit(examples(4), examples(0))
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "network.safetensors"]
    assert "filters.taps" in load_file(tmp_path / "network.safetensors")
    fresh = build({**small, "epochs": 1})
    fresh.load(tmp_path)
    assert fresh.scale.half_seconds == model.scale.half_seconds
    assert fresh.scale.prior == pytest.approx(model.scale.prior)
    with pytest.raises(PluginError, match="hidden"):
        build({**small, "hidden": 17}).load(tmp_path)
    with pytest.raises(PluginError, match="genres"):
        build(small, genres=("fast", "other")).load(tmp_path)
    (tmp_path / "network.safetensors").write_bytes(b"no")
    with pytest.raises(PluginError, match="can't be read"):
        build(small).load(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk of Linux")
def test_a_full_disk_is_an_error_of_the_system(small, tmp_path):
    (tmp_path / "network.safetensors").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        build(small).save(tmp_path)


def test_a_device_that_isnt_available_is_refused_by_check_and_build(small):
    options = parse_options(SPEC.name, SPEC.options, small)
    for step in (SPEC.check, SPEC.build):
        with pytest.raises(UsageError, match="device 'abacus' is not available"):
            step(Context(GENRES, device="abacus"), options)
    SPEC.check(Context(GENRES, device="cpu"), options)


def test_importing_and_checking_the_plugin_imports_no_torch():
    code = (
        "import sys, genrebench_mfcc; from genrebench.api import Context\n"
        "spec = genrebench_mfcc.genrebench_models()[0]; spec.check(Context(('a', 'b')), spec.options())\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_real_clips(real_data, tmp_path):
    paths = sorted((real_data / "fma" / "clips").glob("*.mp3"))
    options = {"epochs": 3, "members": 1}
    requested = SPEC.inputs(parse_options(SPEC.name, SPEC.options, options))
    inputs = prepare_clips(
        requested, make_clips({p.stem: p for p in paths}, {}), InputContext(tmp_path), installed_plugins()
    ).inputs
    labels = np.arange(len(paths)) % 2
    model = build(options)
    model.fit(Examples(inputs, labels, np.arange(len(paths))), Examples(inputs.subset([]), labels[:0], labels[:0]))
    p = model.predict_proba(inputs)
    assert p.shape == (len(paths), 2)
    assert p.sum(axis=1) == pytest.approx(np.ones(len(paths)))
    assert len(model.predict_timeline(inputs)[0].seconds) == 30

"""cnn-raw through the model contract."""

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from genrebench.api import Context, PluginError, UsageError, log_loss
from genrebench_cnn import genrebench_models
from genrebench_cnn.options import CnnOptions

SPEC = genrebench_models()[0]
QUICK = CnnOptions(sample_rate=16_000, batch_size=24, epochs=2)
GENRES = ("high", "low")


def test_importing_and_checking_the_plugin_imports_no_torch() -> None:
    code = (
        "import sys, genrebench_cnn; from genrebench.api import Context\n"
        "spec = genrebench_cnn.genrebench_models()[0]; spec.check(Context(('a', 'b'), device='cpu'), spec.options())\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def fitted(examples):
    facts, curve = {}, {}
    context = Context(GENRES, seed=3, device="cpu", record=facts.__setitem__, log=curve.__setitem__)
    model = SPEC.build(context, QUICK)
    validation = examples(2, seed=1)
    model.fit(examples(6), validation)
    return model, context, validation, facts, curve


def test_it_learns_and_records_its_facts(fitted) -> None:
    model, _, validation, facts, curve = fitted
    probabilities = model.predict_proba(validation.inputs)
    assert probabilities.shape == (4, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert log_loss(validation.labels, probabilities) < 0.5 * np.log(2)
    assert sorted(curve) == [1, 2]
    assert curve[2]["training_loss"] < curve[1]["training_loss"]
    assert curve[2]["validation_log_loss"] == pytest.approx(log_loss(validation.labels, probabilities))
    assert facts["requested_hop"] == 4000
    assert facts["effective_hop"] == 3840
    assert facts["device"] == "cpu"


def test_saved_and_loaded_it_predicts_the_same(fitted, tmp_path: Path) -> None:
    model, context, validation, *_ = fitted
    model.save(tmp_path)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".safetensors"]
    again = SPEC.build(context, QUICK)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(validation.inputs), model.predict_proba(validation.inputs))
    other = SPEC.build(context, dataclasses.replace(QUICK, window_seconds=2))
    with pytest.raises(PluginError, match=r"window=16000, .* 32000"):
        other.load(tmp_path)
    (tmp_path / "network.safetensors").write_bytes(b"damaged")
    with pytest.raises(PluginError, match="can't be read"):
        again.load(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk of Linux")
def test_a_full_disk_is_an_error_of_the_system(fitted, tmp_path: Path) -> None:
    (tmp_path / "network.safetensors").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        fitted[0].save(tmp_path)


def test_timeline_has_one_point_per_second_and_averages_to_the_prediction(fitted) -> None:
    model, _, validation, *_ = fitted
    timelines = model.predict_timeline(validation.inputs)
    np.testing.assert_array_equal(timelines[0].seconds, [0, 1, 2, 3])
    means = np.array([t.probabilities.mean(axis=0) for t in timelines])
    np.testing.assert_allclose(means, model.predict_proba(validation.inputs), atol=1e-12)


def test_results_follow_from_the_seed_on_the_cpu(examples) -> None:
    def train(seed: int) -> np.ndarray:
        model = SPEC.build(Context(GENRES, seed=seed, device="cpu"), dataclasses.replace(QUICK, epochs=1, dropout=0.2))
        model.fit(examples(2, seconds=2), examples(0))
        return model.predict_proba(examples(1, seconds=2).inputs)

    first = train(1)
    np.testing.assert_array_equal(first, train(1))
    assert not np.array_equal(first, train(2))


def test_tracks_shorter_than_a_window_and_empty_validation_work(examples, waveforms) -> None:
    model = SPEC.build(Context(GENRES, device="cpu"), dataclasses.replace(QUICK, epochs=1))
    model.fit(examples(1, seconds=0.3), examples(0))
    assert model.predict_proba(waveforms([np.zeros(5, np.float32), np.zeros(40_000, np.float32)])).shape == (2, 2)
    assert model.predict_proba(waveforms([])).shape == (0, 2)


@pytest.mark.parametrize("step", ["check", "build"])
def test_a_device_that_isnt_available_is_refused(step: str) -> None:
    with pytest.raises(UsageError, match="'tpu' is not available"):
        getattr(SPEC, step)(Context(GENRES, device="tpu"), QUICK)


@pytest.mark.parametrize("step", ["check", "build"])
def test_mixed_precision_is_refused_on_a_cpu_without_bfloat16(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genrebench_cnn.devices.has_bfloat16", lambda device: False)
    with pytest.raises(UsageError, match="precision=mixed needs a CUDA device"):
        getattr(SPEC, step)(Context(GENRES, device="cpu"), dataclasses.replace(QUICK, precision="mixed"))


def test_a_device_is_refused_before_any_run_begins(tmp_path: Path) -> None:
    for number in range(8):
        file = tmp_path / "music" / GENRES[number % 2] / f"{number}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, np.random.default_rng(number).uniform(-0.1, 0.1, 8000), 8000)
    settings = ["--dataset", str(tmp_path / "music"), "--device", "cuda:99"]
    command = [sys.executable, "-m", "genrebench", "run", "cnn-raw", *settings, "--runs", str(tmp_path / "runs")]
    environment = os.environ | {"GENREBENCH_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "device 'cuda:99' is not available here" in done.stderr
    assert not list(tmp_path.glob("runs/*/run.json"))


@pytest.mark.parametrize("loss", ["binary", "categorical"])
def test_a_diverged_training_is_an_error(examples, loss: str) -> None:
    model = SPEC.build(Context(GENRES, device="cpu"), dataclasses.replace(QUICK, learning_rate=0.5, loss=loss))
    with torch.no_grad():
        model.network.full3.bias.fill_(float("nan"))
    with pytest.raises(UsageError, match=r"diverged in epoch 1.* set learning_rate below 0\.5"):
        model.fit(examples(1), examples(1))


def test_figures_show_filters_kernels_and_genres(fitted) -> None:
    figures = fitted[0].figures()
    assert set(figures) == {"Filters of the first layer", "Temporal kernels of the third layer", "Mean activation by genre"}
    for figure in figures.values():
        figure.savefig(io.BytesIO(), format="png")
    assert [t.get_text() for t in figures["Mean activation by genre"].axes[0].get_yticklabels()] == list(GENRES)

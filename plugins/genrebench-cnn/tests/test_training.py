"""Checkpoints, resuming, and the choice of the epoch."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from genrebench.api import Context, UsageError
from genrebench_cnn import genrebench_models
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.windows import TrainingWindows

SPEC = genrebench_models()[0]
OPTIONS = CnnOptions(sample_rate=16_000, batch_size=16, epochs=3, dropout=0.1, checkpoint_minutes=1e-6)
GENRES = ("high", "low")


class StoppedError(Exception):
    """Ends a training early."""


def stop_after(steps: int):
    """A progress function that aborts the training after a number of steps, counted over all epochs."""
    left = steps

    def progress(iterable, description, total=None):
        nonlocal left
        for item in iterable:
            yield item
            left -= "epoch" in description
            if left <= 0 and "epoch" in description:
                raise StoppedError

    return progress


def train(examples, options=OPTIONS, validation=1, **context):
    curve: dict[int, dict[str, float]] = {}
    facts: dict[str, object] = {}
    model = SPEC.build(Context(GENRES, device="cpu", log=curve.__setitem__, record=facts.__setitem__, **context), options)
    model.fit(examples(2, seconds=3), examples(validation, seconds=2, seed=1))
    weights = {name: value.numpy().copy() for name, value in model.network.state_dict().items()}
    return weights, curve, facts


@pytest.mark.parametrize("steps", [1, 4])
def test_a_resumed_training_ends_with_the_same_weights(examples, tmp_path: Path, steps: int) -> None:
    whole, curve, _ = train(examples)
    with pytest.raises(StoppedError):
        train(examples, checkpoints=tmp_path, progress=stop_after(steps))
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.safetensors"]
    resumed, curve_again, _ = train(examples, checkpoints=tmp_path)
    assert curve_again == curve
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


def test_a_checkpoint_is_tensors_and_json(examples, tmp_path: Path) -> None:
    train(examples, checkpoints=tmp_path)
    with safe_open(tmp_path / "checkpoint.safetensors", framework="np") as file:
        progress = json.loads(file.metadata()["progress"])
        names = set(file.keys())
    assert progress["epoch"] == 3
    assert len(progress["curve"]) == 3
    assert {"network.conv1.weight", "optimiser.0.exp_avg", "random.cpu"} <= names


def test_a_foreign_checkpoint_is_refused_and_a_damaged_one_trained_again(examples, tmp_path: Path) -> None:
    whole = train(examples, checkpoints=tmp_path)
    with pytest.raises(UsageError, match="other data or options; start again without --resume"):
        train(examples, dataclasses.replace(OPTIONS, epochs=4), checkpoints=tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"half a checkp")
    with pytest.warns(UserWarning, match="can't be read .*the training starts from the beginning"):
        again = train(examples, checkpoints=tmp_path)
    assert again[1] == whole[1]


def test_a_checkpoint_of_0_1_0_is_recognised() -> None:
    """Options that have been added since count only where they differ from their defaults."""
    as_in_0_1_0 = (
        '{"sample_rate": 16000, "window_seconds": 1.0, "hop_seconds": 0.25, "epochs": 3, "batch_size": 16, '
        '"learning_rate": 0.001, "weight_decay": 0.0, "dropout": 0.1, "loss": "binary", "engine": "shared", '
        '"stretch_seconds": 1.75, "balance": false, "keep": "last", "patience": 0, "checkpoint_minutes": 1e-06, '
        '"max_steps": 0, "precision": "float32"}'
    )
    assert json.dumps(OPTIONS.identity()) == as_in_0_1_0
    assert dataclasses.replace(OPTIONS, gamma="uniform").identity() == json.loads(as_in_0_1_0) | {"gamma": "uniform"}


def test_the_best_epoch_is_kept_by_option(examples) -> None:
    options = dataclasses.replace(OPTIONS, keep="best", learning_rate=0.05, epochs=4)
    kept, curve, facts = train(examples, options, validation=2)
    losses = [curve[epoch]["validation_log_loss"] for epoch in sorted(curve)]
    best = 1 + int(np.argmin(losses))
    assert facts["kept_epoch"] == best
    assert facts["epochs"] == 4
    until_best, *_ = train(examples, dataclasses.replace(options, keep="last", epochs=best), validation=2)
    np.testing.assert_array_equal(kept["conv1.weight"], until_best["conv1.weight"])


def test_training_stops_early_by_option(examples) -> None:
    _, curve, facts = train(examples, dataclasses.replace(OPTIONS, patience=1, learning_rate=0.5, epochs=30), validation=2)
    losses = [curve[epoch]["validation_log_loss"] for epoch in sorted(curve)]
    assert len(losses) < 30
    assert min(losses) < losses[-1] or losses.index(min(losses)) < len(losses) - 1
    assert facts["epochs"] == len(losses)


def test_max_steps_ends_a_trial(examples) -> None:
    _, curve, facts = train(examples, dataclasses.replace(OPTIONS, max_steps=1))
    assert facts["epochs"] == 1
    assert len(curve) == 1


def test_categorical_loss_and_balance_train(examples) -> None:
    _, curve, facts = train(examples, dataclasses.replace(OPTIONS, loss="categorical", balance=True, epochs=1), validation=0)
    assert "validation_log_loss" not in curve[1]
    assert set(facts["training_windows"]) == set(GENRES)


SCRIPT = """
import importlib.util, os, signal, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("shared_by_the_tests", sys.argv[1])
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)
from genrebench.api import Context
from genrebench_cnn import genrebench_models
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.windows import TrainingWindows

def progress(iterable, description, total=None):
    for number, item in enumerate(iterable):
        if description == "epoch 2 of 2" and number == 1:
            os.kill(os.getpid(), int(sys.argv[3]))
        yield item

options = CnnOptions(sample_rate=16000, batch_size=16, epochs=2, checkpoint_minutes={minutes})
context = Context(("high", "low"), device="cpu", checkpoints=Path(sys.argv[2]), progress=progress)
genrebench_models()[0].build(context, options).fit(shared.make_examples(3, seconds=3), shared.make_examples(0))
"""


@pytest.mark.parametrize(("sign", "minutes"), [(signal.SIGKILL, 1e-6), (signal.SIGINT, 60)])
def test_killed_in_the_second_epoch_and_resumed(examples, tmp_path: Path, sign: signal.Signals, minutes: float) -> None:
    """A kill leaves the last checkpoint; Ctrl-C writes one after the current step."""
    shared = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", SCRIPT.replace("{minutes}", str(minutes)), str(shared), str(tmp_path), str(int(sign))]
    killed = subprocess.run(command, capture_output=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert killed.returncode != 0
    with safe_open(tmp_path / "checkpoint.safetensors", framework="np") as file:
        progress = json.loads(file.metadata()["progress"])
    assert (progress["epoch"], progress["step"]) == (1, 1 if sign is signal.SIGKILL else 2)

    options = CnnOptions(sample_rate=16_000, batch_size=16, epochs=2, checkpoint_minutes=minutes)
    results = []
    for folder in (tmp_path, None):
        model = SPEC.build(Context(GENRES, device="cpu", checkpoints=folder), options)
        model.fit(examples(3, seconds=3), examples(0))
        results.append(model.network.state_dict())
    for name, value in results[0].items():
        np.testing.assert_array_equal(value.numpy(), results[1][name].numpy(), err_msg=name)


def test_batch_norm_predicts_with_statistics_of_the_final_weights(examples) -> None:
    options = dataclasses.replace(OPTIONS, dropout=0.0, engine="plain", epochs=2, batch_size=10)
    train = examples(3, seconds=3)
    model = SPEC.build(Context(GENRES, device="cpu"), options)
    model.fit(train, examples(0))
    windows = TrainingWindows(train.inputs.lengths, train.labels, 2, options.window, options.hop, 1)
    steps = windows.epoch(0, 1, options.batch_size)
    assert len(steps) >= 5
    means = []
    for step in steps[: len(steps) // 5]:
        stretches = windows.stretches(step)
        pieces = zip(stretches.tracks, stretches.starts, strict=True)
        audio = [train.inputs.read(track, start, start + options.window) for track, start in pieces]
        weight, bias = (p.detach().numpy() for p in (model.network.conv1.weight[:, 0], model.network.conv1.bias))
        patches = np.lib.stride_tricks.sliding_window_view(np.stack(audio), 5, axis=1)
        means.append(np.maximum(patches @ weight.T + bias, 0).mean(axis=(0, 1)))
    np.testing.assert_allclose(model.network.norm1.running_mean.numpy(), np.mean(means, axis=0), rtol=1e-4, atol=1e-6)

"""What a GPU needs: on a GPU where there is one (`make test-gpu`), and the same code on a CPU except where that can't be."""

import contextlib
import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from genrebench.api import Context
from genrebench_cnn.devices import has_bfloat16
from genrebench_cnn.model import CnnRaw
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.reading import audio_source, read_pieces, resident_source
from genrebench_cnn.shared import stretch_features
from genrebench_cnn.training import Training, window_loss

ROOT = Path(__file__).parents[3]
QUICK = CnnOptions(sample_rate=16_000, batch_size=8, epochs=1, norm_statistics="running")
GENRES = ("high", "low")


def training_on(device: str, examples, options: CnnOptions = QUICK) -> Training:
    """A training of one epoch, of about four steps."""
    model = CnnRaw(Context(GENRES, device="cpu" if device == "meta" else device), options)
    network = model.network.to(device)
    return Training(network, options, model.context, torch.device(device), examples(4, seconds=2), None)


@contextlib.contextmanager
def no_waiting(device: str):
    """Make it an error to wait for the device in the body, where it is a GPU."""
    if device == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        if device == "cuda":
            torch.cuda.set_sync_debug_mode("default")


def test_the_engines_agree(device: str) -> None:
    """Logits, gradients and running statistics of windows on their own; in double precision, so that TF32 has no part in it."""
    torch.manual_seed(0)
    plain = Network(3, 16_000).double().to(device).train()
    shared = copy.deepcopy(plain)
    windows = 0.2 * torch.randn(5, 16_000, dtype=torch.float64).to(device)
    labels = (torch.arange(5) % 3).to(device)
    expected, ours = plain(windows), shared.head(stretch_features(shared, windows, 1, 0)[:, 0])
    torch.testing.assert_close(ours, expected, atol=1e-9, rtol=0)
    for logits in (expected, ours):
        window_loss(logits, labels, "binary").backward()
    for (name, a), b in zip(shared.named_parameters(), plain.parameters(), strict=True):
        assert (a.grad - b.grad).norm() <= 1e-8 * b.grad.norm() + 1e-12, name
    for (name, a), b in zip(shared.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-8, msg=name)


def test_windows_of_a_stretch_are_those_of_the_plain_engine(device: str) -> None:
    torch.manual_seed(0)
    network = Network(3, 16_000).double().to(device).eval()
    stretch = 0.2 * torch.randn(2, 16_000 + 2 * 3_840, dtype=torch.float64).to(device)
    ours = network.head(stretch_features(network, stretch, 3, 3_840).flatten(0, 1))
    torch.testing.assert_close(ours, network(stretch.unfold(1, 16_000, 3_840).flatten(0, 1)), atol=1e-9, rtol=0)


def test_audio_is_the_same_from_the_device_and_from_pinned_memory(device: str, examples) -> None:
    inputs = examples(2, seconds=2).inputs
    tracks, starts = [0, 3, 1], [0, 20_000, 5]
    expected = torch.from_numpy(read_pieces(inputs, inputs.lengths, tracks, starts, 16_000))
    place = torch.device(device)
    for source in (audio_source(inputs, inputs.lengths, place), resident_source(inputs, inputs.lengths, place)):
        torch.testing.assert_close(source(tracks, starts, 16_000).cpu(), expected, atol=0.6 / 32_768, rtol=0)


def test_steps_lower_the_loss_and_nothing_waits_for_the_device(device: str, examples) -> None:
    training = training_on(device, examples)
    batches = [training.read(indices) for indices in training.windows.epoch(0, 0, 8)]
    training.step(batches[0])  # libraries are loaded, and allocations made, in the first
    with no_waiting(device):
        losses = [training.step(batch) for _ in range(2) for batch in batches]
    values = torch.stack(losses).tolist()
    assert np.mean(values[-4:]) < np.mean(values[:4])


def test_nothing_of_an_epoch_is_on_another_device_or_fetched_before_its_end(examples) -> None:
    """On the meta device, mixing devices and fetching values are errors; on GPUs it is the same code."""
    training = training_on("meta", examples)
    steps = []
    training.optimiser.register_step_post_hook(lambda *_: steps.append(1))
    with pytest.raises(NotImplementedError, match="meta tensor"):
        training.run()
    assert len(steps) == len(training.windows.epoch(0, 0, 8)) > 1


def test_a_diverged_step_leaves_the_device_usable(device: str) -> None:
    logits = torch.full((2, 3), float("nan"), device=device)
    if device == "cpu":
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            window_loss(logits, torch.zeros(2, dtype=torch.int64), "binary")
        return
    assert window_loss(logits, torch.zeros(2, dtype=torch.int64, device=device), "binary").isnan()
    assert torch.ones(2, device=device).sum() == 2


def test_mixed_precision_learns_as_single_precision_does(device: str, examples) -> None:
    if not has_bfloat16(torch.device(device)):
        pytest.skip(f"this {device} has no bfloat16")
    losses = {}
    for precision in ("float32", "mixed"):
        options = CnnOptions(sample_rate=16_000, batch_size=8, epochs=2, precision=precision)
        training = training_on(device, examples, options)
        training.run()
        losses[precision] = [values["training_loss"] for values in training.progress.curve]
        assert all(p.dtype == torch.float32 for p in training.network.parameters())
    np.testing.assert_allclose(losses["mixed"], losses["float32"], atol=0.03)
    assert losses["mixed"] != losses["float32"]


def test_the_benchmark_tells_windows_per_second_and_how_long_the_device_waits(device: str) -> None:
    sizes = ["--windows", "16", "--sample-rate", "16000", "--repeats", "1", "--steps", "2"]
    command = [sys.executable, ROOT / "benchmarks" / "cnn_training.py", "--device", device, *sizes, "--json"]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert result["device"] == device
    assert result["ours"] > 0
    assert 0 <= result["waiting"] < 1

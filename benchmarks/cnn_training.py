"""Windows a second of a training step of cnn-raw: the shared engine against the same network window by window.

Both learn from the same audio, the windows of one step of an epoch over tracks of 30 s, as the shared engine draws them:
stretches of its default length, whose windows of a second overlap by three quarters. The plain way is a `torch.nn.Sequential`
fed with the same windows as a batch. Both go without the large pages of memory that the plugin asks for otherwise.

`waiting` is the share of time that the device waits for data: seconds of some steps of an epoch as a training takes them, with
reading in the background, against as many steps on one batch that is already there. With --device cuda both sides run there.

With --rows N, peak memory of 50 steps of 100 windows over N rows of 50 distinct clips is measured instead, against the same
with 250 rows; each in a process of its own, from the clips' files on, and with the prediction of 50 of the rows at the end.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import soundfile
import torch
from measuring import memory_of_rows, peak_rss_mb, show
from torch import nn

from genrebench.api import Context, Examples, InputContext, LazyInputs
from genrebench.inputs import make_clips, prepare_clips
from genrebench_cnn import genrebench_models
from genrebench_cnn.model import CnnRaw
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.training import Batch, Training
from genrebench_torch.reading import ahead

# As torch is by default. The plugin asks for large pages, which makes the shared engine a tenth faster; in this one process the
# plain way, which doesn't ask, would have them too.
os.environ["THP_MEM_ALLOC_ENABLE"] = "0"

GENRES = tuple(f"genre {i:02}" for i in range(16))


class MadeAudio(LazyInputs):
    """Noise of as many tracks as are asked for."""

    def __init__(self, n_tracks: int, n_samples: int) -> None:
        self._audio = 0.1 * np.random.default_rng(0).standard_normal((n_tracks, n_samples), dtype=np.float32)

    @property
    def lengths(self) -> np.ndarray:
        """Samples of each track."""
        return np.full(len(self._audio), self._audio.shape[1])

    def __len__(self) -> int:
        return len(self._audio)

    def read(self, index: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Part of one track."""
        return self._audio[index, start:stop]

    def subset(self, indices: object) -> "MadeAudio":
        """Not needed here."""
        raise NotImplementedError


def shared_training(n_windows: int, rate: int, n_tracks: int = 32, device: str = "cpu") -> Training:
    """Set up the shared engine for steps of about so many windows."""
    options = CnnOptions(sample_rate=rate, batch_size=n_windows, epochs=1)
    examples = Examples(MadeAudio(n_tracks, 30 * rate), np.arange(n_tracks) % 16, np.arange(n_tracks))
    model = CnnRaw(Context(GENRES, device=device), options)
    return Training(model.network, options, model.context, model.device, examples, None)


def plain_network(window: int) -> nn.Sequential:
    """Build the report's network as one would write it down."""
    positions = (((window - 4) // 4 - 4) // 4 - 100) // 20 + 1
    return nn.Sequential(
        *(nn.Conv1d(1, 32, 5), nn.ReLU(), nn.BatchNorm1d(32), nn.AvgPool1d(4)),
        *(nn.Conv1d(32, 64, 5), nn.ReLU(), nn.BatchNorm1d(64), nn.AvgPool1d(4)),
        *(nn.Conv1d(64, 128, 100, stride=20), nn.ReLU(), nn.BatchNorm1d(128), nn.AvgPool1d(40, stride=30)),
        *(nn.Flatten(), nn.Linear(128 * ((positions - 40) // 30 + 1), 70), nn.ReLU(), nn.BatchNorm1d(70)),
        *(nn.Linear(70, 30), nn.ReLU(), nn.BatchNorm1d(30), nn.Linear(30, 16)),
    )


def plain_step(training: Training, batch: Batch) -> Callable[[], None]:
    """Return a training step of the plain network on the same windows."""
    window, hop = training.windows.window, training.windows.hop
    device = training.device
    network = plain_network(window).to(device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.001)
    windows = batch.audio.to(device).unfold(1, window, hop).flatten(0, 1)[batch.used.to(device)][:, None].contiguous()
    targets = nn.functional.one_hot(batch.labels, 16).float().to(device)

    def step() -> None:
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy(torch.softmax(network(windows), dim=1), targets)
        loss.backward()
        optimiser.step()

    return step


def finished(device: torch.device) -> float:
    """Wait until the device has finished, and return the time."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def waiting(training: Training, n_windows: int, n_steps: int) -> float:
    """Share of time that the device waits for data."""
    parts = [part for number in range(n_steps) for part in training.windows.epoch(0, number, n_windows)][:n_steps]
    batch = training.read(parts[0])
    began = finished(training.device)
    for one in ahead(training.read, parts):
        training.step(one)
    read = finished(training.device)
    for _ in parts:
        training.step(batch)
    return max(0.0, 1 - (finished(training.device) - read) / (read - began))


def fastest(step: Callable[[], object], repeats: int, device: torch.device) -> tuple[float, float]:
    """Seconds of the fastest of `repeats` steps, and the largest memory in MB that the process had meanwhile."""
    peak, done, process = 0, threading.Event(), psutil.Process()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seconds = []
    for _ in range(repeats):
        began = finished(device)
        step()
        seconds.append(finished(device) - began)
    done.set()
    watcher.join()
    return min(seconds), peak / 1e6


def peak_of_rows(n_rows: int, rate: int, n_clips: int = 50) -> float:
    """Train 50 steps on rows of a few distinct clips of 30 s, predict 50 rows, and return the peak of memory in MB."""
    options = CnnOptions(sample_rate=rate, batch_size=100, max_steps=50)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        paths = {str(i): Path(scratch, f"{i}.wav") for i in range(n_clips)}
        for path in paths.values():
            soundfile.write(path, 0.1 * rng.standard_normal(30 * rate), rate)
        clips = make_clips(paths, {})
        inputs = prepare_clips(genrebench_models()[0].inputs(options), clips, InputContext(Path(scratch, "cache"))).inputs
        assert isinstance(inputs, LazyInputs)
        inputs = inputs.subset([i % n_clips for i in range(n_rows)])
        labels = np.arange(n_rows) % len(GENRES)
        model = CnnRaw(Context(GENRES, device="cpu", workers=2), options)
        none = Examples(inputs.subset([]), labels[:0], labels[:0])
        model.fit(Examples(inputs, labels, np.arange(n_rows)), none)
        model.predict_proba(inputs.subset(range(50)))
        return peak_rss_mb()


def main() -> None:
    """Run both and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=136, help="windows a step, about")
    parser.add_argument("--sample-rate", type=int, default=44_100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="steps of each side; the fastest counts")
    parser.add_argument("--steps", type=int, default=4, help="steps over which the waiting is measured")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for one GPU")
    parser.add_argument("--rows", type=int, help="measure peak memory over so many rows instead")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.peak_of:
        print(peak_of_rows(arguments.peak_of, arguments.sample_rate))
        return
    if arguments.rows:
        show(memory_of_rows(__file__, arguments.rows, "--sample-rate", str(arguments.sample_rate)), arguments.json)
        return

    torch.set_num_threads(arguments.threads)
    training = shared_training(arguments.windows, arguments.sample_rate, device=arguments.device)
    batch = training.read(training.windows.epoch(0, 0, arguments.windows)[0])
    n_windows = len(batch.labels)
    training.step(batch)
    ours, ours_mb = fastest(lambda: training.step(batch), arguments.repeats, training.device)
    step = plain_step(training, batch)
    step()
    plain, plain_mb = fastest(step, arguments.repeats, training.device)
    result = {
        "ratio": round(plain / ours, 2),
        "ours": round(n_windows / ours, 1),
        "plain": round(n_windows / plain, 1),
        "unit": "windows/s",
        "device": arguments.device,
        "waiting": round(waiting(training, arguments.windows, arguments.steps), 3),
        "windows_a_step": n_windows,
        "windows_a_stretch": training.windows.stretch,
        "hop": training.windows.hop,
        "sample_rate": arguments.sample_rate,
        "ours_peak_rss_mb": round(ours_mb),
        "plain_peak_rss_mb": round(plain_mb),
        "peak_rss_mb": round(peak_rss_mb()),
    }
    show(result, arguments.json)


if __name__ == "__main__":
    main()

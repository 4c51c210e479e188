"""Windows a second of a training step of cnn-raw: the shared engine against the same network window by window.

Both learn from the same audio: stretches of 5 s whose 17 windows of a second overlap by three quarters. The plain way is a
`torch.nn.Sequential` fed with the windows as a batch; its hop is the shared engine's, so that both see the same windows.
"""

import argparse
import json
import resource
import threading
import time
from collections.abc import Callable

import numpy as np
import psutil
import torch
from torch import nn

from genrebench.api import Context, Examples, LazyInputs
from genrebench_cnn.model import CnnRaw
from genrebench_cnn.options import CnnOptions
from genrebench_cnn.training import Batch, Training

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


def shared_training(n_stretches: int, rate: int) -> Training:
    """Set up the shared engine for steps of so many stretches."""
    options = CnnOptions(sample_rate=rate, batch_size=17 * n_stretches, epochs=1)
    audio = MadeAudio(n_stretches, options.window + 17 * options.hop)
    examples = Examples(audio, np.arange(n_stretches) % 16, np.arange(n_stretches))
    model = CnnRaw(Context(GENRES, device="cpu"), options)
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
    network = plain_network(window).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.001)
    windows = batch.audio.unfold(1, window, hop)[batch.used][:, None].contiguous()
    targets = nn.functional.one_hot(batch.labels, 16).float()

    def step() -> None:
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy(torch.softmax(network(windows), dim=1), targets)
        loss.backward()
        optimiser.step()

    return step


def fastest(step: Callable[[], object], repeats: int) -> tuple[float, float]:
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
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    done.set()
    watcher.join()
    return min(seconds), peak / 1e6


def main() -> None:
    """Run both and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=136, help="windows a step, a multiple of 17")
    parser.add_argument("--sample-rate", type=int, default=44_100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--repeats", type=int, default=2, help="steps of the plain way; the shared engine takes five times as many"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    training = shared_training(max(1, arguments.windows // 17), arguments.sample_rate)
    batch = training.read(np.concatenate(training.windows.epoch(0, 0, arguments.windows)))
    n_windows = len(batch.labels)
    training.step(batch)
    ours, ours_mb = fastest(lambda: training.step(batch), 5 * arguments.repeats)
    step = plain_step(training, batch)
    plain, plain_mb = fastest(step, 1 + arguments.repeats)
    result = {
        "ratio": round(plain / ours, 2),
        "ours": round(n_windows / ours, 1),
        "plain": round(n_windows / plain, 1),
        "unit": "windows/s",
        "windows_a_step": n_windows,
        "windows_a_stretch": training.windows.stretch,
        "hop": training.windows.hop,
        "sample_rate": arguments.sample_rate,
        "ours_peak_rss_mb": round(ours_mb),
        "plain_peak_rss_mb": round(plain_mb),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:20} {value}")


if __name__ == "__main__":
    main()

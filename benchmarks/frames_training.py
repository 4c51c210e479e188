"""Training throughput of mfcc-frames, in crops of 10 s a second, against two plain ways of training the same network.

The network is written down as one would write it: grouped convolutions in time, whose outputs are pooled. One plain way has a
Dataset that decodes a clip and computes its MFCCs with librosa at each access, in two worker processes; the other a Dataset
over frames that lie in memory already. Ours reads crops from the cache on disk. Everybody has two threads.

With --rows N, peak memory of a whole training, validation and prediction over N rows of a few distinct clips is measured
instead, against the same with 250 rows; each in a process of its own.
"""

import argparse
import os
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import torch
from measuring import memory_of_rows, peak_rss_mb, show
from torch import nn
from torch.utils.data import DataLoader, Dataset

from genrebench import audio
from genrebench.api import Context, Examples, InputContext
from genrebench.inputs import make_clips, prepare_clips
from genrebench_mfcc import genrebench_models
from genrebench_mfcc.model import MfccFrames
from genrebench_mfcc.network import TAPS
from genrebench_mfcc.options import MfccOptions
from genrebench_mfcc.training import Training

CLIPS = Path(os.environ.get("GENREBENCH_TEST_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")) / "fma" / "clips"
OPTIONS = MfccOptions()
GENRES = tuple(f"genre {i:02}" for i in range(16))


class PlainNetwork(nn.Module):
    """The default network, filters as convolutions over the whole crop."""

    def __init__(self, mean, deviation):
        super().__init__()
        n = OPTIONS.coefficients
        self.mean, self.deviation = mean, deviation
        self.filters = nn.ModuleList(nn.Conv1d(n, n, TAPS, dilation=d, groups=n, bias=False) for d in OPTIONS.dilations)
        self.heads = nn.ModuleList(self._head((2 + len(self.filters)) * n) for _ in range(OPTIONS.members))

    def _head(self, n_pooled):
        hidden, drop = OPTIONS.hidden, OPTIONS.dropout
        return nn.Sequential(
            nn.BatchNorm1d(n_pooled, affine=False),
            nn.Dropout(drop),
            nn.Linear(n_pooled, hidden),
            nn.LayerNorm(hidden),
            nn.GELU(),
            nn.Dropout(drop),
            nn.Linear(hidden, len(GENRES)),
        )

    def forward(self, frames):
        """Logits of shape (n_members, n, n_genres)."""
        x = ((frames - self.mean) / self.deviation).transpose(1, 2)
        mean = x.mean(dim=2)
        x = x - mean[:, :, None]
        deviation = x.std(dim=2).log()
        strengths = [convolution(x).std(dim=2).log() - deviation for convolution in self.filters]
        pooled = torch.cat([mean, deviation, *strengths], dim=1)
        return torch.stack([head(pooled) for head in self.heads])


class Computing(Dataset):
    """Decodes and computes at each access."""

    def __init__(self, paths, n):
        self.paths, self.n = paths, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        samples, rate = librosa.load(self.paths[i % len(self.paths)], sr=OPTIONS.sample_rate)
        frames = librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=OPTIONS.coefficients)
        return random_crop(frames.T.copy()), i % len(GENRES)


class Preloaded(Dataset):
    """Frames of all tracks in one tensor."""

    def __init__(self, frames):
        self.frames = frames

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        return random_crop(self.frames[i]), i % len(GENRES)


def random_crop(frames):
    """A crop of 10 s, anywhere."""
    start = int(torch.randint(len(frames) - OPTIONS.crop + 1, ()))
    return torch.as_tensor(frames[start : start + OPTIONS.crop])


def plain_rate(dataset, frames, epochs, workers):
    """Crops a second of a plain training loop."""
    values = frames.reshape(-1, frames.shape[2])
    network = PlainNetwork(values.mean(dim=0), values.std(dim=0)).train()
    optimiser = torch.optim.AdamW(network.parameters(), OPTIONS.learning_rate, weight_decay=OPTIONS.weight_decay)
    loader = DataLoader(dataset, OPTIONS.batch_size, shuffle=True, num_workers=workers)
    begun = time.perf_counter()
    for _ in range(epochs):
        for crops, labels in loader:
            logits = network(crops)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits))) * len(logits)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return epochs * len(dataset) / (time.perf_counter() - begun)


def our_rate(inputs, epochs):
    """Crops a second of the plugin's own training, as `fit` runs it."""
    labels = np.arange(len(inputs)) % len(GENRES)
    options = replace(OPTIONS, epochs=epochs, calibrate=False)
    model = MfccFrames(Context(GENRES, device="cpu"), options)
    train = Examples(inputs, labels, labels)
    none = Examples(inputs.subset([]), labels[:0], labels[:0])
    training = Training(model.network, options, model.context, model.device, train, none, None)
    training._normalise()
    begun = time.perf_counter()
    training.run()
    return epochs * len(inputs) / (time.perf_counter() - begun)


def prepared(paths, folder, n_rows):
    """Rows over the distinct clips, read from a cache in `folder`."""
    clips = make_clips({path.stem: path for path in paths}, {})
    inputs = prepare_clips(genrebench_models()[0].inputs(OPTIONS), clips, InputContext(folder)).inputs
    return inputs.subset([i % len(paths) for i in range(n_rows)])


def training(paths, n_tracks=256, epochs=5, repeats=3):
    """Measure training throughput; the best of a few repeats counts on each side.

    Returns
    -------
    dict
        Ratios of crops a second, ours to plain, and the rates.
    """
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        inputs = prepared(paths, Path(folder), n_tracks)
        shortest = int(inputs.lengths.min())
        frames = torch.from_numpy(np.stack([inputs.read(i, 0, shortest) for i in range(n_tracks)]))
        ours = max(our_rate(inputs, epochs) for _ in range(repeats))
    preloaded = max(plain_rate(Preloaded(frames), frames, epochs, 0) for _ in range(repeats))
    computing = plain_rate(Computing(paths, 64), frames, 1, 2)
    return {
        "ratio": ours / preloaded,
        "ratio_to_computing": ours / computing,
        "ours": ours,
        "plain": preloaded,
        "plain_computing": computing,
        "unit": "crops of 10 s a second",
        "tracks": n_tracks,
        "epochs": epochs,
    }


def peak_of_rows(paths, n_rows):
    """Train for an epoch on 80 % of the rows, validate on 10 % and predict 10 %; peak memory in MB."""
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        inputs = prepared(paths, Path(folder), n_rows)
        labels, a, b = np.arange(n_rows) % len(GENRES), int(0.8 * n_rows), int(0.9 * n_rows)
        model = MfccFrames(Context(GENRES, device="cpu", workers=2), replace(OPTIONS, epochs=1))
        parts = [Examples(inputs[s], labels[s], np.arange(n_rows)[s]) for s in (slice(0, a), slice(a, b), slice(b, None))]
        model.fit(*parts[:2])
        model.predict_proba(parts[2].inputs)
    return peak_rss_mb()


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=CLIPS, help="folder of audio files")
    parser.add_argument("--tracks", type=int, default=256, help="rows to train on")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rows", type=int, help="measure peak memory over so many rows instead")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    paths = list(audio.find(options.clips))[:50]
    if options.peak_of:
        print(peak_of_rows(paths, options.peak_of))
        return
    if options.rows:
        result = memory_of_rows(__file__, options.rows, "--clips", str(options.clips))
    else:
        result = training(paths, options.tracks, options.epochs)
        result["peak_rss_mb"] = peak_rss_mb()
    show(result, options.json)


if __name__ == "__main__":
    main()

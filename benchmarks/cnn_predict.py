"""Clips a second from audio file to probabilities with cnn-raw, against a plain loop.

The plain way loads each clip with librosa at 44.1 kHz, cuts the 30 windows of a second and sends them through the network as
a single batch, in evaluation mode without gradients. Ours goes the way of `genrebench predict`: the clips are decoded into an
empty cache, then classified.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from measuring import peak_rss_mb, show

from genrebench.api import Clip, Context, InputContext
from genrebench.audio import content_hashes
from genrebench.inputs import prepare_clips
from genrebench_cnn import genrebench_models
from genrebench_cnn.network import Network
from genrebench_cnn.options import CnnOptions

os.environ["THP_MEM_ALLOC_ENABLE"] = "0"  # as torch is by default; cnn_training.py says why

GENRES = tuple(f"genre {i:02}" for i in range(16))
CLIPS = Path(os.environ.get("GENREBENCH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "fma" / "clips"


def find_clips(folder: Path, n: int, made: Path) -> list[Path]:
    """Audio files below a folder, or made ones where it doesn't exist."""
    if not folder.is_dir():
        import soundfile

        rng = np.random.default_rng(0)
        for number in range(n):
            soundfile.write(made / f"{number:04}.mp3", 0.1 * rng.standard_normal((30 * 44_100, 2)), 44_100)
        folder = made
    return sorted(folder.rglob("*.mp3"))[:n]


def plain(paths: Sequence[Path], network: Network) -> np.ndarray:
    """Classify clip by clip."""
    import librosa

    network.eval()
    rows = []
    for path in paths:
        audio, _ = librosa.load(path, sr=44_100)
        windows = librosa.util.fix_length(audio, size=30 * 44_100).reshape(30, 44_100)
        with torch.no_grad():
            rows.append(torch.softmax(network(torch.from_numpy(windows)), dim=1).mean(dim=0).numpy())
    return np.array(rows)


def ours(paths: Sequence[Path], folder: Path, cache: Path, workers: int) -> np.ndarray:
    """Decode into the cache, load the network, classify."""
    options = CnnOptions()
    spec = genrebench_models()[0]
    hashes = content_hashes(list(paths), cache / "hashes.json")
    clips = [Clip(str(path), path, content) for path, content in zip(paths, hashes, strict=True)]
    inputs = prepare_clips(spec.inputs(options), clips, InputContext(cache, workers=workers)).inputs
    model = spec.build(Context(GENRES, device="cpu", workers=workers), options)
    model.load(folder)
    return model.predict_proba(inputs)


def main() -> None:
    """Run both and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=CLIPS, help="where the mp3 files are; made ones if it doesn't exist")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        made, folder, cache = (Path(scratch) / name for name in ("made", "model", "cache"))
        for place in (made, folder, cache):
            place.mkdir()
        paths = find_clips(arguments.folder, arguments.clips, made)
        model = genrebench_models()[0].build(Context(GENRES, device="cpu"), CnnOptions())
        model.save(folder)
        network = model.network
        plain(paths[:1], network)  # librosa imports its parts at the first use
        seconds = {}
        probabilities = {}
        for name, work in {
            "plain": lambda: plain(paths, network),
            "ours": lambda: ours(paths, folder, cache, arguments.threads),
            "warm": lambda: ours(paths, folder, cache, arguments.threads),
        }.items():
            began = time.perf_counter()
            probabilities[name] = work()
            seconds[name] = time.perf_counter() - began
    np.testing.assert_allclose(probabilities["ours"], probabilities["plain"], atol=1e-3)
    n = len(paths)
    result = {
        "ratio": round(seconds["plain"] / seconds["ours"], 2),
        "ours": round(n / seconds["ours"], 2),
        "plain": round(n / seconds["plain"], 2),
        "unit": "clips/s",
        "clips": n,
        "ratio_cached": round(seconds["plain"] / seconds["warm"], 2),
        "ours_cached": round(n / seconds["warm"], 2),
        "peak_rss_mb": round(peak_rss_mb()),
    }
    show(result, arguments.json)


if __name__ == "__main__":
    main()

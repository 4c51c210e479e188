"""What `genrebench run` adds to a training of cnn-raw: the whole command against the same training called directly.

Directly is a process that reads the tracks, takes their audio from the cache, calls `fit` with the training and the validation
part and `predict_proba` with the test part. Both find the audio in the cache and are run in turn.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import show

from genrebench import datasets
from genrebench.api import Context, Examples, InputContext
from genrebench.inputs import make_clips, prepare_clips
from genrebench.plugin.registry import installed_plugins

SETTINGS = {"sample_rate": 16_000, "batch_size": 100, "epochs": 2}


def direct(folder: str, home: Path, workers: int) -> None:
    """Fit and predict on a dataset's own split."""
    from genrebench_cnn import genrebench_models
    from genrebench_cnn.options import CnnOptions

    options, spec = CnnOptions(**SETTINGS), genrebench_models()[0]
    dataset = datasets.resolve(folder, installed_plugins(), home)
    clips = make_clips({track.id: track.path for track in dataset.tracks}, {})
    inputs = prepare_clips(spec.inputs(options), clips, InputContext(home / "cache", workers=workers)).inputs
    labels = np.array([dataset.genres.index(track.genre) for track in dataset.tracks])
    parts = np.array([dataset.official[track.id] for track in dataset.tracks])

    def part(name: str) -> Examples:
        chosen = np.flatnonzero(parts == name)
        return Examples(inputs.subset(chosen), labels[chosen], chosen)

    model = spec.build(Context(dataset.genres, device="cpu", workers=workers), options)
    model.fit(part("training"), part("validation"))
    print(model.predict_proba(part("test").inputs).mean(axis=0))


def seconds(words: list[str], home: Path) -> float:
    """Run a command and return how long it took."""
    begun = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, *words], check=True, env={**os.environ, "GENREBENCH_HOME": str(home)}, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begun


def main() -> None:
    """Time both and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="demo", help="demo, or a folder with a split of its own")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=2, help="the fastest of each side counts")
    parser.add_argument("--direct", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.direct:
        direct(arguments.dataset, arguments.direct, arguments.workers)
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        common = ["--dataset", arguments.dataset, "--workers", str(arguments.workers)]
        settings = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
        run = ["-m", "genrebench", "run", "cnn-raw", *common, "--device", "cpu", "--runs", str(home / "runs"), *settings]
        plain = [__file__, *common, "--direct", str(home)]
        seconds([*run, "--set", "max_steps=1"], home)  # makes the data and fills the cache
        times = [(seconds(run, home), seconds(plain, home)) for _ in range(arguments.repeats)]
    ours, directly = (min(side) for side in zip(*times, strict=True))
    show(
        {"ratio": directly / ours, "ours": ours, "plain": directly, "unit": "s", "more_time": ours / directly - 1},
        arguments.json,
    )


if __name__ == "__main__":
    main()

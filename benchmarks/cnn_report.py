"""What each difference between cnn-raw's defaults and cnn-report is worth, and all of them together.

Both sides of each pair are trained on the same tracks of a dataset's official split, with the same seeds, and predict its test
part. A difference is log loss with the report's way minus log loss without it, so that above 0 the default is better. Its
interval speaks of new seeds and of other artists: the variance between artists of the mean over the seeds, plus the variance
between seeds divided by their number, with degrees of freedom by Satterthwaite.

The defaults are tiny and show only that it runs. With --keep FOLDER each training is kept, and a repeated command continues.
The ratio is windows a second in training, the default over the report's way.
"""

import argparse
import dataclasses
import hashlib
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from measuring import peak_rss_mb
from numpy.typing import NDArray
from scipy import stats

from genrebench import datasets
from genrebench.api import Context, Dataset, Examples, InputContext
from genrebench.evaluation.clusters import Clusters
from genrebench.evaluation.intervals import sampling_units
from genrebench.evaluation.metrics import track_log_losses
from genrebench.inputs import make_clips, prepare_clips
from genrebench.plugin.options import options_as_dict
from genrebench.plugin.registry import installed_plugins
from genrebench_cnn import genrebench_models
from genrebench_cnn.options import CnnOptions, ReportOptions

SPECS = {spec.name: spec for spec in genrebench_models()}


def differences(common: dict[str, object]) -> dict[str, tuple[CnnOptions, CnnOptions]]:
    """Return by name the options of the report's way and those that it is compared with."""
    default = CnnOptions(**common)
    report = {f.name: f.default for f in dataclasses.fields(ReportOptions) if f.default != getattr(CnnOptions, f.name)}

    def change(options: CnnOptions, *names: str) -> CnnOptions:
        return dataclasses.replace(options, **{name: report[name] for name in names})

    separate = change(default, "stretch_seconds")
    same_hop = dataclasses.replace(separate, hop_seconds=default.hop / default.sample_rate)
    free = dataclasses.replace(default, batches="even")
    return {
        "windows on their own instead of stretches": (separate, default),
        f"of which hop {separate.hop} instead of {default.hop}": (separate, same_hop),
        "stretches shuffled freely instead of in strata": (free, default),
        "remainder as the last step instead of equal steps": (change(free, "batches"), free),
        "running batch norm statistics instead of settled": (change(default, "norm_statistics"), default),
        "gamma from U(0, 1) instead of 1": (change(default, "gamma"), default),
        "native rates instead of resampled": (change(default, "resample"), default),
        "cut or padded to 30 s instead of as they are": (change(default, "clip_seconds"), default),
        "all but native rates: cnn-report with resample=true": (ReportOptions(**common, resample=True), default),
        "all: cnn-report": (ReportOptions(**common), default),
    }


class Data:
    """Training and test tracks of a dataset's official split.

    Parameters
    ----------
    dataset : Dataset
    n_training : int
        Training tracks, in equal numbers per genre as far as there are as many, spread over the list.
    home : Path
        Where audio is cached.
    """

    def __init__(self, dataset: Dataset, n_training: int, home: Path) -> None:
        self.genres, self.home = dataset.genres, home
        tracks = {
            part: [track for track in dataset.tracks if dataset.official[track.id] == part] for part in ("training", "test")
        }
        per_genre = -(-n_training // len(self.genres))
        chosen = []
        for genre in self.genres:
            of_genre = [track for track in tracks["training"] if track.genre == genre]
            places = np.linspace(0, len(of_genre) - 1, min(per_genre, len(of_genre)))
            chosen += [of_genre[i] for i in places.astype(int)]
        self.parts = {"training": chosen, "test": tracks["test"]}
        artists = {artist: i for i, artist in enumerate(dict.fromkeys(t.artist for t in tracks["test"] if t.artist))}
        self.test_groups = np.array([artists.get(track.artist, -1) for track in tracks["test"]])

    def examples(self, part: str, options: CnnOptions) -> Examples:
        """Inputs and labels of a part."""
        tracks = self.parts[part]
        clips = make_clips({track.id: track.path for track in tracks}, {})
        requested = SPECS[options.model].inputs(options)
        inputs = prepare_clips(requested, clips, InputContext(self.home / "cache", workers=2)).inputs
        labels = np.array([self.genres.index(track.genre) for track in tracks])
        return Examples(inputs, labels, np.arange(len(tracks)))


class Trainings:
    """Trains each combination of options and seed once.

    Parameters
    ----------
    data : Data
    threads : int
    folder : Path
        Where results are kept.
    """

    def __init__(self, data: Data, threads: int, folder: Path) -> None:
        self.data, self.threads, self.folder = data, threads, folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, options: CnnOptions, seed: int) -> tuple[NDArray[np.float64], float]:
        """Probabilities of the test tracks, and windows a second in training."""
        what = [options_as_dict(options), seed, [track.id for track in self.data.parts["training"]]]
        file = self.folder / f"{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]}.npz"
        if not file.exists():
            probabilities, rate = self._train(options, seed)
            np.savez(file.with_suffix(".new.npz"), probabilities=probabilities, rate=rate)
            file.with_suffix(".new.npz").replace(file)
        with np.load(file) as kept:
            return kept["probabilities"], float(kept["rate"])

    def _train(self, options: CnnOptions, seed: int) -> tuple[NDArray[np.float64], float]:
        facts: dict[str, object] = {}
        context = Context(self.data.genres, seed, "cpu", self.threads, record=facts.__setitem__)
        model = SPECS[options.model].build(context, options)
        train = self.data.examples("training", options)
        began = time.perf_counter()
        model.fit(train, dataclasses.replace(train, inputs=train.inputs.subset([]), labels=train.labels[:0]))
        seconds = time.perf_counter() - began
        n_windows = sum(facts["training_windows"].values()) * options.epochs
        return model.predict_proba(self.data.examples("test", options).inputs), n_windows / seconds


def row(name: str, sides: list[list[NDArray[np.float64]]], labels: NDArray[np.int64], groups: NDArray[np.int64]) -> dict:
    """Compare two sides, each a list of probabilities by seed."""
    losses = np.array([[track_log_losses(labels, p) for p in side] for side in sides])
    by_seed = (losses[0] - losses[1]).mean(axis=1)
    units = sampling_units(groups)
    differences = (losses[0] - losses[1]).mean(axis=0)[:, None]
    between_artists = float(Clusters.of(differences, np.ones_like(differences), units).robust[0])
    between_seeds = by_seed.var(ddof=1) / len(by_seed) if len(by_seed) > 1 else np.nan
    variance = between_artists + between_seeds
    parts = between_artists**2 / (len(units) - 1) + between_seeds**2 / max(1, len(by_seed) - 1)
    half = stats.t.ppf(0.975, variance**2 / parts) * np.sqrt(variance) if variance else 0.0
    right = np.array([[np.mean(p.argmax(axis=1) == labels) for p in side] for side in sides])
    return {
        "difference": name,
        "seeds": len(by_seed),
        "log_loss": float(losses[0].mean()),
        "log_loss_without": float(losses[1].mean()),
        "log_loss_difference": float(by_seed.mean()),
        "interval": [float(by_seed.mean() - half), float(by_seed.mean() + half)],
        "standard_error_of_seeds": float(np.sqrt(between_seeds)),
        "f1_micro_difference": float((right[0] - right[1]).mean()),
    }


def main() -> None:
    """Train, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="demo", help="a registered name or a folder, with an official split")
    parser.add_argument("--training", type=int, default=16, help="training tracks")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each side")
    parser.add_argument("--only", default="gamma,running", help='differences with one of these words, by commas; "": all')
    parser.add_argument("--sample-rate", type=int, default=14_100, help="rate, or samples per window at native rates")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--first", type=float, help="hear only so many seconds of each clip, on both sides, to take less time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder of trainings that are done, and of decoded audio")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.keep or Path(scratch)
        dataset = datasets.resolve(arguments.dataset, installed_plugins(), home)
        data = Data(dataset, arguments.training, home)
        common = {name: getattr(arguments, name) for name in ("sample_rate", "epochs", "batch_size")}
        if arguments.first:
            common["clip_seconds"] = arguments.first
        words = arguments.only.split(",")
        pairs = {name: pair for name, pair in differences(common).items() if any(word in name for word in words)}
        train, results, rates = Trainings(data, arguments.threads, home / "trainings"), {name: [] for name in pairs}, {}
        for seed in range(arguments.seeds):  # seed by seed, so that what an interrupted campaign kept can be compared
            for name, pair in pairs.items():
                done = [train(options, seed) for options in pair]
                results[name].append([probabilities for probabilities, _ in done])
                rates[name] = [rate for _, rate in done]
        labels = data.examples("test", CnnOptions(**common)).labels
    rows = [row(name, list(zip(*by_seed, strict=True)), labels, data.test_groups) for name, by_seed in results.items()]
    theirs, ours = rates[list(pairs)[-1]]
    if arguments.json:
        measured = {"ratio": round(ours / theirs, 2), "ours": round(ours, 1), "plain": round(theirs, 1), "unit": "windows/s"}
        print(json.dumps({**measured, "peak_rss_mb": round(peak_rss_mb()), "differences": rows}))
        return
    for one in rows:
        low, high = one["interval"]
        print(
            f"{one['difference']:55} {one['log_loss_without']:.3f} -> {one['log_loss']:.3f}  "
            f"{one['log_loss_difference']:+.3f} ({low:+.3f} .. {high:+.3f}), F1 micro {one['f1_micro_difference']:+.3f}"
        )


if __name__ == "__main__":
    main()

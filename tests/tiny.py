"""Helpers for the tests: tiny models, one for each kind of input; small datasets; plugins installed on a path."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from genrebench.api import Context, Examples, FeatureTable, Field, Frames, Inputs, Model, ModelSpec, Timeline, Waveforms
from genrebench.plugin.hosted import HostedModel
from genrebench.plugin.registry import Plugin, Registered, Registry, discover
from genrebench.records import Task
from genrebench.runs.job import Job

PLUGIN = Plugin("tiny", "genrebench-tiny", "1.0")


@dataclass(frozen=True)
class Options:
    """Options of the tiny models."""

    sharpness: Annotated[float, Field(gt=0, description="inverse temperature of the softmax")] = 1.0


class Nearest(Model[Any]):
    """Softmax over the negative distances to the mean vectors of the genres."""

    def __init__(self, context: Context, options: Options) -> None:
        self.context, self.options = context, options
        self.means: NDArray[np.float64] | None = None

    def vector(self, item: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(item, dtype=np.float64)

    def table(self, inputs: Inputs) -> NDArray[np.float64]:
        return np.stack([self.vector(item) for item in inputs])

    def fit(self, train: Examples[Any], validation: Examples[Any]) -> None:
        x = self.table(train.inputs)
        self.scale = x.std(axis=0) + 1e-9
        self.means = np.stack(
            [
                x[train.labels == g].mean(axis=0) if (train.labels == g).any() else np.full(x.shape[1], 1e6)
                for g in range(self.n)
            ]
        )
        self.context.log(1, {"validation tracks": len(validation)})
        self.context.record("parameters", int(self.means.size))

    @property
    def n(self) -> int:
        return len(self.context.genres)

    def predict_proba(self, inputs: Inputs) -> NDArray[np.float64]:
        assert self.means is not None
        distance = (((self.table(inputs)[:, None] - self.means) / self.scale) ** 2).mean(axis=2)
        z = -self.options.sharpness * np.minimum(distance, 50)
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        np.savez(folder / "means.npz", means=self.means, scale=self.scale)

    def load(self, folder: Path) -> None:
        with np.load(folder / "means.npz") as saved:
            self.means, self.scale = saved["means"], saved["scale"]


class Spectrum(Nearest):
    def vector(self, item: NDArray[Any]) -> NDArray[np.float64]:
        power = np.abs(np.fft.rfft(item, 4096)) ** 2
        return np.log(np.add.reduceat(power, np.arange(0, 2048, 64)) + 1e-9)

    def predict_timeline(self, inputs: Inputs) -> list[Timeline]:
        return [Timeline(np.arange(3.0), np.repeat(self.predict_proba([item]), 3, axis=0)) for item in inputs]


class FrameMeans(Nearest):
    def vector(self, item: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(item.mean(axis=0), dtype=np.float64)


def spec(name: str, model: type[Nearest], requested: Any) -> ModelSpec:
    timeline = model.predict_timeline is not Model.predict_timeline
    return ModelSpec(name, "a tiny model", model, lambda _: requested, Options, timeline=timeline)


SPECS = (
    spec("tiny-table", Nearest, FeatureTable(groups=("mfcc",))),
    spec("tiny-waveform", Spectrum, Waveforms(sample_rate=8000)),
    spec("tiny-frames", FrameMeans, Frames(sample_rate=22050)),
)


def hosted(model: ModelSpec, **options: Any) -> HostedModel:
    return HostedModel(Registered(model, PLUGIN), options)


def job(task: Task, model: ModelSpec, seed: int = 0, **options: Any) -> Job:
    return Job(task, hosted(model, **options), seed)


def registry(*models: ModelSpec) -> Registry:
    """The core's registry, with `models` added as if a plugin offered them."""
    result = discover([])
    result.add(PLUGIN, {"model": models})
    return result


def write_music(folder: Path, n: int = 10, seconds: float = 1.5, genres: tuple[str, ...] = ("deep", "bright / high")) -> Path:
    """Write a folder dataset of short tones: genres differ in pitch, artists in loudness."""
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for g, genre in enumerate(genres):
        for i in range(n):
            t = np.arange(int(seconds * 16000)) / 16000
            tone = (0.2 + 0.05 * (i // 2)) * np.sin(2 * np.pi * (200 * 4**g * rng.uniform(0.9, 1.1)) * t)
            name = f"g{g}-{i}.wav"
            soundfile.write(folder / name, tone + rng.normal(0, 0.01, len(t)), 16000)
            rows.append((f"g{g}-{i}", name, genre, f"artist {g}.{i // 2}"))
    with (folder / "tracks.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("track_id", "path", "genre", "artist"), *rows])
    return folder


def write_table(
    folder: Path, n: int = 30, genres: tuple[str, ...] = ("a", "b", "c"), artists: bool = True, noise: float = 0.3
) -> Path:
    """Write a folder dataset with precomputed features and without audio."""
    rng = np.random.default_rng(4)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "tracks.csv").open("w", newline="", encoding="utf-8") as tracks,
        (folder / "features.csv").open("w", newline="") as table,
    ):
        labels, values = csv.writer(tracks), csv.writer(table)
        labels.writerow(("track_id", "genre", "artist"))
        values.writerow(("track_id", "x", "y"))
        for i in range(n):
            g = i % len(genres)
            labels.writerow((i, genres[g], f"artist {i // 2}" if artists else ""))
            values.writerow((i, repr(g + rng.normal(0, noise)), repr(rng.normal())))
    return folder


def install_plugin(site: Path, name: str, code: str, module: str | None = None, version: str = "1.0") -> Path:
    """Install a distribution into a folder as pip would, and return the folder, for PYTHONPATH."""
    module = module or name.replace("-", "_")
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[genrebench]\n{name} = {module}\n")
    (site / f"{module}.py").write_text(code)
    return site


def read_json(text: str) -> Any:
    """Parse strict JSON, without NaN and Infinity."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)

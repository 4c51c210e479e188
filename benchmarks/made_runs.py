"""Folders of many made runs, and commands on them as a user starts them: cold processes, with and without their cache."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from genrebench.environment import describe_environment
from genrebench.evaluation import metrics
from genrebench.records import Predictions
from genrebench.runs.record import Run
from genrebench.runs.serialization import record_from_json
from genrebench.runs.store import RunStore

DISTINCT = 200
"""Most tables of predictions that are made; further runs link to them."""

TRACKS_AN_ARTIST = 5


def made_predictions(skills: np.ndarray, n_tracks: int, n_genres: int, seed: int = 0):
    """Yield answers of models of these skills to the same tracks."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_genres, size=n_tracks)
    for skill in skills:
        p = rng.normal(size=(n_tracks, n_genres))
        p[np.arange(n_tracks), labels] += skill
        p = np.exp(p)
        yield Predictions(
            ids=tuple(f"{i:06}" for i in range(n_tracks)),
            genres=tuple(f"genre {i:02}" for i in range(n_genres)),
            labels=labels,
            folds=np.zeros(n_tracks, dtype=np.int64),
            probabilities=p / p.sum(axis=1, keepdims=True),
            groups=np.arange(n_tracks) // TRACKS_AN_ARTIST,
        )


def make_runs(root: Path, n_runs: int, n_tracks: int, n_genres: int, n_seeds: int) -> None:
    """Write finished runs of one task: a row of the board for every `n_seeds` of them."""
    store, distinct = RunStore(root), min(n_runs, DISTINCT)
    skills = np.repeat(np.linspace(1, 3, -(-distinct // n_seeds)), n_seeds)[:distinct]
    made = []
    for i, predictions in enumerate(made_predictions(skills, n_tracks, n_genres)):
        made.append(store.add(_record(i, n_seeds, predictions), predictions))
    for i in range(distinct, n_runs):
        source = made[i % distinct]
        folder = root / f"run-{i:05}"
        folder.mkdir()
        os.link(root / source.id / "predictions.csv", folder / "predictions.csv")
        model = replace(source.model, options={"C": float(i // n_seeds)})
        store.save(replace(source, id=folder.name, model=model, seed=i % n_seeds))


def _record(i: int, n_seeds: int, predictions: Predictions) -> Run:
    n_tracks, genres = len(predictions.ids), list(predictions.genres)
    content = {
        "id": f"run-{i:05}",
        "status": "running",
        "task": {
            "dataset": "made",
            "split": "official",
            "fingerprint": "f0",
            "n_training": 8 * n_tracks,
            "n_test": n_tracks,
            "genres": genres,
            "shared_artists": 0,
            "training_counts": [[8 * n_tracks // len(genres)] * len(genres)],
        },
        "model": {"name": "made", "plugin": "made", "version": "1", "options": {"C": float(i // n_seeds)}},
        "seed": i % n_seeds,
        "metrics": None,
        "timings": {"inputs_s": 1.0, "fit_s": 2.0, "predict_s": 0.5},
        "peak_rss_mb": 100.0,
        "environment": describe_environment(),
        "started": "2026-01-01T00:00:00+00:00",
    }
    scores = metrics.evaluate(predictions.labels, predictions.probabilities)
    return replace(record_from_json(json.dumps(content).encode()), metrics=scores, metrics_version=metrics.VERSION)


def board_of_many(n_runs: int, n_tracks: int, n_genres: int, n_seeds: int) -> dict[str, float]:
    """Seconds and memory of `genrebench leaderboard` on many runs: the first time, and twice from its cache."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_runs(root / "runs", n_runs, n_tracks, n_genres, n_seeds)
        first, again, once_more = (_timed(root, "leaderboard", "--runs", str(root / "runs")) for _ in range(3))
    return {
        "runs": n_runs,
        "rows": -(-n_runs // n_seeds),
        "tracks": n_tracks,
        "first_s": first[0],
        "first_cpu_s": first[1],
        "first_peak_rss_mb": first[2],
        "cached_s": min(again[0], once_more[0]),
        "cached_cpu_s": min(again[1], once_more[1]),
        "cached_peak_rss_mb": again[2],
    }


def _timed(home: Path, *words: str) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak memory in MB of a command."""
    begun = time.perf_counter()
    with (home / "printed").open("w") as printed:
        command = [sys.executable, "-m", "genrebench", *words]
        environment = {**os.environ, "GENREBENCH_HOME": str(home / "home")}
        process = subprocess.Popen(command, env=environment, stdout=printed)  # noqa: S603 - our own
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(status, command)
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

"""Extraction and runs on a Dask cluster beside processes of joblib's own, on the same cores: seconds and whether bytes agree.

    benchmarks/cluster.py [--json] [--clips FOLDER] [--number 200] [--repeats 3] [--only extraction|runs|hosts]

- extraction: the 518 features of real clips (or of the demo's) by two processes of joblib, two and four of Dask, and four of
  which one is killed. Processes are started and have computed other clips before the clock starts. On a busy machine, compare
  the processor seconds (`cpu_s`): waiting is no part of them.
- runs: five models by eight seeds on the demo, one after the other, two at a time, and on a cluster of two.
- hosts: 200 small runs by two workers, each with a home folder, a folder of temporary files and a working folder of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
from distributed import Client, LocalCluster
from measuring import peak_rss_mb, show, used_processor

import genrebench as gb

MODELS = """
from genrebench.api import FeatureTable, hookimpl, sklearn_model
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MADE = {
    "logistic": lambda seed: LogisticRegression(max_iter=300),
    "forest": lambda seed: RandomForestClassifier(300, random_state=seed),
    "neighbours": lambda seed: KNeighborsClassifier(9, weights="distance"),
}


def spec(name):
    build = lambda context, options: make_pipeline(StandardScaler(), MADE[name](context.seed))
    return sklearn_model(name, name, build, inputs=lambda options: FeatureTable())


@hookimpl
def genrebench_models():
    return [spec(name) for name in MADE]
"""
AUDIO = {".mp3", ".ogg", ".flac", ".wav"}


@contextlib.contextmanager
def cluster_of(n: int) -> Iterator[LocalCluster]:
    """A cluster of this machine."""
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
    ):
        yield cluster


def extraction(clips: Path | None, number: int, repeats: int, base: Path) -> dict[str, Any]:
    """Time the features of clips in four ways, in turn."""
    files = sorted(file for file in clips_of(clips).rglob("*") if file.suffix in AUDIO)
    random.Random(0).shuffle(files)  # noqa: S311 - not for secrets
    music, warm = flat(files[4 : 4 + number], base / "music"), flat(files[:4], base / "warm")
    ways: dict[str, Callable[[Path], tuple[float, float]]] = {
        "joblib_2": lambda home: timed(home, music, warm, workers=2),
        "dask_2": lambda home: on_dask(home, music, warm, 2),
        "dask_4": lambda home: on_dask(home, music, warm, 4),
        "dask_4_one_killed": lambda home: on_dask(home, music, warm, 4, kill=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    digests = set()
    for turn in range(repeats):
        for name, way in ways.items():
            home = base / f"home-{turn}-{name}"
            for values, value in zip((seconds[name], processor[name]), way(home), strict=True):
                values.append(value)
            digests.add(digest(home))
            shutil.rmtree(home)
    pairs, of_cpu = (
        [a / b for a, b in zip(values["joblib_2"], values["dask_2"], strict=True)] for values in (seconds, processor)
    )
    return {
        "clips": len(list(music.iterdir())),
        **{f"{name}_s": statistics.median(values) for name, values in seconds.items()},
        **{f"{name}_cpu_s": statistics.median(values) for name, values in processor.items()},
        "efficiency_of_two": statistics.median(pairs),
        "cpu_efficiency_of_two": statistics.median(of_cpu),
        "same_bytes": len(digests) == 1,
    }


def clips_of(folder: Path | None) -> Path:
    """A folder of audio; that of the demo, if none is given."""
    if folder is not None:
        return folder
    return next(track.path for track in gb.dataset("demo").tracks if track.path is not None).parent


def flat(files: list[Path], folder: Path) -> Path:
    """Copies of files in a folder."""
    folder.mkdir(parents=True)
    for number, file in enumerate(files):
        shutil.copy(file, folder / f"{number}{file.suffix}")
    return folder


def timed(home: Path, music: Path, warm: Path, kill: Callable[[], None] | None = None, **how: Any) -> tuple[float, float]:
    """Seconds and processor seconds for the features of clips."""
    os.environ["GENREBENCH_HOME"] = str(home)
    home.mkdir(exist_ok=True)
    gb.write_features(warm, home / "warm.csv", **how)
    if kill is not None:
        threading.Thread(target=kill, daemon=True).start()
    start = time.perf_counter()
    with used_processor() as used:
        gb.write_features(music, home / "features.csv", **how)
    return time.perf_counter() - start, used[0]


def on_dask(home: Path, music: Path, warm: Path, n: int, *, kill: bool = False) -> tuple[float, float]:
    """The same on a cluster; with `kill`, one of its workers is killed when about a quarter of the clips is done."""
    home.mkdir()
    with cluster_of(n) as cluster, Client(cluster) as client:

        def later() -> None:
            quarter = len(list(music.iterdir())) // 4
            while len(list(home.glob("cache/features*/??/*"))) < quarter:
                time.sleep(0.05)
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

        return timed(home, music, warm, later if kill else None, cluster=cluster.scheduler_address)


def digest(home: Path) -> str:
    """Of all features in a cache."""
    files = sorted(file for file in home.glob("cache/features*/??/*") if file.is_file())
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


def grid(base: Path) -> dict[str, Any]:
    """Forty runs in three ways."""
    (base / "more.py").write_text(MODELS)
    models = ["svm-baseline", "svm-grouped", str(base / "more.py")]
    gb.run(models, "demo", runs=base / "first")  # data and features
    seconds, processor, tables = {}, {}, {}
    ways: dict[str, dict[str, Any]] = {"one_by_one": {}, "jobs_2": {"jobs": 2}, "cluster_2": {"cluster": "local:2"}}
    for name, how in ways.items():
        start = time.perf_counter()
        with used_processor() as used:
            results = gb.run(models, "demo", seeds=range(8), runs=base / name, **how)
        seconds[name], processor[name] = time.perf_counter() - start, used[0]
        tables[name] = [
            (run.record.model.name, run.record.seed, (run.folder / "predictions.csv").read_bytes()) for run in results
        ]
    return {
        "runs": len(tables["one_by_one"]),
        **{f"{name}_s": value for name, value in seconds.items()},
        **{f"{name}_cpu_s": value for name, value in processor.items()},
        **{f"{name}_times_faster": seconds["one_by_one"] / seconds[name] for name in ("jobs_2", "cluster_2")},
        "same_predictions": tables["one_by_one"] == tables["jobs_2"] == tables["cluster_2"],
    }


def hosts(base: Path, number: int = 200) -> dict[str, Any]:
    """Small runs by two workers that share nothing but the runs, the data and this command's own home folder."""
    table = write_table(base / "table")
    (base / "more.py").write_text(MODELS.replace("[spec(name) for name in MADE]", '[spec("neighbours")]'))
    file = base / "scheduler.json"
    own: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        command = [
            sys.executable,
            "-m",
            "distributed.cli.dask_scheduler",
            "--scheduler-file",
            str(file),
            "--no-dashboard",
            "--port",
            "0",
        ]
        stack.callback(subprocess.Popen(command, **own).kill)  # noqa: S603 - our own
        for host in "ab":
            home = base / f"host-{host}"
            home.mkdir()
            names = ("HOME", "GENREBENCH_HOME", "TMPDIR", "XDG_CACHE_HOME")
            environment = {**os.environ, **dict.fromkeys(names, str(home)), "PYTHONWARNINGS": "ignore"}
            command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1"]
            command += ["--no-dashboard", "--death-timeout", "60", "--name", host]
            stack.callback(subprocess.Popen(command, cwd=home, env=environment, **own).terminate)  # noqa: S603
        while not file.exists():
            time.sleep(0.1)
        start = time.perf_counter()
        results = gb.run(str(base / "more.py"), table, seeds=range(number), runs=base / "runs", cluster=str(file))
        seconds = time.perf_counter() - start
    return {
        "runs": len(results),
        "failed": sum(run.status != "finished" for run in results),
        "folders": len(list((base / "runs").glob("[a-z]*"))),
        "s": seconds,
    }


def write_table(folder: Path) -> Path:
    """A dataset of 300 tracks with given features."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    labels = np.arange(300) % 5
    rows = [f"{i},genre {label},artist {i // 3}" for i, label in enumerate(labels)]
    (folder / "tracks.csv").write_text("\n".join(["track_id,genre,artist", *rows]) + "\n")
    values = [f"{i}," + ",".join(map(repr, (label + rng.normal(size=8)).tolist())) for i, label in enumerate(labels)]
    (folder / "features.csv").write_text("\n".join(["track_id," + ",".join("abcdefgh"), *values]) + "\n")
    return folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--clips", type=Path, help="folder of real clips; by default those of the demo")
    parser.add_argument("--number", type=int, default=200, help="of clips")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", choices=("extraction", "runs", "hosts"))
    args = parser.parse_args()
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "extraction": lambda base: extraction(args.clips, args.number, args.repeats, base),
        "runs": grid,
        "hosts": hosts,
    }
    result: dict[str, Any] = {}
    for name, part in parts.items():
        if args.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                result |= {f"{name}_{key}": value for key, value in part(Path(folder)).items()}
    if "extraction_efficiency_of_two" in result:
        ours, plain = result["extraction_dask_2_s"], result["extraction_joblib_2_s"]
        result = {"ratio": result["extraction_efficiency_of_two"], "ours": ours, "plain": plain, "unit": "s", **result}
    show({**result, "peak_rss_mb": peak_rss_mb()}, args.json)


if __name__ == "__main__":
    main()

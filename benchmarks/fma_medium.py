"""Time and memory of `data check` and `run svm-baseline` on a made dataset of fma-medium's size and form.

The metadata is in the official form: tracks.csv with its three header rows, genres.csv, features.csv with values for each
row. The audio is a few made clips of 30 s, linked under the name of every row. Each command is a process of its own; its
memory is that of the process and its workers together.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile
from measuring import show
from populations import FMA_MEDIUM
from svm import synthetic

from genrebench.datasets.fma import clip_path
from genrebench.inputs.features import COLUMNS, write_csv
from genrebench.runs.submission import GENRES

RATE, SECONDS, N_CLIPS, TRACKS_AN_ARTIST = 44_100, 30, 8, 10


def make(root: Path, n_rows: int, subset: str = "medium", *, audio: bool = True) -> None:
    """Write the dataset below `root`, where `data get` would leave the real one."""
    table, labels = synthetic(n_rows, len(COLUMNS), seed=0)
    ids = [str(track) for track in range(1_000_000, 1_000_000 + n_rows)]  # behind the faulty ones
    metadata, clip_folder = root / "fma_metadata", root / f"fma_{subset}"
    metadata.mkdir(parents=True)
    write_csv(metadata / "features.csv", ids, table)
    rows = [f"{i + 1},0,0,{genre},{i + 1}" for i, genre in enumerate(GENRES)]
    (metadata / "genres.csv").write_text("\n".join(["genre_id,#tracks,parent,title,top_level", *rows, ""]))
    artists = np.arange(n_rows) // TRACKS_AN_ARTIST
    parts = np.array(["training"] * 8 + ["validation", "test"])[artists % 10]
    rows = [f"{t},{a},{p},{subset},{GENRES[y]}" for t, a, p, y in zip(ids, artists, parts, labels, strict=True)]
    (metadata / "tracks.csv").write_text(
        "\n".join([",artist,set,set,track", ",id,split,subset,genre_top", "track_id,,,,", *rows, ""])
    )
    clips = made_clips(root / "clips") if audio else []
    for i, track in enumerate(ids if audio else ()):
        path = clip_folder / clip_path(track)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(clips[i % len(clips)], path)


def made_clips(folder: Path) -> list[Path]:
    """Stereo mp3 files of noise under a slow beat."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    beat = 0.5 + 0.5 * np.sin(2 * np.pi * 2 * np.arange(SECONDS * RATE) / RATE)
    paths = [folder / f"{i}.mp3" for i in range(N_CLIPS)]
    for path in paths:
        soundfile.write(path, 0.1 * beat[:, None] * rng.standard_normal((SECONDS * RATE, 2)), RATE)
    return paths


def measured(*words: str, home: Path, codes: tuple[int, ...] = (0,)) -> tuple[float, float, str]:
    """Seconds of a command, the largest memory in MB of it and its workers, and what it printed."""
    command = [sys.executable, "-m", "genrebench", *words]
    begun, peak = time.perf_counter(), 0
    with (home / "printed").open("w+") as printed:
        process = psutil.Popen(command, env={**os.environ, "GENREBENCH_HOME": str(home)}, stdout=printed)
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):  # a worker ended between being listed and being asked
                peak = max(peak, sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]))
            time.sleep(0.1)
        seconds = time.perf_counter() - begun
        if process.returncode not in codes:
            raise subprocess.CalledProcessError(process.returncode, command)
        printed.seek(0)
        return seconds, peak / 1e6, printed.read()


def main() -> None:
    """Make the dataset, run both commands and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=sum(FMA_MEDIUM))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make(home / "fma", options.rows)
        check_s, check_mb, _ = measured("data", "check", "fma-medium", home=home, codes=(0, 1))  # it finds the duplicates
        again_s, _, _ = measured("data", "check", "fma-medium", home=home, codes=(0, 1))
        words = "run", "svm-baseline", "--dataset", "fma-medium", "--runs", str(home / "runs"), "--format", "json"
        run_s, run_mb, printed = measured(*words, home=home)
    (run,) = json.loads(printed)
    result = {
        "rows": options.rows,
        "check_s": check_s,
        "check_again_s": again_s,
        "check_peak_rss_mb": check_mb,
        "run_s": run_s,
        "run_peak_rss_mb": run_mb,
        "fit_s": run["timings"]["fit_s"],
        "log_loss": run["metrics"]["log_loss"],
        "feature_source": run["model"]["feature_source"],
    }
    show(result, options.json)


if __name__ == "__main__":
    main()

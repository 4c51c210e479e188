"""Commands that can be disturbed, on a few short tones, and how their results are told from wrong ones."""

from __future__ import annotations

import csv
import functools
import hashlib
import http.server
import random
import shutil
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from genrebench.cli.main import main
from genrebench.datasets import download
from genrebench.plugin.datasets import Archive, DatasetSpec
from genrebench.runs.store import RunStore

MODELS = {
    "svm-baseline": [],
    "svm-grouped": [],
    "cnn-raw": [f"--set=cnn-raw.{option}" for option in ("sample_rate=16000", "hop_seconds=1", "batch_size=6", "epochs=2")],
    "mfcc-frames": [f"--set=mfcc-frames.{option}" for option in ("members=1", "hidden=8", "epochs=2")],
}
"""Small trainings: the less they take, the more often they can be disturbed."""


@dataclass(frozen=True)
class Scenario:
    """What is disturbed, and how its result is told from a wrong one.

    Parameters
    ----------
    command : callable
        ``command(place)`` returns an exit code; it is disturbed, and then called again to recover.
    result : callable
        ``result(place)`` is the same after each undisturbed call.
    prepare : callable
        ``prepare(place)`` makes what the command needs.
    forks : bool
        Whether processes can be forked after the command was called in their parent, as they can't after torch's or joblib's
        threads have worked there.
    rare : int
        One that starts workers, which import all anew, is disturbed so many times less often than others.
    """

    command: Callable[[Path], int]
    result: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda _: None
    forks: bool = True
    rare: int = 1


def cli(*arguments: object) -> int:
    """Run a command in this process."""
    return main([str(argument) for argument in arguments])


def digest(file: Path) -> str:
    """Checksum of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def warm() -> None:
    """Import what the commands import, so that a forked one spends its time on what is disturbed."""
    import filelock  # noqa: F401
    import joblib  # noqa: F401
    import librosa.core  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    import genrebench.figures.forest
    import genrebench.report.site  # noqa: F401
    import genrebench_cnn.model  # noqa: F401
    import genrebench_mfcc.model  # noqa: F401
    import genrebench_svm.training  # noqa: F401


def scores(place: Path) -> object:
    """Checksums of the predictions and names of the files of the models of all runs, which all have to be finished."""
    store = RunStore(place / "runs")
    runs, problems = store.scan()
    finished = set()
    for folder in (store.folder(run.id) for run in runs if run.has_scores):
        finished.add((digest(folder / "predictions.csv"), *sorted(path.name for path in (folder / "model").rglob("*"))))
    return sorted(finished), [run.status for run in runs if not run.has_scores], problems


def scenarios(base: Path, home: Path) -> dict[str, Scenario]:
    """All scenarios.

    Parameters
    ----------
    base : Path
        An empty folder.
    home : Path
        genrebench's data folder as this function leaves it has the features of the tones, which SVMs then find there: what is
        disturbed is their training.
    """
    music = write_music(base / "music", 5)
    finished = base / "finished"
    if cli("run", "svm-baseline", "--dataset", music, "--runs", finished, "--workers", 1, "--seeds", "0,1"):
        raise SystemExit("the runs for the report failed")
    first, second = sorted(finished.iterdir())
    table = write_table(base / "predictions.csv", first / "predictions.csv")
    packed = make_archive(base / "archives")
    url = serve(base / "archives")

    def warmed(place: Path) -> None:
        shutil.copytree(home, place / "home")

    def training(*arguments: str) -> Scenario:
        command = ("run", *arguments, "--dataset", music, "--resume", "--workers", 1)
        prepare = warmed if arguments[0].startswith("svm") else lambda _: None
        return Scenario(lambda place: cli(*command, "--runs", place / "runs"), scores, prepare, forks=False)

    def features(workers: int) -> Scenario:
        command = ("data", "features", music, "--workers", workers)
        return Scenario(
            lambda place: cli(*command, "--out", place / "features.csv"),
            lambda place: digest(place / "features.csv"),
            forks=workers == 1,
            rare=1 if workers == 1 else 4,
        )

    def get(source: str | Path) -> Scenario:
        def command(place: Path) -> int:
            download.get(packed, place, source=source)
            return 0

        return Scenario(command, lambda place: content(place / packed.name))

    def remove(place: Path) -> int:
        store = ("--runs", place / "runs")
        return (
            cli("runs", "rm", second.name, *store) if (place / "runs" / second.name).exists() else cli("runs", "list", *store)
        )

    return {
        "extraction": features(1),
        "extraction, 2 workers": features(2),
        **{f"training {name}": training(name, *options) for name, options in MODELS.items()},
        "5 folds": training("svm-baseline", "--split", "artist-cv5"),
        "store": Scenario(
            remove,
            lambda place: sorted(path.name for path in (place / "runs").iterdir() if not path.name.startswith(".")),
            lambda place: shutil.copytree(finished, place / "runs"),
        ),
        "report": Scenario(
            lambda place: cli("report", "--runs", finished, "--out", place / "report"),
            lambda place: sorted((path.name, path.stat().st_size) for path in (place / "report").rglob("*.html")),
        ),
        "download": get(url),
        "unpack": get(base / "archives"),
        "import": Scenario(
            lambda place: cli("score", table, "--dataset", music, "--runs", place / "runs", "--name", "outside"), scores
        ),
    }


def content(folder: Path) -> object:
    """Checksums of all files."""
    return sorted((str(path.relative_to(folder)), digest(path)) for path in folder.rglob("*") if path.is_file())


def write_music(folder: Path, per_genre: int = 10) -> Path:
    """Write two genres of tones, by artists with at most two each."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    rows = []
    for genre, pitch in (("deep", 200), ("bright", 800)):
        for i in range(per_genre):
            t = np.arange(32000) / 16000
            name = f"{genre}-{i}.wav"
            tone = 0.3 * np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1) * t)
            soundfile.write(folder / name, tone + rng.normal(0, 0.01, len(t)), 16000)
            rows.append((f"{genre}-{i}", name, genre, f"artist {genre} {i * 5 // per_genre}"))
    with (folder / "tracks.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("track_id", "path", "genre", "artist"), *rows])
    return folder


def write_table(file: Path, predictions: Path) -> Path:
    """Write the probabilities of a run's predictions, as a model outside would."""
    with predictions.open(newline="") as source, file.open("w", newline="") as out:
        rows = list(csv.DictReader(source))
        kept = [name for name in rows[0] if name == "track_id" or name.startswith("p:")]
        writer = csv.DictWriter(out, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file


def make_archive(folder: Path) -> DatasetSpec:
    """Make an archive of 20 small files, and the dataset whose only file it is."""
    folder.mkdir()
    file = folder / "tones.zip"
    rng = random.Random(0)  # noqa: S311 - nothing secret
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20):
            archive.writestr(f"tones/{number}", rng.randbytes(200_000))
    packed = Archive(
        f"https://localhost/{file.name}", f"sha256:{digest(file)}", file.stat().st_size, "tones", 10**8, ("0", "19")
    )
    return DatasetSpec("packed", "tones", lambda _: None, get=(packed,))


def serve(folder: Path) -> str:
    """Serve a folder over HTTP on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"

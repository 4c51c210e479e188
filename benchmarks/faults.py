"""Kill commands at random moments, and let every write fail once: nothing is lost, nothing is left, scores stay the same.

Each command runs in a forked process, is killed with SIGKILL at a random moment of its usual duration, and is then run again.
"lost" counts commands that didn't recover or whose result differs from that of an undisturbed run; "leftovers" counts files
that only a killed process can have left. With --errors, the n-th call that writes to the disk fails instead, for every n.

    python benchmarks/faults.py --kills 1000      # a few hours; the default is a few minutes
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import errno
import functools
import hashlib
import http.server
import importlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from genrebench.cli.main import main
from genrebench.datasets import download
from genrebench.runs.store import RunStore

TEMPORARY = re.compile(r"\..*-[0-9a-f]{12}|.*\.part(\.file)?|.*\.lock")
ERRORS = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "ESTALE", "EACCES")}
MODELS = {
    "svm-baseline": [],
    "svm-grouped": [],
    "cnn-raw": ["--set", "cnn-raw.sample_rate=16000", "--set", "cnn-raw.epochs=2", "--set", "cnn-raw.batch_size=50"],
    "mfcc-frames": ["--set", "mfcc-frames.epochs=4"],
}


@dataclass(frozen=True)
class Scenario:
    """What is disturbed, and how its result is told from a wrong one.

    Parameters
    ----------
    prepare : callable
        ``prepare(place)`` makes what the command needs.
    command : callable
        ``command(place)`` returns an exit code; it is disturbed, and then called again until it has recovered.
    result : callable
        ``result(place)`` is the same after each undisturbed call.
    """

    prepare: Callable[[Path], None]
    command: Callable[[Path], int]
    result: Callable[[Path], object]


def cli(*arguments: object) -> int:
    """Run a command in this process."""
    return main([str(argument) for argument in arguments])


def digest(file: Path) -> str:
    """Checksum of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def warm() -> None:
    """Import what the commands import, so that a forked one spends its time on what it is killed in."""
    for name in ("genrebench_cnn.model", "genrebench_mfcc.model", "genrebench_svm.training", "genrebench.report.figures"):
        importlib.import_module(name)
    for name in ("librosa.core", "matplotlib.pyplot", "sklearn.linear_model", "filelock", "joblib"):
        importlib.import_module(name)


def scores(place: Path) -> object:
    """Checksums of the predictions of all runs, which all have to be finished."""
    runs, problems = RunStore(place / "runs").scan()
    return (
        sorted({(run.status, digest(place / "runs" / run.id / "predictions.csv")) for run in runs if run.has_scores}),
        [run.status for run in runs if not run.has_scores],
        problems,
    )


def scenarios(base: Path) -> dict[str, Scenario]:
    """All scenarios, on a few short tones."""
    music = write_music(base / "music")

    def nothing(place: Path) -> None:
        pass

    def training(*arguments: str) -> Scenario:
        command = ("run", *arguments, "--dataset", music, "--resume", "--workers", 1)
        return Scenario(nothing, lambda place: cli(*command, "--runs", place / "runs"), scores)

    finished = base / "finished"
    if cli("run", "svm-baseline", "--dataset", music, "--runs", finished, "--workers", 1, "--seeds", "0,1"):
        raise SystemExit("the runs for the report failed")
    first, second = sorted(path for path in finished.iterdir())
    table = base / "predictions.csv"
    with (first / "predictions.csv").open(newline="") as file, table.open("w", newline="") as out:
        rows = list(csv.DictReader(file))
        kept = [name for name in rows[0] if name == "track_id" or name.startswith("p:")]
        writer = csv.DictWriter(out, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)

    archive, archives = make_archive(base)
    url = serve(base / "archives")

    def features(workers: int) -> Scenario:
        return Scenario(
            nothing,
            lambda place: cli("data", "features", music, "--out", place / "features.csv", "--workers", workers),
            lambda place: digest(place / "features.csv"),
        )

    def get(source: object) -> Scenario:
        def command(place: Path) -> int:
            download.get("fma-small", place, metadata_only=True, source=source, archives=archives)  # type: ignore[arg-type]
            return 0

        def content(place: Path) -> object:
            folder = place / "fma"
            return sorted((str(path.relative_to(folder)), digest(path)) for path in folder.rglob("*") if path.is_file())

        return Scenario(nothing, command, content)

    def copy_runs(place: Path) -> None:
        shutil.copytree(finished, place / "runs")

    def remove(place: Path) -> int:
        return (
            cli("runs", "rm", second.name, "--runs", place / "runs") if (place / "runs" / second.name).exists() else scan(place)
        )

    def scan(place: Path) -> int:
        return cli("runs", "list", "--runs", place / "runs")

    return {
        "extraction": features(1),
        "extraction, 2 workers": features(2),
        **{f"training {name}": training(name, *options) for name, options in MODELS.items()},
        "5 folds": training("svm-baseline", "--split", "artist-cv5"),
        "store": Scenario(
            copy_runs,
            remove,
            lambda place: sorted(path.name for path in (place / "runs").iterdir() if not path.name.startswith(".")),
        ),
        "report": Scenario(
            nothing,
            lambda place: cli("report", "--runs", finished, "--out", place / "report"),
            lambda place: sorted((path.name, path.stat().st_size) for path in (place / "report").rglob("*.html")),
        ),
        "download": get(url),
        "unpack": get(archive.parent),
        "import": Scenario(
            nothing,
            lambda place: cli("score", table, "--dataset", music, "--runs", place / "runs", "--name", "outside"),
            scores,
        ),
    }


def write_music(folder: Path) -> Path:
    """Write two genres of ten tones."""
    rng = np.random.default_rng(3)
    folder.mkdir()
    rows = []
    for genre, pitch in (("deep", 200), ("bright", 800)):
        for i in range(10):
            t = np.arange(32000) / 16000
            name = f"{genre}-{i}.wav"
            tone = 0.3 * np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1) * t)
            soundfile.write(folder / name, tone + rng.normal(0, 0.01, len(t)), 16000)
            rows.append((f"{genre}-{i}", name, genre, f"artist {genre} {i // 2}"))
    with (folder / "tracks.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("track_id", "path", "genre", "artist"), *rows])
    return folder


def make_archive(base: Path) -> tuple[Path, dict[str, download.Archive]]:
    """Make an archive of 300 small files, which stands for FMA's metadata."""
    (base / "archives").mkdir()
    file = base / "archives" / "fma_metadata.zip"
    rng = random.Random(0)  # noqa: S311
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("tracks.csv", "genres.csv", "features.csv", *(f"more/{i}" for i in range(300))):
            archive.writestr(f"fma_metadata/{name}", rng.randbytes(20_000))
    sha1 = hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
    known = download.ARCHIVES["fma_metadata"]
    made = download.Archive(known.folder, sha1, file.stat().st_size, 10**8, known.files)
    return file, {"fma_metadata": made, "fma_small": download.ARCHIVES["fma_small"]}


def serve(folder: Path) -> str:
    """Serve a folder over HTTP on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def forked(action: Callable[[], int], output: Path, kill_after: float | None = None) -> int | None:
    """Run `action` in a forked process group; returns its exit code, or None if it was killed."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        with output.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = 70
        try:
            code = action()
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr, flush=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def leftovers(place: Path) -> list[str]:
    """What only a killed process can have left."""
    found = [str(path.relative_to(place)) for path in place.rglob("*") if TEMPORARY.fullmatch(path.name)]
    return found + [str(path.relative_to(place)) for path in (place / "runs").glob("*/checkpoint")]


@contextlib.contextmanager
def failing(number: int, code: int) -> Iterator[list[int]]:
    """Let the `number`-th call that writes fail with an error; yields the count of such calls."""
    calls = [0]

    def wrapped(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **more: object) -> object:
            calls[0] += 1
            if calls[0] == number:
                raise OSError(code, os.strerror(code))
            return real(*arguments, **more)

        return call

    names = ((os, "fsync"), (os, "mkdir"), (os, "replace"), (os, "rename"), (Path, "write_bytes"), (Path, "write_text"))
    before = [getattr(owner, name) for owner, name in names]
    for (owner, name), real in zip(names, before, strict=True):
        setattr(owner, name, wrapped(real))
    try:
        yield calls
    finally:
        for (owner, name), real in zip(names, before, strict=True):
            setattr(owner, name, real)


def attempt(scenario: Scenario, place: Path, disturbed: Callable[[], int | None], expected: object) -> Counter[str]:
    """Disturb a command, let it recover, and count what became of it."""
    counts: Counter[str] = Counter()
    code = disturbed()
    counts["killed" if code is None else "ended" if code == 0 else "failed"] += 1
    for _ in range(2):
        again = forked(lambda: scenario.command(place), place / "output.txt")
    forked(lambda: cli("runs", "list", "--runs", place / "runs") + cli("cache", "info"), place / "output.txt")
    result = None
    with contextlib.suppress(OSError):
        result = scenario.result(place)
    if again != 0 or result != expected:
        counts["lost"] += 1
        print(
            f"lost: exit {again}, {(place / 'output.txt').read_text(errors='replace')[-600:]}\n{result}\n{expected}",
            file=sys.stderr,
        )
    else:
        counts["recovered"] += 1
    if left := leftovers(place):
        counts["leftovers"] += len(left)
        print(f"left: {left}", file=sys.stderr)
    return counts


@contextlib.contextmanager
def fresh(base: Path, scenario: Scenario) -> Iterator[Path]:
    """Yield a new folder, with a home in it, that is prepared for a scenario."""
    place = Path(tempfile.mkdtemp(dir=base))
    os.environ["GENREBENCH_HOME"] = str(place / "home")
    scenario.prepare(place)
    yield place
    shutil.rmtree(place)


def undisturbed(base: Path, name: str, scenario: Scenario) -> tuple[float, object]:
    """Duration and result of a scenario that nothing disturbs."""
    with fresh(base, scenario) as place:
        start = time.monotonic()
        if forked(lambda: scenario.command(place), place / "output.txt"):
            raise SystemExit(f"{name} fails undisturbed: {(place / 'output.txt').read_text(errors='replace')}")
        seconds = time.monotonic() - start
        if name != "import":  # its repetition adds a second run of the same predictions
            forked(lambda: scenario.command(place), place / "output.txt")
        print(f"{name}: {seconds:.1f} s undisturbed", file=sys.stderr)
        return seconds, scenario.result(place)


def kill(scenario: Scenario, place: Path, moment: float, expected: object) -> Counter[str]:
    """Kill a scenario's command after `moment` seconds."""
    action = functools.partial(forked, lambda: scenario.command(place), place / "output.txt", moment)
    return attempt(scenario, place, action, expected)


def fail(scenario: Scenario, place: Path, number: int, code: int, expected: object) -> tuple[Counter[str], bool]:
    """Let the `number`-th write of a scenario's command fail; also returns whether there are so many."""
    counted = place / "count"

    def disturbed() -> int:
        with failing(number, code) as calls:
            exit_code = scenario.command(place)
        counted.write_bytes(str(calls[0]).encode())
        return exit_code

    counts = attempt(scenario, place, functools.partial(forked, disturbed, place / "output.txt"), expected)
    return counts, not counted.exists() or int(counted.read_text()) >= number


def run(kills: int, errors: bool, seed: int, only: str) -> dict[str, dict[str, int]]:
    """Disturb all scenarios, and count per scenario."""
    rng = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        warm()
        os.environ["GENREBENCH_HOME"] = str(base / "home")
        chosen = {name: scenario for name, scenario in scenarios(base).items() if re.search(only, name)}
        usual = {name: undisturbed(base, name, scenario) for name, scenario in chosen.items()}
        table: dict[str, Counter[str]] = {name: Counter() for name in chosen}
        for name, (error, code) in itertools.product(chosen, ERRORS.items() if errors else ()):
            for number in itertools.count(1):
                with fresh(base, chosen[name]) as place:
                    counts, fired = fail(chosen[name], place, number, code, usual[name][1])
                table[name] += counts
                table[name][error] += 1
                if not fired:  # no write is left to fail
                    break
        weights = [1 / (1 + usual[name][0]) for name in chosen]  # slow ones are killed less often
        for name in rng.choices(list(chosen), weights, k=0 if errors else kills):
            seconds, expected = usual[name]
            with fresh(base, chosen[name]) as place:
                table[name] += kill(chosen[name], place, rng.uniform(0, 1.05 * seconds), expected)
    return {name: dict(counts) for name, counts in table.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--errors", action="store_true", help="let writes fail instead of killing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="REGEX", help="scenarios whose name matches")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = run(options.kills, options.errors, options.seed, options.only)
    if options.json:
        print(json.dumps(result))
    else:
        columns = list(
            dict.fromkeys(["killed", "ended", "failed", "recovered", "lost", "leftovers", *(ERRORS if options.errors else ())])
        )
        print(f"{'':28}" + "".join(f"{name:>11}" for name in columns))
        for name, counts in result.items():
            print(f"{name:28}" + "".join(f"{counts.get(column, 0):>11}" for column in columns))

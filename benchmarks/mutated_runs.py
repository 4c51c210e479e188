"""Mutated run folders through everything that reads runs: no traceback, no hang, bounded memory, no other row lost.

Each round puts some mutated copies of good runs beside three good ones and then asks for the leaderboard, the list of runs, a
comparison of two good runs, now and then the report, and for predictions with mutated runs; the mutated predictions are also
scored as files. A mutation changes bytes, values of the record (often so that the checksum is right again), or what kind of
thing a file is: a pipe, a device, a link, a folder, a file of many gigabytes.

    python benchmarks/mutated_runs.py ../shared/data/store-0.1.0/runs --runs 10000
"""

import argparse
import collections
import contextlib
import copy
import csv
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import peak_rss_mb, show

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 7, 2**31, 2**63, 10**9, 10**400, 1.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"),
    "", "x", "a" * 20_000, "\x1b[2J\x9b31m", "\u202e\u2066", "\ud800", "=1+1", "<script>alert(1)</script>", "../..",
    "/dev/zero", "NaN", [], {}, [[]], [None] * 50, {"a": {"b": [1]}}, ["a", "a"], [0.5, "x"],
]  # fmt: skip
TIMEOUT = 120
"""Seconds after which a call counts as hanging."""


# ------------------------------------------------------------------ mutations


def mutate_bytes(file: Path, rng: random.Random) -> None:
    """Change, remove, repeat or cut off some bytes."""
    data = bytearray(file.read_bytes()) or bytearray(b"\0")
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(min(len(data), rng.choice([64, 1024, len(data)])) or 1)
        stop = min(len(data), start + rng.choice([1, 1, 4, 100]))
        match rng.randrange(5):
            case 0:
                data[start:stop] = rng.randbytes(stop - start)
            case 1:
                del data[start:stop]
            case 2:
                data[start:start] = data[start:stop] * rng.randint(1, 50)
            case 3:
                del data[start:]
            case 4:
                data[start:stop] = bytes(rng.choice(b'0123456789,.-eE"[]{}') for _ in range(stop - start))
        data = data or bytearray(b"\0")
    file.write_bytes(bytes(data))


def value(rng: random.Random) -> Any:
    """A value that a record shouldn't have; a copy, since later mutations may change it or put it into itself."""
    return copy.deepcopy(rng.choice(VALUES))


def mutate_json(file: Path, rng: random.Random) -> None:
    """Replace, remove, add, move or nest values."""
    record = json.loads(file.read_bytes())
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        parent, key = rng.choice(list(places(record)) or [({}, "")])
        match rng.randrange(6):
            case 0 | 1 | 2:
                parent[key] = value(rng)
            case 3:
                del parent[key]
            case 4:
                if isinstance(parent, dict):
                    parent[str(rng.choice(VALUES))] = value(rng)
            case 5:
                for _ in range(rng.choice([1, 30, 45, 900])):
                    parent[key] = [parent[key]]
    with contextlib.suppress(RecursionError):  # nested too often to be written
        file.write_text(json.dumps(record), encoding="ascii")


def places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """All containers in a value, with each of their keys; those in a hundred others are left out."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, item in items[:60]:
        yield value, key
        if depth < 100:
            yield from places(item, depth + 1)


def mutate_table(file: Path, rng: random.Random) -> None:
    """Change cells, rows and columns of predictions.csv."""
    rows = [row for row in csv.reader(io.StringIO(file.read_text("utf-8", "surrogateescape"), newline="")) if row]
    for _ in range(rng.choice([1, 1, 3])):
        row = rng.choice(rows)
        match rng.randrange(5):
            case 0 | 1:
                column = rng.randrange(max(1, len(row)))
                row[column : column + 1] = [str(rng.choice(VALUES))[:1000]]
            case 2:
                rows.append(list(rng.choice(rows)))
            case 3:
                del rows[rng.randint(1, len(rows)) :]
            case 4:
                column = rng.randrange(max(1, len(rows[0])))
                copies = rng.choice([0, 2])
                for other in rows:
                    other[column : column + 1] = other[column : column + 1] * copies
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    file.write_text(out.getvalue(), "utf-8", errors="surrogatepass", newline="")


def mutate_kind(file: Path, rng: random.Random, outside: Path) -> None:
    """Turn a file into something else."""
    file.unlink()
    match rng.randrange(8):
        case 0:
            os.mkfifo(file)
        case 1:
            file.symlink_to(rng.choice(["/dev/zero", "/dev/full", "/dev/stdin", "/proc/self/mem"]))
        case 2:
            file.symlink_to(outside / "secret.json")
        case 3:
            file.symlink_to(file.name)
        case 4:
            file.mkdir()
        case 5:
            with file.open("wb") as stream:
                stream.truncate(rng.choice([10**8, 10**10, 10**12]))
        case 6:
            file.touch()
        case 7:
            pass


def correct(folder: Path, rng: random.Random, name: str) -> None:
    """Give the record the run's id and, more often than not, the checksum of the mutated predictions."""
    with contextlib.suppress(Exception):
        record = json.loads((folder / "run.json").read_bytes())
        record["id"] = name
        record["started"] = record["started"].replace("2026", "2025")  # a newer copy would take the good run's place
        table = folder / "predictions.csv"
        if rng.random() < 0.7 and table.is_file() and not table.is_symlink() and table.stat().st_size < 10**8:
            data = table.read_bytes()
            record["predictions"]["sha256"] = hashlib.sha256(data).hexdigest()
            if rng.random() < 0.7:
                record["predictions"]["rows"] = max(0, data.count(b"\n") - 1)
        (folder / "run.json").write_text(json.dumps(record), encoding="ascii")


def mutate(folder: Path, rng: random.Random, outside: Path) -> str:
    """Mutate a run folder; returns what was done."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink()]
    file = rng.choice([folder / "run.json"] * 3 + [folder / "predictions.csv"] * 2 + files)
    if not (folder / "curves.jsonl").exists():
        (folder / "curves.jsonl").write_text('{"fold": 0, "epoch": 1, "loss": 0.5}\n' * 3)
    kind = rng.choice(["value", "value", "value", "bytes", "bytes", "kind"])
    if kind == "kind":
        mutate_kind(file, rng, outside)
    elif kind == "value" and file.suffix == ".json":
        mutate_json(file, rng)
    elif kind == "value" and file.name == "predictions.csv":
        mutate_table(file, rng)
    else:
        kind = "bytes"
        mutate_bytes(file, rng)
    if file.name != "run.json" or kind == "value":
        correct(folder, rng, folder.name)
    return f"{kind} of {file.relative_to(folder).parts[0]}"


# ------------------------------------------------------------------ rounds


class Hang(BaseException):
    """A call took too long; no handler of errors takes it."""


class Campaign:
    """Calls, and what went wrong."""

    def __init__(self) -> None:
        self.calls: collections.Counter[str] = collections.Counter()
        self.refused: collections.Counter[str] = collections.Counter()
        self.bad: list[str] = []
        self.slowest = 0.0

    def call(self, name: str, what: str, body: Callable[[], Any]) -> Any:
        """Call something; expected errors of one line are fine, all else is bad."""
        from genrebench.errors import GenrebenchError

        self.calls[name] += 1
        signal.setitimer(signal.ITIMER_REAL, TIMEOUT * (5 if name == "reproduce" else 1))  # the first makes the demo's music
        began = time.perf_counter()
        try:
            return body()
        except GenrebenchError:
            self.refused[name] += 1
        except Hang:
            self.bad.append(f"{name}: hang ({what})")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self.bad.append(f"{name}: {what}: {traceback.format_exc()}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.slowest = max(self.slowest, time.perf_counter() - began)
        return None


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Sizes and times of everything in a folder."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def one_round(
    good: list[Path],
    mutated: int,
    rng: random.Random,
    place: Path,
    campaign: Campaign,
    clip: Path | None,
    task: Any,
    *,
    report: bool,
) -> None:
    """Mutate some runs, and read them in every way."""
    import genrebench as gb

    store, outside = place / "runs", place / "outside"
    for folder in (store, outside):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (outside / "secret.json").write_text('{"secret": true}')
    kept = good[:3]
    for run in kept:
        shutil.copytree(run, store / run.name)
    expected = {run.id: dict(run.metrics) for run in gb.list_runs(runs=store)}
    names = {}
    for number in range(mutated):
        name = f"mutated-{number}"
        shutil.copytree(rng.choice(good), store / name)
        names[name] = mutate(store / name, rng, outside)
    before = listing(store), listing(outside)
    what = "; ".join(sorted(names.values()))

    boards = campaign.call("leaderboard", what, lambda: gb.leaderboard(runs=store))
    if boards is not None:
        on_board = {run_id for board in boards for row in board.rows for run_id in row.runs}
        json.dumps(boards.to_json(), allow_nan=False)
        str(boards)
        lost = [run_id for run_id in expected if run_id not in on_board]
        replaced = {run for board in boards for row in board.rows for run in row.runs if run.startswith("mutated")}
        if lost and not replaced:  # a mutated copy of the same model and seed may be the newer one
            campaign.bad.append(f"leaderboard: lost {lost} ({what})")
    runs = campaign.call("runs list", what, lambda: gb.list_runs(runs=store))
    if runs is not None:
        json.dumps(runs.to_json(), allow_nan=False)
        listed = {run.id: dict(run.metrics) for run in runs}
        if any(listed.get(run_id) != scores for run_id, scores in expected.items()):
            campaign.bad.append(f"runs list: other runs changed ({what})")
        for run in runs:
            campaign.call(
                "runs show", names.get(run.id, ""), lambda run=run: (str(run), json.dumps(run.to_json(), allow_nan=False))
            )
    campaign.call("compare", what, lambda: gb.compare(kept[0].name, kept[1].name, runs=store))
    if report:
        campaign.call("report", what, lambda: gb.write_report(place / "report", runs=store))
        for page in (place / "report").rglob("*.html"):
            text = page.read_text("utf-8")
            if any((ord(c) < 32 and c not in "\n\t") or c in "\x7f\x9b\u202e\u2066" for c in text):
                campaign.bad.append(f"report: control characters in {page.name}")
        if any("secret" in path.read_text("latin-1") for path in (place / "report").rglob("*.png")):
            campaign.bad.append("report: a picture was copied through a link")
    for name, how in names.items():
        if clip is not None and ("model" in how or "run.json" in how or rng.random() < 0.2):
            campaign.call("predict", how, lambda name=name: gb.predict(clip, name, runs=store, workers=1))
        if "predictions" in how and "kind" not in how:
            campaign.call(
                "score", how,
                lambda name=name: gb.score(store / name / "predictions.csv", task, runs=place / "scored"),
            )  # fmt: skip
    if before != (listing(store), listing(outside)):
        campaign.bad.append(f"something was written ({what})")


def reproduce(good: list[Path], rng: random.Random, place: Path, campaign: Campaign) -> None:
    """Mutate the record of a run of a fast model and reproduce it."""
    import genrebench as gb

    store = place / "again"
    shutil.rmtree(store, ignore_errors=True)
    run = rng.choice([run for run in good if run.name.startswith("svm-baseline")])
    shutil.copytree(run, store / "mutated-0")
    mutate_json(store / "mutated-0" / "run.json", rng)
    correct(store / "mutated-0", rng, "mutated-0")
    campaign.call("reproduce", "values of run.json", lambda: gb.reproduce("mutated-0", runs=store, workers=1))


def generator(seed: int, number: int) -> random.Random:
    """Random numbers of a round."""
    return random.Random(f"{seed}/{number}")  # noqa: S311 - nothing secret


def main() -> int:
    """Run the campaign and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="a folder of good runs on the demo, at least three")
    parser.add_argument("--clip", type=Path, help="an audio file, to predict with the mutated runs")
    parser.add_argument("--runs", type=int, default=60, help="mutated run folders")
    parser.add_argument("--per-round", type=int, default=20)
    parser.add_argument("--report-every", type=int, default=10, help="rounds from one report to the next")
    parser.add_argument("--reproduce", type=int, default=1, help="mutated records that are reproduced on the demo")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    good = sorted(folder for folder in args.store.iterdir() if (folder / "run.json").is_file())
    began, campaign = time.perf_counter(), Campaign()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(Hang()))
    warnings.simplefilter("ignore")
    import genrebench as gb

    task = gb.task("demo", split="official")  # once: each command would otherwise look at all files of the demo
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for number in range(max(1, args.runs // args.per_round)):
            rng = generator(args.seed, number)
            report = number % args.report_every == 0
            one_round(good, args.per_round, rng, place, campaign, args.clip, task, report=report)
            if number % 50 == 0:
                print(f"{number * args.per_round} of {args.runs}: {len(campaign.bad)} bad", file=sys.stderr)
            if campaign.bad:
                print("\n".join(campaign.bad[-3:]), file=sys.stderr)
                campaign.bad[:] = [line[:3000] for line in campaign.bad]
        for number in range(args.reproduce):
            reproduce(good, generator(args.seed, -1 - number), place, campaign)
    result = {
        "mutated": args.runs,
        "calls": dict(campaign.calls),
        "refused with one line": dict(campaign.refused),
        "bad": len(campaign.bad),
        "slowest_s": campaign.slowest,
        "peak_rss_mb": peak_rss_mb(),
        "seconds": time.perf_counter() - began,
    }
    show(result, args.json)
    print("\n".join(campaign.bad), file=sys.stderr)
    return 1 if campaign.bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Ctrl-C at random moments: one line, exit code 130, no traceback, and no process that goes on.

Each command runs in a forked process group to which SIGINT is sent, as a terminal does, at a random moment of the command's
usual duration; "start" is a new Python, interrupted while it still imports. "bad" counts a wrong exit code, a traceback, an
error of another number of lines than one, and processes of the group that are there ten seconds later.

    python benchmarks/interrupts.py --moments 200
"""

from __future__ import annotations

import argparse
import json
import multiprocessing.util
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
from scenarios import cli, warm, write_music


def commands(base: Path) -> dict[str, list[object]]:
    """What is interrupted, on a few short tones: arguments of commands that write into the current folder."""
    music, runs = write_music(base / "music"), base / "runs"
    if cli("run", "svm-baseline", "--dataset", music, "--runs", runs, "--workers", 1, "--seeds", "0,1"):
        raise SystemExit("the runs for the report failed")
    first = min(path.name for path in runs.iterdir())
    return {
        "report": ["report", "--runs", runs],
        "data check": ["data", "check", music, "--workers", 2],
        "leakage": ["leakage", "svm-baseline", "--dataset", music, "--workers", 2],
        "run": ["run", "svm-baseline", "--dataset", music, "--workers", 2],
        "predict": ["predict", music, "--run", first, "--runs", runs, "--workers", 2],
        "start": ["runs", "list"],
    }


def others(group: int) -> list[psutil.Process]:
    """The living processes of a process group."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.Error):
            continue
    return found


def interrupted(words: list[object], place: Path, moment: float | None, *, new: bool) -> tuple[int, str, list[str]]:
    """Interrupt a command, in a `new` Python or a forked one; returns exit code, output and what went on."""
    output = place / "output.txt"
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.environ["GENREBENCH_HOME"] = str(place / "home")
        with output.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(place)
        if new:
            os.execv(sys.executable, [sys.executable, "-m", "genrebench", *map(str, words)])  # noqa: S606 - no shell is needed
        try:
            code = cli(*words)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # as the console script does
        except BaseException as error:
            print("Traceback of", type(error).__name__, error, flush=True)
            code = 70
        threading._shutdown()  # type: ignore[attr-defined] # as Python does at its end, which ends the workers
        multiprocessing.util._exit_function()  # type: ignore[attr-defined]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if moment is not None:
        time.sleep(moment)
        os.killpg(pid, signal.SIGINT)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    until = time.monotonic() + 10
    while (left := others(pid)) and time.monotonic() < until:
        time.sleep(0.1)
    names = []
    for process in left:
        try:
            names.append(" ".join(process.cmdline())[:200])
            process.kill()
        except psutil.Error:
            continue
    return code, output.read_text(errors="replace"), [name for name in names if name]


def faults_of(code: int, printed: str, left: list[str]) -> list[str]:
    """What is wrong with an interrupted command; one that had ended before may end as ever."""
    found = [f"goes on: {name}" for name in left]
    errors = [line for line in printed.splitlines() if line.startswith("error: ")]
    if "Traceback" in printed or re.search(r"^\w+(Error|Interrupt)\b", printed, re.MULTILINE):
        found.append("traceback")
    if code not in (0, 130) or len(errors) != (code == 130) or (code == 130 and errors != ["error: interrupted"]):
        found.append(f"exit code {code}, {len(errors)} errors")
    return found


def run(moments: int, seed: int, only: str) -> dict[str, dict[str, int]]:
    """Interrupt each command at random moments, and count."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    table: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        os.environ["GENREBENCH_HOME"] = str(base / "home")
        warm()
        for name, words in commands(base).items():
            if not re.search(only, name):
                continue
            began = time.monotonic()
            place = Path(tempfile.mkdtemp(dir=base))
            code, printed, _ = interrupted(words, place, None, new=name == "start")
            usual = time.monotonic() - began
            if code not in (0, 1):
                raise SystemExit(f"{name} fails undisturbed: {printed}")
            counts: Counter[str] = Counter()
            for _ in range(moments):
                place = Path(tempfile.mkdtemp(dir=base))
                moment = rng.uniform(0, usual)
                code, printed, left = interrupted(words, place, moment, new=name == "start")
                counts["interrupted" if code == 130 else "ended"] += 1
                if found := faults_of(code, printed, left) if code not in (0, 1) else left:
                    counts["bad"] += 1
                    print(f"{name} after {moment:.2f} of {usual:.2f} s: {found}\n{printed[-3000:]}", file=sys.stderr)
            table[name] = {key: counts[key] for key in ("interrupted", "ended", "bad")}
            print(name, table[name], f"{usual:.1f} s", file=sys.stderr)
    return table


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--moments", type=int, default=5, help="for each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", metavar="REGEX", help="commands whose name matches")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = run(options.moments, options.seed, options.only)
    if options.json:
        print(json.dumps(result))
    else:
        print(f"{'':14}" + "".join(f"{name:>13}" for name in ("interrupted", "ended", "bad")))
        for name, counts in result.items():
            print(f"{name:14}" + "".join(f"{count:>13}" for count in counts.values()))

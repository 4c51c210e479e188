"""Many commands at once on a cold cache: each input is computed once, and all predictions are those of a command alone.

Several forked `genrebench run` begin together on the same short tones. Every computation of an input appends a line to a file.

    python benchmarks/cold_cache.py --commands 8
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from measuring import show
from scenarios import cli, scores, warm, write_music

from genrebench.inputs import features, frames, waveforms

MODELS = {
    "svm-baseline": [],
    "cnn-raw": ["--set", "cnn-raw.epochs=1", "--set", "cnn-raw.sample_rate=16000"],
    "mfcc-frames": ["--set", "mfcc-frames.epochs=1"],
}


def count(module: ModuleType, name: str, log: Path) -> None:
    """Let a function that computes an input note each call."""
    real: Callable[..., Any] = getattr(module, name)

    def noted(path: Path, **more: Any) -> Any:
        with log.open("ab", buffering=0) as file:
            file.write(f"{name} {path.name}\n".encode())
        return real(path, **more)

    setattr(module, name, noted)


def runs_of(model: str, music: Path, place: Path, commands: int) -> list[int]:
    """Run a model in several processes that begin together, each with a store of its own; returns the exit codes."""
    begin = time.time() + 1
    children = []
    for number in range(commands):
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr = (place / f"output-{number}.txt").open("w")
            time.sleep(max(0.0, begin - time.time()))
            words = ("run", model, *MODELS[model], "--dataset", music, "--workers", 1, "--runs", place / str(number) / "runs")
            code = cli(*words)
            sys.stdout.flush()
            os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def main() -> int:
    """Run the commands of each model alone and together, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=8)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        music, log = write_music(base / "music"), base / "computed.txt"
        count(features, "compute_features", log)
        count(waveforms, "decode", log)
        count(frames, "compute_frames", log)
        warm()
        for model in args.models:
            computed, sound, seconds, codes = {}, {}, {}, {}
            for commands in (1, args.commands):
                os.environ["GENREBENCH_HOME"] = str(base / f"home-{model}-{commands}")
                place = base / f"{model}-{commands}"
                place.mkdir()
                log.write_bytes(b"")
                began = time.perf_counter()
                codes[commands] = runs_of(model, music, place, commands)
                seconds[commands] = time.perf_counter() - began - 1
                computed[commands] = Counter(log.read_text().splitlines())
                sound[commands] = [scores(place / str(number)) for number in range(commands)]
            together = computed[args.commands]
            result = {
                "model": model,
                "commands": args.commands,
                "finished": codes[args.commands].count(0),
                "inputs": len(computed[1]),
                "computed": together.total(),
                "computed twice": sum(number > 1 for number in together.values()),
                "predictions as alone": sum(one == sound[1][0] for one in sound[args.commands]),
                "seconds alone": seconds[1],
                "seconds together": seconds[args.commands],
            }
            show(result, args.json)
            wrong += result["computed"] != result["inputs"] or result["predictions as alone"] != args.commands
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

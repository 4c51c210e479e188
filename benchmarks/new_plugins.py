"""An author's evening from an empty environment: for each kind of `plugins new`, install, check, test, run, leaderboard.

Wheels of genrebench and of its plugins are built, and nothing else of the clone is used: a new environment gets them by their
paths and what they depend on from the index. A table has each command with its minutes.

    python benchmarks/new_plugins.py
    python benchmarks/new_plugins.py --kinds table metric --place FOLDER
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from measuring import show

ROOT = Path(__file__).parents[1]
FOREST = "sklearn.ensemble.HistGradientBoostingClassifier"
KINDS = {
    "table": ["on-a-table"],
    "waveforms": ["on-waves", "--input", "waveforms"],
    "frames": ["on-frames", "--input", "frames"],
    "own": ["on-its-own", "--input", "own"],
    "from": ["boosted", "--from", FOREST],
    "dataset": ["tunes", "--dataset"],
    "metric": ["top_3", "--metric"],
}
"""Arguments of `plugins new`."""

USES = {
    "dataset": [["run", "svm-baseline", "--dataset", "{name}"], ["leaderboard", "--dataset", "{name}"]],
    "metric": [["run", "svm-baseline"], ["leaderboard", "--metrics", "{name}"]],
}
MODEL = [["run", "{name}"], ["leaderboard"]]


@dataclass
class Diary:
    """Commands in an environment, with the seconds that they took; the first that fails ends it."""

    place: Path
    lines: list[tuple[str, float]] = field(default_factory=list)

    @property
    def bin(self) -> Path:
        """The folder of the environment's commands."""
        return self.place / "venv" / ("Scripts" if os.name == "nt" else "bin")

    def __call__(self, *command: str | Path, said: str = "") -> None:
        """Run a command, or end with what it printed if it fails."""
        environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "GENREBENCH_HOME")
        }
        environment |= {"GENREBENCH_HOME": str(self.place / "home"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        begun = time.monotonic()
        done = subprocess.run(command, cwd=self.place, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        self.lines.append((said or " ".join([Path(command[0]).name, *map(str, command[1:])]), time.monotonic() - begun))
        print(f"{self.lines[-1][1]:7.1f} s  {self.lines[-1][0]}", flush=True)
        if done.returncode:
            sys.exit(f"exit code {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        if "leaderboard" in command:
            print("\n".join(f"    {line}" for line in done.stdout.splitlines()))


def begin(diary: Diary) -> None:
    """Build the wheels, and install them into an empty environment."""
    wheels = diary.place / "wheels"
    parts = [ROOT, *sorted((ROOT / "plugins").glob("*/"))]
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels]
    diary(*build, *parts, said="pip wheel . plugins/*")
    diary(sys.executable, "-m", "venv", "venv", said="python -m venv venv")
    ours = [str(next(wheels.glob(f"{name}-*.whl"))) for name in ("genrebench", "genrebench_svm")]
    diary(
        diary.bin / "pip", "install", "--quiet", *ours, said="pip install wheels/genrebench-*.whl wheels/genrebench_svm-*.whl"
    )


def try_kind(diary: Diary, kind: str) -> None:
    """Create a plugin, and do with it what its README says."""
    name, *how = KINDS[kind]
    genrebench, distribution = diary.bin / "genrebench", f"genrebench-{name.replace('_', '-')}"
    diary(genrebench, "plugins", "new", name, *how)
    diary(diary.bin / "pip", "install", "--quiet", "-e", f"./{distribution}[test]")
    diary(genrebench, "plugins", "check", name)
    diary(diary.bin / "pytest", "-q", distribution)
    for words in USES.get(kind, MODEL):
        diary(genrebench, *(word.format(name=name) for word in words))


def seconds_of_pytest(diary: Diary) -> dict[str, float]:
    """Seconds of a test file that has nothing to do with genrebench, with its plugin for pytest and without."""
    folder = diary.place / "other"
    folder.mkdir()
    (folder / "test_other.py").write_text("def test_other(): ...\n")
    took: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(5):
        for name, words in (("with", []), ("without", ["-p", "no:genrebench"])):
            begun = time.monotonic()
            subprocess.run([diary.bin / "pytest", "-q", *words, folder], check=True, capture_output=True)  # noqa: S603 - our own
            took[name].append(time.monotonic() - begun)
    return {f"pytest_{name}_s": min(seconds) for name, seconds in took.items()}


def main() -> None:
    """Try the kinds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--place", type=Path, help="folder to work in, which is kept")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        diary = Diary((options.place or Path(temporary)).resolve())
        diary.place.mkdir(parents=True, exist_ok=True)
        begin(diary)
        for kind in options.kinds:
            try_kind(diary, kind)
        found = seconds_of_pytest(diary)
    print("\n| command | minutes |\n| --- | ---: |")
    for command, seconds in diary.lines:
        print(f"| `{command}` | {seconds / 60:.1f} |")
    minutes = sum(seconds for _, seconds in diary.lines) / 60
    show({"kinds": len(options.kinds), "commands": len(diary.lines), "minutes": minutes} | found, options.json)


if __name__ == "__main__":
    main()

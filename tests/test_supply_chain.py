"""What is installed: the wheels of CI have hashes and the tested versions, and wheels are built to the same bytes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements-ci.txt").read_text(encoding="utf-8")
PINS = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    return {normal(name): version.partition("+")[0] for name, version in PINS.findall(text)}


def test_each_wheel_of_ci_has_a_hash() -> None:
    requirements = [line for line in LOCK.replace("\\\n", "").splitlines() if line and not line.startswith("#")]
    assert len(requirements) > 100
    for line in requirements:
        assert re.fullmatch(r"[a-z0-9._-]+==\S+( +--hash=sha256:[0-9a-f]{64})+", line), line


def test_ci_installs_the_tested_versions() -> None:
    constraints = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    for name, version in pins(LOCK).items():
        assert constraints.get(name) == version, f"{name}: run `make lock` and bring constraints.txt up to date"


def test_ci_installs_all_that_the_distributions_need() -> None:
    locked, own = pins(LOCK), {"genrebench", *(f"genrebench-{name}" for name in ("svm", "torch", "cnn", "mfcc", "embeddings"))}
    waiting, seen = [(name, extra) for name in own for extra in ("", "dev", "intelex", "onnx")], set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in own | locked.keys():
            continue
        seen.add((name, extra))
        for text in importlib.metadata.requires(name) or []:
            requirement, _, marker = text.partition(";")
            needed = normal(re.match(r"[A-Za-z0-9._-]+", requirement)[0])  # type: ignore[index]
            if not marker.strip() or (f'extra == "{extra}"' in marker.replace("'", '"') and extra):
                assert needed in locked.keys() | own, f"{name} needs {needed}, which requirements-ci.txt lacks"
                waiting.append((needed, ""))


@pytest.mark.parametrize("part", [".", "plugins/genrebench-svm"])
def test_a_wheel_is_built_twice_to_the_same_bytes(part: str, tmp_path: Path) -> None:
    digests = []
    for number in range(2):
        source, out = tmp_path / f"source-{number}", tmp_path / f"out-{number}"
        files = subprocess.run(["git", "ls-files", part], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in files.splitlines():
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, source / name)  # with the times of now
        call = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source / part]
        subprocess.run(call, capture_output=True, check=True)
        (wheel,) = out.glob("*.whl")
        digests.append((wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    assert digests[0] == digests[1]


def test_installed_distributions_fit_each_other() -> None:
    subprocess.run([sys.executable, "-m", "pip", "check", "--disable-pip-version-check"], capture_output=True, check=True)

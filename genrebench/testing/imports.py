"""What importing a module costs and changes, measured in a new interpreter."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from genrebench.testing.surroundings import Printed, Surroundings, left_running

IMPORT_SECONDS = 1.0
"""How long the module of a plugin may take to import, beyond what it needs of genrebench; without waiting for a processor."""

HEAVY = frozenset(
    (
        "torch", "torchaudio", "torchvision", "tensorflow", "jax", "keras", "flax", "paddle", "mxnet", "sklearn", "librosa",
        "scipy", "pandas", "polars", "matplotlib", "seaborn", "numba", "transformers", "onnxruntime", "onnx", "xgboost",
        "lightgbm", "catboost", "essentia", "madmom", "cv2", "skimage", "statsmodels", "sympy", "pyarrow", "dask", "skops",
        "skorch", "lightning", "pytorch_lightning", "openl3", "mirdata", "h5py", "cupy", "IPython", "boto3",
    )
)  # fmt: skip


@functools.cache
def import_problem(module: str) -> str | None:
    """What is wrong with importing a module; None if nothing is, or if a new interpreter doesn't find it by its name."""
    code = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from genrebench.testing import imports; imports.measure()"
    command = [sys.executable, "-c", code, json.dumps(sys.path), module]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603, this interpreter
    except subprocess.TimeoutExpired:
        return f"importing {module} takes more than 60 s"
    try:
        found: str | None = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return f"importing {module} in a new process failed: {last}"
    return found


def measure() -> None:
    """Import the module that the command line names, and print what is wrong with that."""
    out = os.dup(1)
    with tempfile.TemporaryDirectory() as folder:
        found = _problem(sys.argv[2], Path(folder) / "stdout")
    os.write(out, json.dumps(found).encode())


def _problem(module: str, file: Path) -> str | None:
    importlib.import_module("genrebench.api")  # what all plugins import
    if importlib.util.find_spec(module) is None:
        return None
    loaded, threads = set(sys.modules), {thread.ident for thread in threading.enumerate()}
    printed = Printed(file)
    surroundings = Surroundings(module.partition(".")[0])
    before = _busy()
    with surroundings.forgiving_imports():
        importlib.import_module(module)
    seconds = _busy() - before
    surroundings.compare("importing it")
    heavy = sorted({name.partition(".")[0] for name in set(sys.modules) - loaded} & HEAVY - loaded)
    text, running = printed.new(), left_running(threads, 0.1)
    problems = [
        *([f"imports {', '.join(heavy)}"] if heavy else []),
        *([f"takes {seconds:.1f} s"] if seconds > IMPORT_SECONDS else []),
        *([f"prints {text[:60]!r}"] if text else []),
        *[change.removeprefix("importing it ") for change in surroundings.changes.values()],
        *[f"leaves {name} running" for name in running],
    ]
    return f"importing {module} {problems[0]}" if problems else None


def _busy() -> float:
    """Seconds since some time, without those in which this process waited for a processor."""
    waited = 0.0
    with contextlib.suppress(OSError, ValueError, IndexError):
        waited = int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    return time.monotonic() - waited

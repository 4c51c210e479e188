"""A process that has imported what commands need, and forks one for each of them, which saves the seconds that imports take.

What is forked has its own streams, folder and environment, so that the exit code and what is left behind are those of a real
process.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, cast


class Warm:
    """A process that runs a module, which calls `serve`.

    Parameters
    ----------
    module : str
    environment : mapping
    folder : Path
    """

    def __init__(self, module: str, environment: Mapping[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._in, self._out = cast(IO[str], self.process.stdin), cast(IO[str], self.process.stdout)

    def call(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path) -> int:
        """Run one process in a folder, with its streams in files; returns its exit code."""
        request = {
            "words": list(words), "folder": str(folder), "environment": dict(environment), "out": str(out), "err": str(err),
        }  # fmt: skip
        print(json.dumps(request), file=self._in, flush=True)
        return int(self._out.readline())

    def close(self) -> None:
        """End the process."""
        self._in.close()
        self.process.wait()
        self._out.close()


def serve(command: Callable[[], None]) -> None:
    """Fork a process for each request on stdin, and print its exit code when it has ended.

    Parameters
    ----------
    command : callable
        What the process does; it finds its words in sys.argv[1:].
    """
    gc.freeze()  # a collection would copy the pages of all modules
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            for target, file, flags in (
                (0, os.devnull, os.O_RDONLY),
                (1, request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                (2, request["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            ):
                descriptor = os.open(file, flags, 0o644)
                os.dup2(descriptor, target)
                os.close(descriptor)
            os.chdir(request["folder"])
            os.environ.clear()
            os.environ.update(request["environment"])
            sys.argv = ["genrebench", *request["words"]]
            _end(command)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def import_all() -> None:
    """Import and compile what commands need, even what they need late."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401
    import scipy.optimize  # noqa: F401
    import sklearn.ensemble
    import sklearn.svm  # noqa: F401

    import genrebench
    from genrebench.cli.main import main  # noqa: F401
    from genrebench.inputs import spectra
    from genrebench_svm import solvers

    spectra.compiled_kernels()
    solvers.compiled()
    for name in genrebench.__all__:  # each is imported on its first use
        getattr(genrebench, name)


def _end(command: Callable[[], None]) -> None:
    """Run a command and end the process as Python does, but without taking down its modules one by one."""
    code: object = 1
    try:
        command()
    except SystemExit as done:
        code = done.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
            code = 1
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)

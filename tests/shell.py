"""Commands of genrebench as users call them, each in a process of its own, without the seconds that imports take.

A process that has imported what commands import forks one for each command, so that the exit code, the streams and what is
left behind are those of a real command. Tests of start-up itself, and of signals, start Python anew.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import tiny

ROOT = Path(__file__).parents[1]


class Shells:
    """The process that forks, with plugins of its own.

    Parameters
    ----------
    site : Path
        Folder with the installed distributions that commands shall find beside the usual ones.
    """

    def __init__(self, site: Path) -> None:
        self.environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "COLUMNS": "200"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.shell"], cwd=ROOT, env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def call(self, words: tuple[str, ...], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder; its output is kept beside the folder only while it runs."""
        out, err = (folder.parent / f"{folder.name}.{stream}" for stream in ("out", "err"))
        request = {"words": words, "folder": str(folder), "environment": environment, "out": str(out), "err": str(err)}
        assert self.process.stdin and self.process.stdout
        print(json.dumps(request), file=self.process.stdin, flush=True)
        code = int(self.process.stdout.readline())
        done = subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())
        out.unlink()
        err.unlink()
        return done

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Shell:
    """A folder in which commands run.

    Parameters
    ----------
    folder : Path
    shells : Shells
    environment : dict
        What commands have in their environment beside what all have.
    """

    def __init__(self, folder: Path, shells: Shells, environment: dict[str, str]) -> None:
        self.folder, self.shells = folder, shells
        self.environment = shells.environment | environment

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command that has to end with an exit code."""
        done = self.shells.call(words, self.folder, self.environment)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words: str) -> Any:
        """Run a command, and parse the JSON that it prints."""
        return tiny.read_json(self(*words, "--format", "json").stdout)

    def error(self, *words: str, code: int = 2) -> str:
        """Run a command that fails, and return the last line of stderr, which has no traceback."""
        done = self(*words, code=code)
        assert "Traceback" not in done.stderr
        lines = done.stderr.strip().splitlines()
        assert sum(line.startswith("error: ") for line in lines) == 1, done.stderr
        return lines[-1]


def serve() -> None:
    """Fork a process for each line of stdin, and print its exit code when it has ended."""
    import sklearn.svm  # noqa: F401

    import genrebench
    from genrebench.cli import entry

    for name in genrebench.__all__:  # each is imported on its first use
        getattr(genrebench, name)
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
            _end(entry)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _end(command: Callable[[], None]) -> None:
    """Run a command and end the process as Python does, but without taking down its modules one by one."""
    code: object = 1
    try:
        command()
    except SystemExit as done:
        code = done.code
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    serve()

"""Commands of genrebench as users call them, each in a process of its own, without the seconds that imports take.

They are forked from one warm process. Tests of start-up itself, and of signals, start Python anew.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from docs.running.warm import Warm, import_all, serve
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
        self.warm = Warm("tests.shell", self.environment, ROOT)

    def call(self, words: tuple[str, ...], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder; its output is kept beside the folder only while it runs."""
        out, err = (folder.parent / f"{folder.name}.{stream}" for stream in ("out", "err"))
        code = self.warm.call(words, folder, environment, out, err)
        done = subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())
        out.unlink()
        err.unlink()
        return done

    def close(self) -> None:
        self.warm.close()


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


if __name__ == "__main__":
    from genrebench.cli import entry

    import_all()
    serve(entry)

"""Runs the blocks of one page in one process: commands as in one terminal, Python as in one notebook.

Commands are calls of the command line's `main` in this process, which is forked from one that has imported everything; lines
with pipes and the like go through a shell.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.running.warm import import_all, serve

_SHELL = re.compile(r"[|<>&;$*]")


def main() -> None:
    """Play the steps in a file, the first argument, and write beside each what it printed."""
    file = Path(sys.argv[1])
    steps = json.loads(file.read_text(encoding="utf-8"))
    notebook = Notebook() if any(step["language"] == "python" for step in steps) else None
    for step in steps:
        if step["file"]:
            Path(step["file"]).write_text(step["code"], encoding="utf-8")
            step |= {"text": "", "exit": 0, "outputs": []}
        elif notebook is not None and step["language"] == "python":
            step |= notebook.play(step["code"])
        else:
            step |= play(step["code"])
        file.write_text(json.dumps(steps), encoding="utf-8")
        if step["exit"] != step["expected"]:
            break


def play(code: str) -> dict[str, Any]:
    """Run shell commands up to the first that fails."""
    text, status = "", 0
    for line in re.sub(r"\\\n\s*", "", code).splitlines():
        words = shlex.split(line, comments=True)
        if not words or status:
            continue
        with captured() as printed:
            status = command(line, words)
        text += printed[0]
    return {"text": text, "exit": status, "outputs": []}


def command(line: str, words: list[str]) -> int:
    """Run one line of a shell and return its exit code."""
    from genrebench.cli.main import main

    if words[0] in ("pip", "make"):
        raise SystemExit(f"{line!r} would change the environment of the tests; mark its block as not run")
    if words[0] == "cd":
        os.chdir(words[1])
        return 0
    if words[0] == "export":
        os.environ.update(word.split("=", 1) for word in words[1:])
        return 0
    if words[0] == "genrebench" and not _SHELL.search(" ".join(words)):
        sys.argv[1:] = words[1:]
        return main(sys.argv[1:])
    return subprocess.run(["bash", "-c", f"{line}\nstatus=$?; wait; exit $status"], check=False).returncode


@contextlib.contextmanager
def captured() -> Iterator[list[str]]:
    """Catch what this process and its children print; the text is in the list in the end."""
    printed: list[str] = []
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        sys.stderr.flush()
        saved = [(stream, os.dup(stream)) for stream in (1, 2)]
        for stream, _ in saved:
            os.dup2(file.fileno(), stream)
        try:
            yield printed
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in saved:
                os.dup2(copy, stream)
                os.close(copy)
            file.seek(0)
            printed.append(file.read().decode("utf-8", "replace"))


class Notebook:
    """A notebook without a browser: IPython, with what it displays kept."""

    def __init__(self) -> None:
        from IPython.core.displayhook import DisplayHook
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        shown = self.shown = []

        class Hook(DisplayHook):
            """Keeps the value of a cell's last line in all its forms, instead of printing it."""

            def start_displayhook(self) -> None: ...

            def write_output_prompt(self) -> None: ...

            def write_format_data(self, format_dict: dict[str, Any], md_dict: object = None) -> None:  # noqa: ARG002
                shown.append(format_dict)

            def finish_displayhook(self) -> None: ...

        class Shell(InteractiveShell):
            displayhook_class = Hook

        config = Config()
        config.HistoryManager.enabled = False
        self.shell = Shell.instance(config=config, colors="nocolor")

    def play(self, code: str) -> dict[str, Any]:
        """Run a cell; returns what it prints, and what a notebook shows of `display` and of its last line, by MIME type."""
        from IPython.utils.capture import capture_output

        self.shown.clear()
        with capture_output() as caught:
            cell = self.shell.run_cell(code)
        error = cell.error_before_exec or cell.error_in_exec
        text = caught.stdout + (f"{caught.stderr}\n{type(error).__name__}: {error}" if error else "")
        shown = [*(output.data for output in caught.outputs), *self.shown]
        outputs = [{kind: encoded(value) for kind, value in data.items()} for data in shown]
        return {"text": text, "exit": int(error is not None), "outputs": outputs, "stderr": caught.stderr}


def encoded(value: object) -> str:
    """Pictures as base64, text as it is."""
    import base64

    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    import IPython.core.interactiveshell  # noqa: F401
    import torch._dynamo  # noqa: F401

    import_all()
    serve(main)

"""The log of a run, log.txt in its folder: what was said, warnings of libraries, versions."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from genrebench.environment import describe_environment, impersonal
from genrebench.session import Session

LOG = "log.txt"


@contextlib.contextmanager
def logging_to(folder: Path, session: Session, *distributions: str) -> Iterator[Session]:
    """Keep the log of a run while the body works on it; a resumed run continues its log.

    Warnings of libraries go to the log instead of the terminal. A log that can't be written stops nothing.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    session : Session
    *distributions : str
        Distributions whose versions are of interest, beside the core's.

    Yields
    ------
    Session
        The session, whose messages are also written to the log.
    """
    with contextlib.ExitStack() as stack:
        stream: TextIO | None = None
        with contextlib.suppress(OSError):
            stream = (folder / LOG).open("a", encoding="utf-8", errors="backslashreplace")
            stack.callback(_close, stream)
        log = _Log(stream)
        log.write("versions: " + ", ".join(f"{name} {value}" for name, value in describe_environment(*distributions).items()))
        stack.enter_context(warnings.catch_warnings())
        warnings.showwarning = log.warning  # type: ignore[assignment]
        handler = logging.StreamHandler(log)
        handler.setLevel(logging.WARNING)
        handler.setFormatter(logging.Formatter("%(name)s: %(levelname)s: %(message)s"))
        logging.getLogger().addHandler(handler)
        stack.callback(logging.getLogger().removeHandler, handler)

        def say(text: str) -> None:
            log.write(text)
            session.say(text)

        yield dataclasses.replace(session, say=say)


def _close(stream: TextIO) -> None:
    with contextlib.suppress(OSError):  # lines that a full disk has had no room for are lost
        stream.close()


class _Log:
    """Lines with their times."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._warned: set[str] = set()

    def write(self, text: str) -> None:
        """Write a message, without names of the machine and the user."""
        if self._stream is None or not text.strip():
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(" ", "seconds").removesuffix("+00:00")
        with contextlib.suppress(OSError, ValueError):  # a full disk; a plugin's thread that goes on after the run
            self._stream.write(f"{now} {impersonal(text.rstrip()).replace(os.linesep, os.linesep + '  ')}\n")
            self._stream.flush()

    def flush(self) -> None:
        """Nothing is held back."""

    def warning(self, message: Any, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
        """Write a warning, once; `warnings.showwarning` while the run goes on."""
        parts = Path(filename).parts
        where = "/".join(parts[parts.index("site-packages") + 1 :] if "site-packages" in parts else parts[-2:])
        text = f"{where}:{lineno}: {category.__name__}: {message}"
        if text not in self._warned:
            self._warned.add(text)
            self.write(text)

"""Which pages of an earlier report can be taken over: those made by the same code from the same content, and not edited since.

What they were made from is kept in the reader's own cache, never in the report: a report that comes from a stranger, or that
was edited, can't pass for one's own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from genrebench.runs.reader_cache import read_cached, write_cached

KIND = "reports"


class Kept:
    """The pages of the report that lies in a folder.

    Parameters
    ----------
    old : Path
        The report; needn't exist.
    new : Path
        Folder in which the next one is made.
    """

    def __init__(self, old: Path, new: Path) -> None:
        self._old, self._new = old.absolute(), new
        self._known: dict[str, Any] = {}
        self._next: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            known = json.loads(read_cached(KIND, str(self._old)) or b"{}")
            self._known = known if isinstance(known, dict) else {}

    def take(self, page: str, key: str) -> Sequence[str] | None:
        """Take over a page and its files if it was made from the same; returns the problems that it had, else None."""
        known = self._known.get(page)
        if not isinstance(known, dict) or known.get("key") != key:
            return None
        names: Mapping[str, str] = known["files"]
        if not all(_digest_of(self._old / name) == digest for name, digest in names.items()):
            return None
        for name in names:
            _link(self._old / name, self._new / name)
        self._next[page] = known
        return list(known["problems"])

    def made(self, page: str, key: str, files: Sequence[str], problems: Sequence[str]) -> None:
        """Note what a new page was made from."""
        digests = {name: _digest_of(self._new / name) for name in files}
        self._next[page] = {"key": key, "files": digests, "problems": list(problems)}

    def save(self) -> None:
        """Keep the notes for the next report; where that isn't possible, all pages are made again."""
        write_cached(json.dumps(self._next).encode(), KIND, str(self._old))


@cache
def code_version() -> str:
    """Changes with anything that the content of pages may depend on: all code and templates of genrebench, and matplotlib."""
    import matplotlib as mpl

    digest = hashlib.sha256(mpl.__version__.encode())
    root = Path(__file__).parents[1]
    for file in sorted(root.rglob("*")):
        if file.suffix in (".py", ".html", ".css", ".js"):
            digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def key_of(*content: Any) -> str:
    """Key of a page that is made from values in JSON types."""
    text = json.dumps([code_version(), *content], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _digest_of(file: Path) -> str | None:
    try:
        if file.is_symlink():
            return None
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _link(source: Path, target: Path) -> None:
    """A second name of the same file, or a copy where the file system has no such names."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)

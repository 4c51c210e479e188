"""Atomic writing of files."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genrebench.errors import UsageError
from genrebench.jsontypes import plain


def beside(path: Path) -> Path:
    """Return a unique hidden path in the same folder, whose file or folder can be moved to `path` atomically."""
    return path.with_name(f".{path.name}-{secrets.token_hex(6)}")


def require_place(file: Path) -> None:
    """Check, before any work starts, that a file can be written.

    Raises
    ------
    UsageError
        If its folder doesn't exist, or `file` is a folder.
    """
    folder = file.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r} to write {file.name!r} into; create it first")
    if file.is_dir():
        raise UsageError(f"{str(file)!r} is a folder; choose the path of a file")


@contextlib.contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces `file` when the body ends without an exception."""
    temporary = beside(file)
    try:
        yield temporary
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(file: Path, value: Any) -> None:
    """Write a value as JSON, atomically; in ASCII, so that file names that aren't valid Unicode are preserved."""
    write(file, (json.dumps(plain(value), indent=1) + "\n").encode("ascii"))


def write(file: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file atomically; `durable` waits until it is on disk, which caches don't need."""
    with atomic(file) as temporary, temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        if durable:
            os.fsync(stream.fileno())  # errors of a full disk are raised here, before the old file is replaced

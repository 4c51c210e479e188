"""Files that appear whole or not at all."""

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
    """A hidden name of its own in the same folder, so that what is made there can be moved to `path` at once."""
    return path.with_name(f".{path.name}-{secrets.token_hex(6)}")


def require_place(file: Path) -> None:
    """Make sure, before work begins, that there is a folder to write a file into.

    Raises
    ------
    UsageError
        If there is none, or `file` is a folder itself.
    """
    folder = file.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r} to write {file.name!r} into")
    if file.is_dir():
        raise UsageError(f"{str(file)!r} is a folder; name a file to write")


@contextlib.contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """A temporary file beside `file` that takes its place when the block ends without an error."""
    temporary = beside(file)
    try:
        yield temporary
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(file: Path, value: Any) -> None:
    """Write a value in JSON's types as a complete file or not at all; in ASCII, so that names that aren't Unicode survive."""
    write(file, (json.dumps(plain(value), indent=1) + "\n").encode("ascii"))


def write(file: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a whole file or none; `durable` waits for the disk, which what can be computed again needn't."""
    with atomic(file) as temporary, temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        if durable:
            os.fsync(stream.fileno())  # a full disk says so here, before the old file goes

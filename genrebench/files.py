"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def beside(path: Path) -> Path:
    """A hidden name of its own in the same folder, so that what is made there can be moved to `path` at once."""
    return path.with_name(f".{path.name}-{secrets.token_hex(6)}")


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


def write(file: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a whole file or none; `durable` waits for the disk, which what can be computed again needn't."""
    with atomic(file) as temporary, temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        if durable:
            os.fsync(stream.fileno())  # a full disk says so here, before the old file goes

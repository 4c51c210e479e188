"""What was computed from runs, kept in the reader's own cache folder and never beside the runs.

Runs are passed around, and a cache that came with them could say anything. An entry is found by all that its value depends on,
the version of genrebench among it; an entry that is missing or damaged is computed again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

from genrebench import files
from genrebench.errors import UsageError
from genrebench.session import data_home


def read_cached(kind: str, *key: Any) -> bytes | None:
    """Return what was written under a key, of JSON types; None if there is nothing.

    Parameters
    ----------
    kind : str
        Name of a folder of the cache.
    *key
        All that the value depends on, in JSON types.
    """
    try:
        return _file(kind, key).read_bytes()
    except (OSError, UsageError):  # no such entry, or no home folder
        return None


def is_cached(kind: str, *key: Any) -> bool:
    """Whether there is an entry under a key."""
    try:
        return _file(kind, key).exists()
    except (OSError, UsageError):
        return False


def write_cached(data: bytes, kind: str, *key: Any) -> None:
    """Write an entry atomically; where that isn't possible, it is computed again next time."""
    with contextlib.suppress(OSError, UsageError):
        file = _file(kind, key)
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write(file, data, durable=False)


def _file(kind: str, key: tuple[Any, ...]) -> Path:
    name = hashlib.sha256(json.dumps([_version(), *key]).encode()).hexdigest()[:32]
    return data_home().joinpath("cache", kind, name[:2], name)


@functools.cache
def _version() -> str:
    try:
        return importlib.metadata.version("genrebench")
    except importlib.metadata.PackageNotFoundError:  # run from a folder that isn't installed
        return ""

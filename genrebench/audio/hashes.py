"""Content hashes of files, cached so that unchanged files aren't read again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from genrebench import files
from genrebench.errors import DataError


def content_hash(path: Path) -> str:
    """BLAKE2b of a file's bytes, as 32 hexadecimal digits.

    Raises
    ------
    DataError
        If the file can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def hash_cache(home: Path) -> Path:
    """The file in genrebench's data folder `home` that caches content hashes."""
    return home / "audio-hashes.json"


def content_hashes(paths: Sequence[Path], cache_file: Path) -> list[str]:
    """Content hashes of many files, cached in `cache_file` so that unchanged files aren't read again.

    A file counts as unchanged while its path, size and modification time stay the same. A file that several paths link to is
    read once.

    Raises
    ------
    DataError
        If a file can't be read, or `cache_file` can't be written.
    """
    cached = _load_hashes(cache_file)
    stamps: dict[str, tuple[int, int, int, int]] = {}
    for path in paths:
        try:
            stat = path.stat()
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from None
        stamps[os.path.abspath(path)] = (stat.st_size, stat.st_mtime_ns, stat.st_dev, stat.st_ino)  # noqa: PTH100, keeps links
    stale = {name: stamp for name, stamp in stamps.items() if cached.get(name, [])[:2] != list(stamp[:2])}
    if stale:
        by_stamp = {stamp: name for name, stamp in stale.items()}
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            hashes = dict(zip(by_stamp, pool.map(content_hash, map(Path, by_stamp.values())), strict=True))
        cached.update({name: [*stamp[:2], hashes[stamp]] for name, stamp in stale.items()})
        _save_hashes(cache_file, cached)
    return [cached[os.path.abspath(path)][2] for path in paths]  # noqa: PTH100


def _load_hashes(cache_file: Path) -> dict[str, list[Any]]:
    try:
        entries = json.loads(cache_file.read_text("utf-8"))
        return {name: entry for name, entry in entries.items() if len(entry) == 3}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # missing or damaged: every file is hashed again


def _save_hashes(cache_file: Path, cached: Mapping[str, list[Any]]) -> None:
    try:
        cache_file.parent.mkdir(parents=True, exist_ok=True)
        files.write(cache_file, json.dumps(cached).encode())
    except OSError as error:
        raise DataError(f"can't write {cache_file}: {error.strerror or error}; free up space or set GENREBENCH_HOME") from None

"""Content hashes of files, cached so that unchanged files aren't read again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from genrebench import files, mirror, temporary
from genrebench.errors import DataError
from genrebench.progress import no_progress

_SAMPLES, _SAMPLE_BYTES = 4, 64
_THREADS = 4
_CLOCK_STEP_NS = 50_000_000
"""A file that was changed so shortly before it was hashed can change again without a change of its times."""


class _Stamp(NamedTuple):
    """What a file's content is recognised by without reading it; `sample` is a hash of some of its bytes."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    sample: str


Cached = dict[str, tuple[_Stamp, str]]
"""Stamp and content hash by path."""


def content_hash(path: Path) -> str:
    """BLAKE2b of a file's bytes, as 32 hexadecimal digits.

    Raises
    ------
    DataError
        If the file can't be read.
    """
    if (known := mirror.known(path)) is not None and not path.stat().st_size:
        return known.hash  # the copy has made room for others
    mirror.require(path)
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

    A file counts as unchanged while its path, size, times of modification and of status change, inode and a sample of its
    content stay the same. A file that several paths link to is read once. Of several processes, one reads the files and the
    others wait for it.

    Raises
    ------
    DataError
        If a file can't be read, or `cache_file` can't be written.
    """
    names = [os.path.abspath(path) for path in paths]  # noqa: PTH100, keeps links
    stamps = _stamps(names)
    temporary.sweep_lock(cache_file)
    cached = _load(cache_file)
    if any(not _is_current(cached, name, stamp) for name, stamp in stamps.items()):
        with _locked(cache_file):
            cached = _load(cache_file)
            _hash({name: stamp for name, stamp in stamps.items() if not _is_current(cached, name, stamp)}, cached)
            _save(cache_file, cached)
    return [cached[name][1] for name in names]


def rehash(paths: Sequence[Path], cache_file: Path, progress: Callable[[Iterator[str], str, int], Iterable[str]]) -> list[Path]:
    """Read all files, and return those whose cached hash was wrong although they seemed unchanged; the cache is corrected.

    Parameters
    ----------
    paths : sequence of Path
    cache_file : Path
    progress : callable
        As in `Context`.

    Raises
    ------
    DataError
        As `content_hashes`.
    """
    names = [os.path.abspath(path) for path in paths]  # noqa: PTH100, keeps links
    with _locked(cache_file):
        before = _load(cache_file)
        stamps = _stamps(names)
        trusted = {name: before[name][1] for name, stamp in stamps.items() if _is_current(before, name, stamp)}
        hashed: Cached = {}
        for name in progress(iter(stamps), "reading files again", len(stamps)):
            _hash({name: stamps[name]}, hashed)
        _save(cache_file, before | hashed)
    return [path for path, name in zip(paths, names, strict=True) if trusted.get(name, hashed[name][1]) != hashed[name][1]]


def _hash(stamps: Mapping[str, _Stamp], into: Cached) -> None:
    """Hash files; a file that several names link to is read once."""
    name_of = {stamp: name for name, stamp in stamps.items()}
    started = time.time_ns()
    with ThreadPoolExecutor(_THREADS) as pool:
        hashes = dict(zip(name_of, pool.map(content_hash, map(Path, name_of.values())), strict=True))
    for name, stamp in stamps.items():
        settled = stamp.ctime_ns < started - _CLOCK_STEP_NS
        into[name] = (stamp if settled else stamp._replace(ctime_ns=0), hashes[stamp])


def _is_current(cached: Cached, name: str, stamp: _Stamp) -> bool:
    return name in cached and cached[name][0] == stamp


def _stamps(names: Sequence[str]) -> dict[str, _Stamp]:
    mirror.fetch(map(Path, names), no_progress)
    return {name: _stamp(name) for name in dict.fromkeys(names)}


def _stamp(name: str) -> _Stamp:
    if (known := mirror.known(Path(name))) is not None:  # the same whether the copy is there or not
        return _Stamp(known.size, 0, 0, 0, known.hash)
    try:
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
        try:
            stat = os.fstat(descriptor)
            sample = b""
            for number in range(_SAMPLES):
                os.lseek(descriptor, (2 * number + 1) * stat.st_size // (2 * _SAMPLES), os.SEEK_SET)
                sample += os.read(descriptor, _SAMPLE_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DataError(f"{name}: {error.strerror or error}") from None
    digest = hashlib.blake2b(sample, digest_size=8).hexdigest()
    return _Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, digest)


@contextlib.contextmanager
def _locked(cache_file: Path) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(temporary.locked(cache_file))
        except OSError as error:
            raise files.home_error(cache_file, error) from None
        yield


def _load(cache_file: Path) -> Cached:
    """Read the cache; entries of version 0.1.0, which knew only size and time, are left out."""
    try:
        entries: dict[str, list[Any]] = json.loads(cache_file.read_text("utf-8"))
        return {name: (_Stamp(*entry[:-1]), entry[-1]) for name, entry in entries.items() if len(entry) == 6}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}  # missing or damaged: every file is hashed again


def _save(cache_file: Path, cached: Cached) -> None:
    try:
        content = json.dumps({name: [*stamp, hashed] for name, (stamp, hashed) in cached.items()})
        files.write(cache_file, content.encode(), durable=False)
    except OSError as error:
        raise files.home_error(cache_file, error) from None

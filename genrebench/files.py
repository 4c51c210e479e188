"""Atomic writing of files, and what to do about a disk that refuses."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from genrebench import temporary
from genrebench.errors import DataError, UsageError
from genrebench.jsontypes import plain

T = TypeVar("T")

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
_LASTING = FULL_DISK | {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EROFS,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    None,
}
"""Errors that a second try can't cure."""

_PAUSES = (0.05, 0.25, 1.0)
"""Seconds before the second, third and fourth try."""


def number_of(error: BaseException | None) -> int | None:
    """The operating system's number of an error or of the one that caused it; None if there is none."""
    while error is not None:
        if isinstance(error, OSError):
            return error.errno
        error = error.__cause__
    return None


def is_full_disk(error: BaseException) -> bool:
    """Whether an error, or the one that caused it, says that the disk is full."""
    return number_of(error) in FULL_DISK


def cache_error(error: OSError) -> DataError:
    """The error of a cache that can't be written."""
    return DataError(
        f"can't write to the cache ({error.strerror or error}); free up space, run `genrebench cache clear`, or set "
        "GENREBENCH_HOME to a larger disk"
    )


def home_error(file: Path, error: OSError) -> DataError:
    """The error of a file in genrebench's data folder that can't be written."""
    return DataError(f"can't write {file}: {error.strerror or error}; free up space or set GENREBENCH_HOME")


def retried(action: Callable[[], T]) -> T:
    """Call `action` again, up to three times, if it fails because of an error that may pass, as those of a network disk do.

    Raises
    ------
    Exception
        The last one; at once if it can't pass, such as that of a full disk, or has nothing to do with the operating system.
    """
    for pause in _PAUSES:
        try:
            return action()
        except Exception as error:
            if number_of(error) in _LASTING:
                raise
        time.sleep(pause)
    return action()


def free_disk(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, which may not exist yet."""
    absolute = folder.absolute()
    return shutil.disk_usage(next(place for place in (absolute, *absolute.parents) if place.exists())).free


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
def atomic(file: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces `file` when the body ends without an exception.

    Parameters
    ----------
    file : Path
        Temporary files for it that a killed process left behind are removed.
    durable : bool
        Wait until the content is on disk, which caches don't need; errors of a full disk are then raised before the old file is
        replaced.
    """
    temporary.sweep(file.parent, file.name)
    with temporary.owned(file) as (path, descriptor):
        yield path
        if durable:
            _sync(path, descriptor)
        path.replace(file)
    if durable:
        with contextlib.suppress(OSError):  # not all systems can sync a folder
            _sync(file.parent, None)


def write_json(file: Path, value: Any) -> None:
    """Write a value as JSON, atomically; in ASCII, so that file names that aren't valid Unicode are preserved."""
    write(file, (json.dumps(plain(value), indent=1) + "\n").encode("ascii"))


def write(file: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file atomically, and again after an error that may pass; a kill leaves the old content or the new one.

    Parameters
    ----------
    file : Path
        In a folder that exists; replaced where it exists.
    data : bytes
    durable : bool
        Wait until the content is on disk.

    Raises
    ------
    OSError
        If it can't be written, such as to a full disk.
    """

    def once() -> None:
        with atomic(file, durable=durable) as path:
            path.write_bytes(data)

    retried(once)


def sync(folder: Path) -> None:
    """Wait until all files below a folder are on disk.

    Raises
    ------
    OSError
        Such as that of a full disk.
    """
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            _sync(path, None)


def _sync(path: Path, descriptor: int | None) -> None:
    """Wait until a file or folder is on disk; an open descriptor of it is used if there is one."""
    if descriptor is not None:
        os.fsync(descriptor)
        return
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

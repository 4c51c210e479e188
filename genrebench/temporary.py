"""Temporary files, folders and locks that are recognised as leftovers once their owner has ended, however it ended.

A temporary path is hidden and lies beside the path that it will become. Its owner holds a lock on it, which the operating
system releases when the owner dies; `sweep` removes those that nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from genrebench.interrupts import held_back

_PATTERN = re.compile(r"\.(?P<name>.+)-[0-9a-f]{12}")
_STALE_SECONDS = 24 * 3600.0
"""Age of a leftover where there are no locks, as on some network file systems."""


def beside(path: Path) -> Path:
    """Return a unique hidden path in the same folder, whose file or folder can be moved to `path` atomically."""
    return path.with_name(f".{path.name}-{secrets.token_hex(6)}")


@contextlib.contextmanager
def owned(path: Path, *, folder: bool = False) -> Iterator[tuple[Path, int | None]]:
    """Create a temporary file or folder beside `path` and own it while the body runs; at the end it is removed if still there.

    Yields
    ------
    temporary : Path
    descriptor : int or None
        Open descriptor of it; None where there are no locks.
    """
    temporary, descriptor = _create(path, folder)
    try:
        yield temporary, descriptor
    finally:
        _remove(temporary)
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def exclusive(file: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock while the body runs; of all processes and threads only one does.

    Parameters
    ----------
    file : Path
        Exists only while the lock is held, or after its owner was killed, which releases the lock.
    wait : bool
        Wait for another owner.

    Yields
    ------
    bool
        Whether the lock is held.

    Raises
    ------
    OSError
        If the file can't be created.
    """
    import filelock  # slow to import

    lock = filelock.FileLock(file, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        for _ in range(2):  # an error of a network disk mostly passes, and the next command needn't need this lock
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)  # filelock notices that it waits for a file that is gone
                break
        lock.release()


def locked(path: Path) -> contextlib.AbstractContextManager[bool]:
    """Hold the lock of a file or folder, a hidden file beside it, as `exclusive` does; the folder of both is created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return exclusive(_lock_of(path))


def sweep_lock(path: Path) -> None:
    """Remove the lock of a file or folder if its owner has ended; errors are ignored."""
    lock = _lock_of(path)
    if lock.is_file():
        with contextlib.suppress(OSError), exclusive(lock, wait=False):
            pass  # it is removed at the end of its use


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def install(new: Path, folder: Path) -> None:
    """Rename a temporary folder to `folder`, which is removed before if it exists; a Ctrl-C waits until there is one again."""
    with held_back():
        old = beside(folder)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(old)
        new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def sweep(folder: Path, name: str | None = None) -> list[str]:
    """Remove the temporary files and folders in `folder` whose owners have ended.

    Parameters
    ----------
    folder : Path
        Needn't exist; errors are ignored, since a command that only reads has to work in a folder that can't be written.
    name : str, optional
        Only those that would have become this file or folder.

    Returns
    -------
    list of str
        Names of what else is in the folder.
    """
    others: list[str] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _PATTERN.fullmatch(entry.name)
            if match is None:
                others.append(entry.name)
            elif name in (None, match["name"]) and not entry.is_symlink():
                with contextlib.suppress(OSError):
                    _remove_leftover(Path(entry.path))
    return others


def _create(path: Path, folder: bool) -> tuple[Path, int | None]:
    while True:
        temporary = beside(path)
        if folder:
            temporary.mkdir()
        else:
            temporary.open("xb").close()
        try:
            descriptor = _lock(temporary)
        except FileNotFoundError:  # another process took it for a leftover before it was locked
            continue
        except OSError:
            return temporary, None
        if descriptor is not None:
            return temporary, descriptor


def _lock(path: Path) -> int | None:
    """Open and lock a path; None if another process has locked it. Raises OSError where there are no locks."""
    if os.name == "nt":
        raise OSError("a locked file can't be written through another handle on Windows")
    from filelock import lock_descriptor

    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if lock_descriptor(descriptor, blocking=False):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _remove_leftover(path: Path) -> None:
    try:
        descriptor = _lock(path)
    except OSError:
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            _remove(path)
        return
    if descriptor is not None:
        _remove(path)
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()

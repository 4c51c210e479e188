"""Several processes on one cache: each entry is computed by one of them, and nothing is cleared that another one reads.

All of it rests on locks that the operating system releases when their owner dies.
"""

from __future__ import annotations

import contextlib
import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

from genrebench import temporary
from genrebench.errors import DataError, UsageError
from genrebench.files import cache_error

UNFINISHED = "unfinished"
"""Name of the hidden folders of unfinished entries, one per process that uses the cache."""

CLAIMS = ".claims"
"""Name of the folder of locks of the entries that are being computed."""

_uses: weakref.WeakValueDictionary[Path, Use] = weakref.WeakValueDictionary()


class Use:
    """Use of a cache by this process: while the object lives, no other process clears the cache.

    Attributes
    ----------
    cache : Path
    folder : Path
        Folder inside the cache, and so on the same disk, for unfinished entries.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._stack = contextlib.ExitStack()
        with temporary.locked(cache):  # as long as the list of the cache's users is read or changed
            cache.mkdir(parents=True, exist_ok=True)
            _sweep(cache)
            self.folder, _ = self._stack.enter_context(temporary.owned(cache / UNFINISHED, folder=True))
        weakref.finalize(self, _end, os.getpid(), self._stack)

    def __reduce__(self) -> tuple[object, ...]:
        return use, (self.cache,)


def use(cache: Path) -> Use:
    """Return this process's use of a cache.

    Raises
    ------
    DataError
        If the cache can't be written.
    """
    cache = cache.absolute()
    current = _uses.get(cache)
    if current is None or not current.folder.is_dir():
        try:
            current = _uses[cache] = Use(cache)
        except OSError as error:
            raise DataError(
                f"can't write to the cache at {cache}: {error.strerror or error}; make it a folder that you can write, or set "
                "GENREBENCH_HOME to another one"
            ) from None
    return current


@contextlib.contextmanager
def unfinished_folder(cache: Path) -> Iterator[Path]:
    """Use a cache while the body fills it; yields the folder for unfinished entries. Raises as `use`."""
    current = use(cache)
    try:
        yield current.folder
    finally:
        del current  # an exception may keep this frame alive


def use_if_possible(cache: Path) -> Use | None:
    """As `use`; None if the cache can't be written, as a shared one that is complete."""
    with contextlib.suppress(DataError):
        return use(cache)
    return None


@contextlib.contextmanager
def claimed(cache: Path, name: str) -> Iterator[bool]:
    """Claim an entry, so that only this process computes it; yields whether that succeeded.

    Raises
    ------
    DataError
        If the cache can't be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            (cache / CLAIMS).mkdir(parents=True, exist_ok=True)
            held = stack.enter_context(temporary.exclusive(cache / CLAIMS / f"{name}.lock", wait=False))
        except OSError as error:
            raise cache_error(error) from error
        yield held


@contextlib.contextmanager
def cleared(cache: Path) -> Iterator[None]:
    """Keep other processes from using the cache while the body clears it.

    Raises
    ------
    UsageError
        If a process uses the cache.
    """
    gc.collect()  # inputs of this process that nobody needs any more
    with temporary.locked(cache):
        _sweep(cache)
        users = [path for path in cache.glob(f".{UNFINISHED}-*") if path.is_dir()]
        if users:
            who = "another command" if len(users) == 1 else f"{len(users)} commands"
            who = "inputs in this Python session" if cache.absolute() in _uses else who
            raise UsageError(f"the cache at {cache} is in use by {who}; clear it when they have ended")
        yield


def _end(owner: int, stack: contextlib.ExitStack) -> None:
    if os.getpid() == owner:  # not in a process that was forked from it
        stack.close()


def _sweep(cache: Path) -> None:
    """Remove what killed processes left in the cache."""
    temporary.sweep(cache, UNFINISHED)
    for claim in (cache / CLAIMS).glob("*.lock"):
        with contextlib.suppress(OSError), temporary.exclusive(claim, wait=False):
            pass  # a lock that nobody holds is removed with its release

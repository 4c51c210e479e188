"""Reading files that somebody else may have written: what kind of file, whose folder and how large is known before it is read.

A run or a model may come from a stranger. Its files are ordinary files inside its folder; a link out of it, a pipe or a device
is refused without being opened for long, and nothing takes more memory than its size on disk allows.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import math
import os
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAX_FILES = 100_000
"""Largest number of files in a folder or an archive."""

MAX_DEPTH = 40
"""How deep JSON may be nested; no record of genrebench comes near."""

SMALL_ARRAYS = 64 * 2**20
"""Bytes that the arrays of an archive may always take, however small the archive is."""

COMPRESSION = 4
"""How much larger than the archive its arrays may be beyond that; ``numpy.savez`` and skops don't compress at all."""

MAX_AXES = 32

_UNSOUND = (zipfile.BadZipFile, RuntimeError, TypeError, EOFError, tokenize.TokenError, zlib.error, lzma.LZMAError)
"""What reading a damaged archive, or the header of an array in it, may raise beside ValueError and OSError."""


class UnsafeFileError(ValueError):
    """A file that isn't read: of the wrong kind, outside its folder, or too large."""


def read_within(folder: Path, name: str | Path, limit: int) -> bytes:
    """Read an ordinary file of a folder.

    Parameters
    ----------
    folder : Path
    name : str or Path
        Relative to the folder.
    limit : int
        Largest size in bytes.

    Raises
    ------
    UnsafeFileError
        If the file leads out of the folder, is neither a file nor a link to one inside, or is larger than `limit`.
    OSError
        If it is missing or can't be read.
    """
    with open_within(folder, name, limit) as file:
        data = file.read(limit + 1)
    if len(data) > limit:  # it grew in the meantime
        raise UnsafeFileError(f"it is larger than {_mb(limit)}")
    return data


def read_ordinary(file: Path, limit: int) -> bytes:
    """Read an ordinary file that somebody has named, or that a link of theirs leads to; as `read_within`."""
    try:
        real = file.resolve(strict=True)
    except RuntimeError:  # a link to itself, in Python before 3.13
        raise UnsafeFileError("it is a link to itself") from None
    return read_within(real.parent, real.name, limit)


def open_within(folder: Path, name: str | Path, limit: int) -> IO[bytes]:
    """Open an ordinary file of a folder for reading; see `read_within`."""
    real = require_inside(folder / name, folder)
    # a pipe without a writer would otherwise wait forever
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    _require_ordinary(real.lstat(), limit)
    file = os.fdopen(os.open(real, flags), "rb")
    try:
        _require_ordinary(os.fstat(file.fileno()), limit)
    except BaseException:
        file.close()
        raise
    return file


def require_inside(path: Path, folder: Path) -> Path:
    """Return where a path of a folder really is, after a check that this is in the folder.

    Raises
    ------
    UnsafeFileError
        If a link leads out of the folder.
    OSError
        If there is nothing.
    """
    try:
        real = path.resolve(strict=True)
    except RuntimeError:  # a link to itself, in Python before 3.13
        raise UnsafeFileError("it is a link to itself") from None
    if not real.is_relative_to(folder.resolve(strict=True)):
        raise UnsafeFileError("it is a link that leads out of its folder")
    return real


def _require_ordinary(status: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError("it isn't an ordinary file")
    if status.st_size > limit:
        raise UnsafeFileError(f"it is larger than {_mb(limit)}")


def require_ordinary_files(folder: Path) -> None:
    """Check that a folder has only folders and ordinary files, at most `MAX_FILES`, and no link that leads out of it.

    Raises
    ------
    UnsafeFileError
        Otherwise; the message names the file.
    OSError
        If a folder can't be read.
    """
    waiting, count = [folder], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                where = Path(entry.path)
                if count > MAX_FILES:
                    raise UnsafeFileError(f"it has more than {MAX_FILES} files")
                if entry.is_symlink():
                    try:
                        ordinary = require_inside(where, folder).is_file()
                    except (OSError, UnsafeFileError):
                        ordinary = False
                    if not ordinary:
                        raise UnsafeFileError(f"{where.relative_to(folder)} is a link that leads out of it, or to no file")
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(where)
                elif not entry.is_file(follow_symlinks=False):
                    raise UnsafeFileError(f"{where.relative_to(folder)} isn't an ordinary file")


# ------------------------------------------------------------------ JSON


def parse_json(data: bytes | str, max_depth: int = MAX_DEPTH) -> Any:
    """Parse JSON of finite numbers that isn't nested deeper than `max_depth`.

    Raises
    ------
    ValueError
        If it is no JSON, nested too deeply, or has a number that isn't finite.
    """
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [value]
    for _ in range(max_depth):
        if any(isinstance(one, float) and not math.isfinite(one) for one in level):
            raise ValueError("it has a number that isn't finite")
        level = [item for one in level for item in _items(one)]
        if not level:
            return value
    raise ValueError("it is nested too deeply")


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def read_json(file: Path, limit: int = 64 * 2**20) -> Any:
    """Read a JSON file of at most `limit` bytes that isn't nested deeper than `MAX_DEPTH`.

    Raises
    ------
    ValueError
        If it is no JSON, too large, nested too deeply, or no ordinary file.
    OSError
        If it can't be read.
    """
    return parse_json(read_within(file.parent, file.name, limit))


# ------------------------------------------------------------------ archives of arrays


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a .npz file.

    What the file says of its sizes is checked before memory is taken for it: altogether the arrays may have 64 MiB, and beyond
    that four times the size of the file. Arrays of Python objects are refused.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If the file isn't such an archive, or too large.
    OSError
        If it can't be read.
    """
    with open_archive(file) as (archive, _):
        result = {}
        for name in archive.namelist():
            with archive.open(name) as member:
                if not name.endswith(".npy"):
                    raise ValueError(f"{name!r} in it isn't an array")
                result[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
        return result


@contextlib.contextmanager
def open_archive(file: Path) -> Iterator[tuple[zipfile.ZipFile, IO[bytes]]]:
    """Open a zip archive after a check of the sizes that it and the headers of its arrays claim; see `read_arrays`.

    Yields
    ------
    archive : ZipFile
    stream : file object
        The archive's file.
    """
    size = file.stat().st_size
    with open_within(file.parent, file.name, size) as stream:
        try:
            archive = zipfile.ZipFile(stream)
            _check_archive(archive, SMALL_ARRAYS + COMPRESSION * size)
        except _UNSOUND as error:
            raise ValueError(f"it isn't a sound archive ({error})") from None
        with archive:
            try:
                yield archive, stream
            except _UNSOUND as error:
                raise ValueError(f"it isn't a sound archive ({error})") from None


def _check_archive(archive: zipfile.ZipFile, limit: int) -> None:
    members = archive.infolist()
    if len(members) > MAX_FILES or len({member.filename for member in members}) < len(members):
        raise ValueError("it has too many parts, or two of one name")
    if sum(member.file_size for member in members) > limit:
        raise ValueError(f"its parts would take more than {_mb(limit)}")
    for member in members:
        if member.filename.endswith(".npy"):
            with archive.open(member) as part:
                _check_header(part, member.file_size, member.filename, limit)


def _check_header(part: IO[bytes], size: int, name: str, limit: int) -> None:
    """Check that an array has as many bytes as its header says."""
    version = np.lib.format.read_magic(part)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name!r} has an unknown format")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(part)
    if dtype.hasobject:
        raise ValueError(f"{name!r} holds Python objects")
    if len(shape) > MAX_AXES or min(shape, default=0) < 0:
        raise ValueError(f"{name!r} has the shape {shape}")
    if math.prod(max(1, axis) for axis in shape) * max(1, dtype.itemsize) > limit:  # of no bytes, but endless to go through
        raise ValueError(f"{name!r} has the shape {shape}")
    if math.prod(shape) * dtype.itemsize != size - part.tell():
        raise ValueError(f"{name!r} has another size than its shape {shape} says")


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"

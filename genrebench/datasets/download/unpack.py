"""Unpack an untrusted archive."""

from __future__ import annotations

import contextlib
import errno
import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from genrebench.datasets.download.fetch import Progress, ignore
from genrebench.errors import DataError

MAX_MEMBERS = 500_000
CHUNK = 2**20


@dataclass(frozen=True)
class _Member:
    """A file in an archive: its path in the folder, its size in bytes, and how it is opened."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]


def unpack(
    archive: Path, folder: Path, *, limit: int, progress: Progress = ignore, complete: Callable[[], object] = lambda: None
) -> None:
    """Unpack a zip or tar archive.

    Members are written to ``<folder>.part``, which is renamed to `folder` when it is complete; after an interruption the next
    call continues with the missing members.

    Parameters
    ----------
    archive : Path
        A .zip, .tar.gz or .tgz file.
    folder : Path
        Must not exist. If the archive has a top-level folder of this name, everything has to be in it, and its content becomes
        that of `folder`.
    limit : int
        Maximum total size of the members, in bytes.
    progress : callable
        ``progress(description, done, total)`` in bytes.
    complete : callable
        Called when all members are written, before the folder gets its name.

    Raises
    ------
    DataError
        If a member is a link, would be written outside the folder, is encrypted or damaged, or if the archive unpacks to
        more than `limit` bytes or more than fits on the disk. All but damaged members are detected before anything is written.
    """
    part = folder.with_name(f"{folder.name}.part")
    unfinished = folder.with_name(f"{folder.name}.part.file")  # outside, so that a killed process leaves nothing inside
    opened = _tar if archive.name.endswith((".tar.gz", ".tgz")) else _zip
    try:
        with opened(archive, folder.name, limit) as members:
            total = sum(member.size for member in members)
            _check_space(part, members, total)
            done = 0
            part.mkdir(parents=True, exist_ok=True)
            for member in members:
                target = part / member.path
                if not (target.is_file() and target.stat().st_size == member.size):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with member.open() as source, unfinished.open("wb") as file:
                        shutil.copyfileobj(source, file, CHUNK)
                    if unfinished.stat().st_size != member.size:
                        raise EOFError(f"{str(member.path)!r} is cut off")
                    unfinished.replace(target)
                done += member.size
                progress(f"unpacking {archive.name}", done, total)
    except _DAMAGE as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile) and error.errno != errno.EINVAL:
            raise  # a problem with the disk, not with the archive; EINVAL: a damaged zip directory with a negative offset
        raise DataError(f"{archive} can't be unpacked ({error}); delete it and download it again") from None
    finally:
        unfinished.unlink(missing_ok=True)
    _remove_strangers(part, {part / member.path for member in members})
    complete()
    part.replace(folder)


_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError),
)


@contextlib.contextmanager
def _zip(archive: Path, top: str, limit: int) -> Iterator[list[_Member]]:
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        _check_count(archive, len(entries))
        names = [entry.orig_filename for entry in entries]
        prefix = _prefix(names, top)
        files: list[_Member] = []
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            path = _path(archive, entry.orig_filename, prefix, ordinary=kind in (0, stat.S_IFREG, stat.S_IFDIR))
            if entry.flag_bits & 1:
                raise DataError(f"{archive}: member {entry.orig_filename!r} is encrypted; download the archive again")
            if not entry.is_dir():
                files.append(_Member(path, entry.file_size, partial(opened.open, entry)))
        packed = sum(entry.compress_size for entry in entries if not entry.is_dir())
        _check(archive, files, limit)
        if packed > archive.stat().st_size:
            raise DataError(f"{archive}: its members overlap; not unpacked")
        yield files


@contextlib.contextmanager
def _tar(archive: Path, top: str, limit: int) -> Iterator[list[_Member]]:
    with tarfile.open(archive, "r:gz") as opened:
        entries = []
        size = 0
        for entry in opened:  # a bomb is stopped at the header that exceeds the limit
            entries.append(entry)
            size += entry.size
            _check_size(archive, size, limit)
            _check_count(archive, len(entries))
        while opened.fileobj is not None and (rest := opened.fileobj.read(CHUNK)):  # to the checksum, which is at the end
            size += len(rest)
            _check_size(archive, size, limit + CHUNK)
        prefix = _prefix([entry.name for entry in entries], top)
        files = []
        for entry in entries:
            name = entry.name.removeprefix("./") if entry.name != "." else top
            path = _path(archive, name, prefix, ordinary=entry.isreg() or entry.isdir())
            if entry.isreg():
                files.append(_Member(path, entry.size, partial(_open_member, opened, entry)))
        _check(archive, files, limit)
        yield files


def _open_member(opened: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    stream = opened.extractfile(entry)
    if stream is None:
        raise ValueError(f"{entry.name!r} isn't a file")
    return stream


def _remove_strangers(part: Path, members: set[Path]) -> None:
    """Remove what isn't in the archive: what version 0.1.0 left if it was killed."""
    for path in part.rglob("*"):
        if not path.is_dir() and path not in members:
            path.unlink()


def _check_count(archive: Path, n: int) -> None:
    if n > MAX_MEMBERS:
        raise DataError(f"{archive} has {n:,} members, more than {MAX_MEMBERS:,}; not unpacked")


def _check_size(archive: Path, size: int, limit: int) -> None:
    if size > limit:
        raise DataError(f"{archive} unpacks to {size:,} bytes, expected at most {limit:,}; not unpacked")


def _check(archive: Path, members: list[_Member], limit: int) -> None:
    """Raise `DataError` if members have one path, or one inside another, or are too large."""
    files: set[PurePosixPath] = set()
    for member in members:
        if member.path in files or member.path == PurePosixPath():
            raise DataError(f"{archive}: member {str(member.path)!r} appears twice; not unpacked")
        files.add(member.path)
    for path in files:
        if any(parent in files for parent in path.parents):
            raise DataError(f"{archive}: member {str(path)!r} is inside another file; not unpacked")
    _check_size(archive, sum(member.size for member in members), limit)
    if not files:
        raise DataError(f"{archive} contains no files; download it again")


def _prefix(names: list[str], top: str) -> str | None:
    """The top-level folder, if any member is in one of this name."""
    return top if any(name.removeprefix("./").split("/")[0] == top for name in names) else None


def _path(archive: Path, name: str, top: str | None, *, ordinary: bool) -> PurePosixPath:
    """Path of a member relative to the top-level folder."""
    if not ordinary:
        raise DataError(f"{archive}: member {name!r} is a link or a device; not unpacked")
    parts = name.removesuffix("/").split("/")
    safe = name.isprintable() and "\\" not in name and not PureWindowsPath(name).drive
    if not safe or top not in (None, parts[0]) or any(part in ("", ".", "..") for part in parts):
        where = "the archive's folder" if top is None else repr(top)
        raise DataError(f"{archive}: member {name!r} isn't inside {where}; not unpacked")
    return PurePosixPath(*parts if top is None else parts[1:])


def _check_space(part: Path, members: list[_Member], total: int) -> None:
    present = sum(member.size for member in members if (part / member.path).is_file())
    free = shutil.disk_usage(part.parent).free
    if total - present > free:
        raise DataError(f"{part.parent} has {free:,} bytes free and {total - present:,} are needed to unpack; free up space")

"""Unpack an untrusted zip archive."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from genrebench.datasets.download.fetch import Progress, ignore
from genrebench.errors import DataError

MAX_MEMBERS = 500_000
CHUNK = 2**20


def unpack(archive: Path, folder: Path, *, limit: int, progress: Progress = ignore) -> None:
    """Unpack an archive with a single top-level folder.

    Members are written to ``<folder>.part``, which is renamed to `folder` when it is complete; after an interruption the next
    call continues with the missing members.

    Parameters
    ----------
    archive : Path
    folder : Path
        Must not exist; its name is that of the archive's top-level folder.
    limit : int
        Maximum total size of the members, in bytes.
    progress : callable
        ``progress(description, done, total)`` in bytes.

    Raises
    ------
    DataError
        If a member is a link, would be written outside the folder, is encrypted or damaged, or if the archive unpacks to
        more than `limit` bytes or more than fits on the disk. All but damaged members are detected before anything is written.
    """
    part = folder.with_name(f"{folder.name}.part")
    unfinished = folder.with_name(f"{folder.name}.part.file")  # outside, so that a killed process leaves nothing inside
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked(archive, opened.infolist(), folder.name, limit)
            total = sum(member.file_size for member, _ in members)
            _check_space(part, members, total)
            done = 0
            part.mkdir(parents=True, exist_ok=True)
            for member, path in members:
                target = part / path
                if not (target.is_file() and target.stat().st_size == member.file_size):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(member) as source, unfinished.open("wb") as file:
                        shutil.copyfileobj(source, file, CHUNK)
                    unfinished.replace(target)
                done += member.file_size
                progress(f"unpacking {archive.name}", done, total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # EINVAL: a damaged zip directory with a negative offset
            raise  # a problem with the disk, not with the archive
        raise DataError(f"{archive} can't be unpacked ({error}); delete it and download it again") from None
    finally:
        unfinished.unlink(missing_ok=True)
    _remove_strangers(part, {part / path for _, path in members})
    part.replace(folder)


def _remove_strangers(part: Path, members: set[Path]) -> None:
    """Remove what isn't in the archive: what version 0.1.0 left if it was killed."""
    for path in part.rglob("*"):
        if not path.is_dir() and path not in members:
            path.unlink()


def _checked(
    archive: Path, members: list[zipfile.ZipInfo], top: str, limit: int
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The files in the archive with their paths below the top-level folder; raises `DataError` if one is unsafe."""
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{archive} has {len(members):,} members, more than {MAX_MEMBERS:,}; not unpacked")
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for member in members:
        path = _path(archive, member, top)
        if member.is_dir():
            continue
        if path in files or path == PurePosixPath():
            raise DataError(f"{archive}: member {member.filename!r} appears twice; not unpacked")
        files[path] = member
    for path in files:
        if any(parent in files for parent in path.parents):
            raise DataError(f"{archive}: member {str(path)!r} is inside another file; not unpacked")
    unpacked = sum(member.file_size for member in files.values())
    packed = sum(member.compress_size for member in files.values())
    if unpacked > limit:
        raise DataError(f"{archive} unpacks to {unpacked:,} bytes, expected at most {limit:,}; not unpacked")
    if packed > archive.stat().st_size:
        raise DataError(f"{archive}: its members overlap; not unpacked")
    if not files:
        raise DataError(f"{archive} contains no files; download it again")
    return [(member, path) for path, member in files.items()]


def _path(archive: Path, member: zipfile.ZipInfo, top: str) -> PurePosixPath:
    """Path of a member relative to the top-level folder."""
    name = member.orig_filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{archive}: member {name!r} is a link or a device; not unpacked")
    parts = name.removesuffix("/").split("/")
    safe = name.isprintable() and "\\" not in name and not PureWindowsPath(name).drive
    if not safe or parts[0] != top or any(part in ("", ".", "..") for part in parts):
        raise DataError(f"{archive}: member {name!r} isn't inside {top!r}; not unpacked")
    if member.flag_bits & 1:
        raise DataError(f"{archive}: member {name!r} is encrypted; download the archive again")
    return PurePosixPath(*parts[1:])


def _check_space(part: Path, members: list[tuple[zipfile.ZipInfo, PurePosixPath]], total: int) -> None:
    present = sum(member.file_size for member, path in members if (part / path).is_file())
    free = shutil.disk_usage(part.parent).free
    if total - present > free:
        raise DataError(f"{part.parent} has {free:,} bytes free and {total - present:,} are needed to unpack; free up space")

"""Unpack a zip archive that nobody has to trust."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from genrebench.datasets.download.fetch import Progress, ignore
from genrebench.errors import DataError
from genrebench.files import atomic

MAX_MEMBERS = 500_000
CHUNK = 2**20


def unpack(archive: Path, folder: Path, *, limit: int, progress: Progress = ignore) -> None:
    """Unpack an archive that holds one folder.

    The members are written below ``<folder>.part``, which takes the folder's name when it is complete; after an interruption
    the next call goes on with the members that are missing.

    Parameters
    ----------
    archive : Path
    folder : Path
        Mustn't exist; its name is that of the archive's one top folder.
    limit : int
        Most bytes that the members may have in total.
    progress : callable
        ``progress(what, done, total)`` in bytes.

    Raises
    ------
    DataError
        If a member is a link, or would be written outside the folder, or is encrypted or damaged; if the archive unpacks to
        more than `limit` bytes or than the disk has room for. Only a damaged member is found after others were written.
    """
    part = folder.with_name(f"{folder.name}.part")
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
                    with atomic(target) as temporary, opened.open(member) as source, temporary.open("wb") as file:
                        shutil.copyfileobj(source, file, CHUNK)
                done += member.file_size
                progress(f"unpacking {archive.name}", done, total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # EINVAL: a damaged directory points before the start
            raise  # the disk's fault, not the archive's
        raise DataError(f"{archive} can't be unpacked ({error}); remove it and get it anew") from None
    part.replace(folder)


def _checked(
    archive: Path, members: list[zipfile.ZipInfo], top: str, limit: int
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The files among the members, each with its path below the top folder; refused where one of them is dangerous."""
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{archive} has {len(members):,} members, more than {MAX_MEMBERS:,}; it isn't unpacked")
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for member in members:
        path = _path(archive, member, top)
        if member.is_dir():
            continue
        if path in files or path == PurePosixPath():
            raise DataError(f"{archive}: member {member.filename!r} is there twice; it isn't unpacked")
        files[path] = member
    for path in files:
        if any(parent in files for parent in path.parents):
            raise DataError(f"{archive}: member {str(path)!r} lies below a file; it isn't unpacked")
    unpacked = sum(member.file_size for member in files.values())
    packed = sum(member.compress_size for member in files.values())
    if unpacked > limit:
        raise DataError(f"{archive} unpacks to {unpacked:,} bytes where at most {limit:,} were expected; it isn't unpacked")
    if packed > archive.stat().st_size:
        raise DataError(f"{archive}: its members overlap; it isn't unpacked")
    if not files:
        raise DataError(f"{archive} holds no file; get it anew")
    return [(member, path) for path, member in files.items()]


def _path(archive: Path, member: zipfile.ZipInfo, top: str) -> PurePosixPath:
    """Where a member goes, relative to the top folder."""
    name = member.orig_filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{archive}: member {name!r} is a link or a device; it isn't unpacked")
    parts = name.removesuffix("/").split("/")
    safe = name.isprintable() and "\\" not in name and not PureWindowsPath(name).drive
    if not safe or parts[0] != top or any(part in ("", ".", "..") for part in parts):
        raise DataError(f"{archive}: member {name!r} doesn't lie below {top!r}; it isn't unpacked")
    if member.flag_bits & 1:
        raise DataError(f"{archive}: member {name!r} is encrypted; get the archive anew")
    return PurePosixPath(*parts[1:])


def _check_space(part: Path, members: list[tuple[zipfile.ZipInfo, PurePosixPath]], total: int) -> None:
    present = sum(member.file_size for member, path in members if (part / path).is_file())
    free = shutil.disk_usage(part.parent).free
    if total - present > free:
        raise DataError(f"{part.parent} has {free:,} bytes free and {total - present:,} are needed to unpack; make room")
